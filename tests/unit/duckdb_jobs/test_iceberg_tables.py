"""Iceberg tables of the DuckDB engine: what every engine promises, and what only this one must look after."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyiceberg.table import DataScan, FileScanTask

from contracts.errors import ContractInvalid, NeedsSpark, PermanentError, RetryableError
from contracts.model import PartitionTransform
from duckdb_jobs.tables.iceberg_tables import DuckDbTables
from duckdb_jobs.tables.local_files import LocalFiles
from rows.iceberg import PROPERTIES
from rows.tables import Table, TableColumn
from tests.hadoop_catalog import HadoopCatalog
from tests.table_operations import FEBRUARY, JANUARY, KeepsTableOperations, Operated, numbers
from tests.unit.duckdb_jobs.conftest import relation

EVERY_TYPE = {
    "text": ("string", "an even longer text than sixteen", "é"),
    "small": ("int", 7, -7),
    "large": ("bigint", 7_000_000_000, None),
    "amount": ("decimal(20,2)", Decimal("12345678901234567.89"), Decimal("-0.01")),
    "day": ("date", date(2024, 2, 29), date(1969, 12, 31)),
    "moment": ("timestamp_ntz", datetime(2024, 2, 29, 1, 2, 3, 4), datetime(1960, 1, 1)),
    "flag": ("boolean", True, None),
    "rules": ("array<string>", ["b", "a"], None),
}


def columns(**kinds: str) -> tuple[TableColumn, ...]:
    return tuple(
        TableColumn(name=name, type=kind, comment=f"About {name}.") for name, kind in kinds.items()
    )


class TestDuckDbTables(KeepsTableOperations):
    """The expectations of every engine."""


def test_a_table_gets_the_properties_comments_and_ids_that_spark_gives_it(
    tables: DuckDbTables, catalog: HadoopCatalog
) -> None:
    table = replace(numbers("test"), properties={"slipway.personal-data.1.0.0": "{}"})
    for _ in range(2):
        assert tables.ensure(table, may_evolve=False) == []
    loaded = catalog.load_table((table.database, table.name))
    own = {"comment": "Numbers by month.", "slipway.personal-data.1.0.0": "{}"}
    expected = {**PROPERTIES, **own}
    expected.pop("format-version")  # stands in the metadata itself
    assert loaded.metadata.format_version == 2
    assert tables.properties(table) == expected
    fields = loaded.schema().fields
    assert [(field.field_id, field.name, field.required, field.doc) for field in fields] == [
        (1, "number", False, "A number."),
        (2, "day", False, "Its day."),
    ]
    assert [field.name for field in loaded.spec().fields] == ["day_month"]


def test_every_type_comes_back_as_it_was_written(
    tables: DuckDbTables, database: duckdb.DuckDBPyConnection
) -> None:
    kinds = {name: kind for name, (kind, _, _) in EVERY_TYPE.items()}
    table = replace(numbers("test"), columns=columns(**kinds))
    tables.ensure(table, may_evolve=False)
    tables.start_draft(table, "run_a")
    names = ", ".join(kinds)
    database.execute(
        "CREATE TABLE given (text varchar, small int, large bigint, amount decimal(20,2), day date, "
        "moment timestamp, flag boolean, rules varchar[])"
    )
    rows = [tuple(values[side] for values in EVERY_TYPE.values()) for side in (1, 2)]
    database.executemany(f"INSERT INTO given VALUES ({', '.join('?' * len(kinds))})", rows)
    tables.append(table, "run_a", "given")
    read = tables.read(table, draft="run_a")
    assert database.execute(f"SELECT {names} FROM {read} ORDER BY small DESC").fetchall() == rows


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        ("identity", [date(1969, 12, 31), date(2024, 2, 29)]),
        ("day", [date(1969, 12, 31), date(2024, 2, 29)]),
        ("month", [date(1969, 12, 1), date(2024, 2, 1)]),
        ("year", [date(1969, 1, 1), date(2024, 1, 1)]),
    ],
)
def test_partitions_are_told_by_their_first_day_also_before_1970(
    tables: DuckDbTables, transform: PartitionTransform, expected: list[date]
) -> None:
    table = replace(numbers("test"), partition_transform=transform)
    tables.ensure(table, may_evolve=False)
    tables.start_draft(table, "run_a")
    before = tables.head(table, "run_a")
    tables.append(table, "run_a", relation([(1, date(1969, 12, 31)), (2, date(2024, 2, 29))]))
    after = tables.head(table, "run_a")
    assert before is not None
    assert after is not None
    assert tables.changed_partitions(table, before, after) == expected


def test_a_table_is_evolved_by_what_loses_nothing_and_old_rows_are_read_as_what_they_are_now(
    operated: Operated, database: duckdb.DuckDBPyConnection, tables: DuckDbTables
) -> None:
    operated.load([(1, JANUARY)], "run_a")
    kinds = {"colour": "string", "day": "date", "number": "bigint"}
    wider = replace(operated.table, columns=columns(**kinds), properties={"slipway.x": "1"})
    with pytest.raises(ContractInvalid, match="each is safe, but schemaChange"):
        tables.ensure(wider, may_evolve=False)
    assert tables.ensure(wider, may_evolve=True) == [
        "column 'colour' string is added",
        "column 'number' is widened from int to bigint",
        "the columns are put into the order of the contract",
    ]
    assert tables.properties(wider)["slipway.x"] == "1"
    tables.start_draft(wider, "run_b")
    tables.append(wider, "run_b", f"(SELECT 'red' AS colour, * FROM {relation([(2, JANUARY)])})")
    found = database.execute(f"SELECT * FROM {tables.read(wider, draft='run_b')} ORDER BY number")
    assert found.fetchall() == [(None, JANUARY, 1), ("red", JANUARY, 2)]
    assert tables.ensure(wider, may_evolve=False) == []
    changed = replace(wider, properties={"slipway.x": "2"})
    with pytest.raises(ContractInvalid, match=r"remembers slipway\.x = 1"):
        tables.ensure(changed, may_evolve=True)
    days = replace(wider, partition_transform="day")
    with pytest.raises(ContractInvalid, match="partitioned by day_month, and the contract wants"):
        tables.ensure(days, may_evolve=True)
    narrower = replace(wider, columns=columns(day="date", number="bigint"))
    with pytest.raises(ContractInvalid, match="'colour' is string in the table and not in the"):
        tables.ensure(narrower, may_evolve=True)


def test_each_write_is_one_snapshot_and_a_write_of_nothing_is_none(
    operated: Operated, catalog: HadoopCatalog
) -> None:
    tables, table = operated.tables, operated.table
    operated.load([(1, JANUARY), (2, FEBRUARY)], "run_a")

    def snapshots() -> list[Any]:
        return catalog.load_table((table.database, table.name)).metadata.snapshots

    tables.start_draft(table, "run_b")
    before = len(snapshots())
    on = "t.number = s.number"
    tables.merge(table, "run_b", relation([(1, FEBRUARY)]), on=on, newer="TRUE")
    assert len(snapshots()) == before + 1
    tables.replace(table, "run_b", relation([(3, JANUARY)]), "number = 2", {"slipway.a": "b"})
    assert len(snapshots()) == before + 2
    tables.delete(table, "run_b", "number = 9")
    tables.merge(table, "run_b", relation([(1, FEBRUARY)]), on=on, newer="FALSE")
    tables.update(table, "run_b", relation([(9, FEBRUARY)]), on=on, when="TRUE", values={})
    assert len(snapshots()) == before + 2
    assert operated.of_draft("run_b") == [(1, FEBRUARY), (3, JANUARY)]
    empty = "(SELECT * FROM " + relation([(3, JANUARY)]) + " WHERE FALSE)"
    tables.replace(table, "run_b", empty, "TRUE", {"slipway.a": "c"})  # but its memory is kept
    assert len(snapshots()) == before + 3
    assert operated.of_draft("run_b") == []


def test_two_rows_for_one_row_of_the_table_are_refused(operated: Operated) -> None:
    operated.load([(1, JANUARY)], "run_a")
    operated.tables.start_draft(operated.table, "run_b")
    rows = relation([(1, FEBRUARY), (1, date(2024, 3, 1))])
    with pytest.raises(PermanentError, match="two rows of the batch match one row"):
        operated.tables.merge(
            operated.table, "run_b", rows, on="t.number = s.number", newer="s.day > t.day"
        )


def test_an_attempt_that_was_taken_for_dead_can_neither_write_nor_publish(
    operated: Operated, database: duckdb.DuckDBPyConnection, catalog: HadoopCatalog, tmp_path: Path
) -> None:
    zombie, table = operated.tables, operated.table
    operated.load([(1, JANUARY)], "run_0")
    zombie.start_draft(table, "run_1")
    zombie.append(table, "run_1", relation([(2, JANUARY)]))
    left = operated.draft_version("run_1")
    next_attempt = DuckDbTables(database, catalog, LocalFiles(tmp_path / "next", 10**6))
    for draft in ("run_2", "run_1"):  # a later run, and another attempt of the same run
        next_attempt.start_draft(table, draft)
        for write in (
            lambda: zombie.append(table, "run_1", relation([(3, JANUARY)])),
            lambda: zombie.delete(table, "run_1", "TRUE"),
            lambda: zombie.publish(table, "run_1", left),
        ):
            with pytest.raises(RetryableError, match="run the whole batch again"):
                write()
        next_attempt.append(table, draft, relation([(4, JANUARY)]))
        version = next_attempt.head(table, draft)
        assert version is not None
        next_attempt.publish(table, draft, version)
    assert operated.published() == [(1, JANUARY), (4, JANUARY), (4, JANUARY)]


def test_a_commit_that_was_overtaken_between_look_and_write_is_not_tried_again(
    operated: Operated, tables: DuckDbTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    operated.load([(1, JANUARY)], "run_0")
    tables.start_draft(operated.table, "run_1")
    stale = tables._load(operated.table)
    tables.append(operated.table, "run_1", relation([(2, JANUARY)]))
    tables._heads.clear()  # of another process
    monkeypatch.setattr(tables, "_load", lambda _: stale)
    with pytest.raises(RetryableError, match="somebody else changed the table in the meantime"):
        tables.append(operated.table, "run_1", relation([(3, JANUARY)]))
    monkeypatch.undo()
    assert operated.of_draft("run_1") == [(1, JANUARY), (2, JANUARY)]


def test_what_a_run_noted_down_replaces_what_its_earlier_attempt_noted(
    tables: DuckDbTables, database: duckdb.DuckDBPyConnection
) -> None:
    table = replace(numbers("test"), columns=columns(run_id="string", day="date"))
    tables.ensure(table, may_evolve=False)
    for run_id, day in (("a", JANUARY), ("b", JANUARY), ("a", FEBRUARY)):
        tables.record(table, f"(SELECT '{run_id}' AS run_id, DATE '{day}' AS day)", run_id=run_id)
    found = database.execute(f"SELECT run_id, day FROM {tables.read(table)} ORDER BY 1").fetchall()
    assert found == [("a", FEBRUARY), ("b", JANUARY)]


def test_files_that_cannot_hold_a_row_are_not_read_and_too_many_bytes_need_spark(
    operated: Operated, database: duckdb.DuckDBPyConnection, catalog: HadoopCatalog, tmp_path: Path
) -> None:
    operated.load([(1, JANUARY), (2, FEBRUARY)], "run_a")
    size = max(path.stat().st_size for path in tmp_path.rglob("tables/**/*.parquet"))
    files = LocalFiles(tmp_path / "small", size)
    tables, table = DuckDbTables(database, catalog, files), operated.table
    one = tables.read(table, where=f"day >= DATE '{FEBRUARY}' AND number IN (2, 3)")
    assert operated.held(one) == [(2, FEBRUARY)]
    assert 0 < files.bytes_read <= size
    with pytest.raises(NeedsSpark, match="the DuckDB engine reads at most"):
        tables.read(table)


def test_a_table_with_row_deletes_needs_spark(
    operated: Operated, tables: DuckDbTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    operated.load([(1, JANUARY)], "run_a")
    plan = DataScan.plan_files

    def with_deletes(scan: DataScan) -> list[FileScanTask]:
        return [FileScanTask(task.file, delete_files={task.file}) for task in plan(scan)]

    monkeypatch.setattr(DataScan, "plan_files", with_deletes)
    with pytest.raises(NeedsSpark, match="row deletes, which only Spark applies"):
        tables.read(operated.table)


def test_a_column_type_that_no_contract_has_needs_spark(tables: DuckDbTables) -> None:
    table: Table = replace(numbers("test"), columns=columns(number="double", day="date"))
    with pytest.raises(NeedsSpark, match="'double' is none that the DuckDB engine writes"):
        tables.ensure(table, may_evolve=False)


def data_files(tmp_path: Path) -> set[Path]:
    """All files below the tables but their metadata documents, of which each commit leaves one."""
    files = {file for file in (tmp_path / "tables").rglob("*") if file.is_file()}
    return {file for file in files if file.suffix in (".parquet", ".avro")}


def test_old_versions_leave_with_the_files_that_only_they_name(
    tables: DuckDbTables, database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    table, everything = numbers("test"), datetime(2100, 1, 1, tzinfo=UTC)
    tables.ensure(table, may_evolve=False)
    versions = []
    for number in range(4):
        tables.start_draft(table, f"run_{number}")
        more = [(7, FEBRUARY)] if number == 0 else []
        rows = relation([(number, JANUARY), *more])
        condition = "TRUE" if number == 0 else f"day < DATE '{FEBRUARY}'"
        tables.replace(table, f"run_{number}", rows, condition, {"number": str(number)})
        versions.append(tables.head(table, f"run_{number}") or 0)
        tables.publish(table, f"run_{number}", versions[-1])
    tables.start_draft(table, "run_killed")
    tables.append(table, "run_killed", relation([(99, JANUARY)]))
    before = data_files(tmp_path)
    assert tables.expire(table, datetime(2000, 1, 1, tzinfo=UTC), 2) == 0
    assert data_files(tmp_path) == before

    assert tables.expire(table, everything, 2) == 3  # the empty one, and two that were published
    assert [version for version, _ in tables.history(table)] == versions[:1:-1]
    for version, number in ((versions[3], 3), (versions[2], 2)):
        read = f"SELECT number FROM {tables.read(table, version=version)} ORDER BY 1"
        assert database.execute(read).fetchall() == [(number,), (7,)]
    left = data_files(tmp_path)
    assert left < before
    assert sum(file.suffix == ".parquet" for file in left) == 4  # 2, 3, 7, and 99 of the branch
    published = tables.published(table)
    assert published is not None
    assert published.version == versions[3]

    tables.start_draft(table, "run_next")
    tables.append(table, "run_next", relation([(4, JANUARY)]))
    tables.publish(table, "run_next", tables.head(table, "run_next") or 0)
    assert tables.expire(table, everything, 1) == 3  # with what the killed run had left
    assert sum(file.suffix == ".parquet" for file in data_files(tmp_path)) == 3
    read = f"SELECT number FROM {tables.read(table)} ORDER BY 1"
    assert database.execute(read).fetchall() == [(3,), (4,), (7,)]


def test_a_table_that_is_not_there_has_nothing_to_expire(tables: DuckDbTables) -> None:
    assert tables.expire(numbers("test"), datetime(2100, 1, 1, tzinfo=UTC), 1) == 0
