"""What Delta tables promise beyond tests/spark/test_formats.py, and the classes inside Delta that they stand on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from deltalake import DeltaTable
from moto import mock_aws

from contracts.errors import ContractInvalid, RetryableError
from glue_jobs.tables.delta import drafts
from glue_jobs.tables.delta.catalog import GlueCatalog
from glue_jobs.tables.delta.log import Log
from glue_jobs.tables.delta.tables import DeltaTables
from glue_jobs.tables.delta.upkeep import DeltaUpkeep
from rows.tables import TableColumn
from tests.spark.lake import Lake
from tests.spark.test_formats import held
from tests.table_operations import FEBRUARY, JANUARY, Operated, Rows, numbers

pytestmark = pytest.mark.push

AFTER_NOW = timedelta(seconds=1)
NUMBERS = numbers("test")


@pytest.fixture
def operated(lake: Lake) -> Operated:
    """A Delta table of numbers, which exists and holds nothing."""
    tables, table = DeltaTables(lake.spark), numbers(lake.environment)
    tables.ensure(table, may_evolve=False)
    return Operated(
        tables=tables,
        table=table,
        rows=lambda rows: lake.spark.createDataFrame(rows, "number int, day date"),
        held=held,
        delete_published=lambda condition: DeltaUpkeep(lake.spark).delete(table, condition),
    )


def folder(lake: Lake, operated: Operated) -> Path:
    """Where the table lies."""
    return Path(DeltaTables(lake.spark).path(operated.table))


def seen_by_another_reader(lake: Lake, operated: Operated) -> Rows:
    """The rows as deltalake reads them, which is not Spark and not from the JVM."""
    rows = DeltaTable(str(folder(lake, operated))).to_pyarrow_table(columns=["number", "day"])
    return sorted(zip(rows["number"].to_pylist(), rows["day"].to_pylist(), strict=True))


def test_the_classes_inside_delta_commit_files_by_their_names_and_refuse_another_base(
    lake: Lake, operated: Operated
) -> None:
    operated.load([(1, JANUARY)], "run_a")
    log = DeltaTables(lake.spark).log(operated.table)
    base, live = log.version(), log.live_files()
    log.commit_files({}, {"slipway.note": "x"}, base=base)
    assert (operated.published(), log.version()) == ([], base + 1)
    commit = log.commit_at(base + 1)
    assert commit is not None
    assert commit.notes == {"slipway.note": "x"}
    assert [file["path"] for file in commit.removes] == list(live)
    with pytest.raises(RetryableError, match=f"no longer at version {base}"):
        log.commit_files(live, {}, base=base)


def test_a_commit_that_is_overtaken_inside_delta_can_be_tried_again(
    lake: Lake, operated: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    operated.load([(1, JANUARY)], "run_a")
    log = DeltaTables(lake.spark).log(operated.table)
    look = Log.live_files

    def overtaken(self: Log, version: int | None = None) -> dict[str, Any]:
        monkeypatch.undo()  # once, after the transaction began
        operated.delete_published("number = 1")
        return look(self, version)

    monkeypatch.setattr(Log, "live_files", overtaken)
    with pytest.raises(RetryableError, match="run the whole batch again"):
        log.commit_files({}, {}, base=log.version())


def test_publishing_moves_no_file_and_another_reader_sees_only_what_is_published(
    lake: Lake, operated: Operated
) -> None:
    tables, table = operated.tables, operated.table
    operated.load([(1, JANUARY), (2, FEBRUARY)], "run_a")
    tables.start_draft(table, "run_b")
    tables.append(table, "run_b", operated.rows([(3, JANUARY)]))
    assert seen_by_another_reader(lake, operated) == [(1, JANUARY), (2, FEBRUARY)]
    before = set(folder(lake, operated).rglob("*.parquet"))
    tables.publish(table, "run_b", operated.draft_version("run_b"))
    assert set(folder(lake, operated).rglob("*.parquet")) == before
    assert seen_by_another_reader(lake, operated) == operated.published()
    assert operated.published() == [(1, JANUARY), (2, FEBRUARY), (3, JANUARY)]


def test_a_publication_that_was_killed_before_it_dropped_the_draft_is_recognised(
    lake: Lake, operated: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables, table = DeltaTables(lake.spark), operated.table
    tables.start_draft(table, "run_a")
    tables.append(table, "run_a", operated.rows([(1, JANUARY)]))
    version = operated.draft_version("run_a")
    with monkeypatch.context() as killed:
        killed.setattr(drafts, "drop", lambda *_: None)
        tables.publish(table, "run_a", version)
    commits = tables.log(table).version()
    assert tables.head(table, "run_a") == version
    tables.publish(table, "run_a", version)
    assert (tables.head(table), tables.log(table).version()) == (version, commits)
    assert tables.head(table, "run_a") is None


def test_an_older_attempt_that_still_writes_cannot_reach_the_draft_of_a_newer_one(
    operated: Operated,
) -> None:
    tables, table = operated.tables, operated.table
    tables.start_draft(table, "run_a")
    tables.append(table, "run_a", operated.rows([(1, JANUARY)]))
    older = operated.draft_version("run_a")
    tables.start_draft(table, "run_a")
    tables.append(table, "run_a", operated.rows([(2, JANUARY)]))
    with pytest.raises(RetryableError, match="run the whole batch again"):
        tables.publish(table, "run_a", older)
    assert operated.of_draft("run_a") == [(2, JANUARY)]


def test_a_rollback_takes_back_rows_and_neither_properties_nor_columns(
    lake: Lake, operated: Operated
) -> None:
    tables, upkeep, table = operated.tables, DeltaUpkeep(lake.spark), operated.table
    first = operated.load([(1, JANUARY)], "run_a")
    second = operated.load([(2, FEBRUARY)], "run_b")
    upkeep.set_property(table, "slipway.retained-from", "2024-01-01")
    wider = replace(table, columns=(*table.columns, TableColumn(name="n", type="int", comment="N")))
    assert tables.ensure(wider, may_evolve=True) == ["column 'n' int is added"]
    upkeep.rollback(table, first)
    assert (operated.published(), upkeep.ancestors(table)) == ([(1, JANUARY)], [first])
    assert tables.properties(table)["slipway.retained-from"] == "2024-01-01"
    assert tables.read(table).columns == ["number", "day", "n"]
    assert tables.changed_partitions(table, second, first) is None  # it was rolled back


def test_a_wider_type_is_refused_because_readers_of_delta_would_not_follow(
    operated: Operated,
) -> None:
    number, day = operated.table.columns
    wider = replace(operated.table, columns=(replace(number, type="bigint"), day))
    with pytest.raises(ContractInvalid, match="'number' is int in the table and bigint"):
        operated.tables.ensure(wider, may_evolve=True)


def test_upkeep_keeps_a_draft_that_waits_and_removes_what_no_version_knows(
    lake: Lake, operated: Operated
) -> None:
    tables, upkeep, table = operated.tables, DeltaUpkeep(lake.spark), operated.table
    first = operated.load([(1, JANUARY)], "run_a")
    tables.start_draft(table, "run_killed")
    tables.append(table, "run_killed", operated.rows([(8, JANUARY)]))
    operated.load([(2, FEBRUARY)], "run_b")
    tables.start_draft(table, "run_waits")
    tables.append(table, "run_waits", operated.rows([(9, JANUARY)]))
    now = datetime.now(UTC) + AFTER_NOW
    upkeep.expire(table, now, 2)
    assert upkeep.ancestors(table)[-1] == first  # of the newest two
    upkeep.expire(table, now, 1)
    assert first not in upkeep.ancestors(table)
    assert upkeep.remove_orphans(table, now) == 1  # of the draft that was killed
    assert upkeep.remove_orphans(table, now) == 0
    tables.publish(table, "run_waits", operated.draft_version("run_waits"))
    assert seen_by_another_reader(lake, operated) == [(1, JANUARY), (2, FEBRUARY), (9, JANUARY)]


def test_small_files_of_a_partition_are_joined_from_five_on(lake: Lake, operated: Operated) -> None:
    upkeep, table = DeltaUpkeep(lake.spark), operated.table
    operated.load([(1, FEBRUARY)], "run_0")
    for number in range(5):
        if number == 4:
            upkeep.compact(table, 128)
            assert upkeep.state(table).files == 5
        operated.load([(number, JANUARY)], f"run_{number + 1}")
    upkeep.compact(table, 128)
    state = upkeep.state(table)
    assert (state.files, state.rows) == (2, 6)
    assert operated.published() == seen_by_another_reader(lake, operated)


def test_after_an_erasure_no_file_and_no_log_names_what_left(
    lake: Lake, operated: Operated
) -> None:
    upkeep, table = DeltaUpkeep(lake.spark), operated.table
    operated.load([(1, JANUARY), (987654, JANUARY)], "run_a")
    operated.delete_published("number = 987654")
    kept = upkeep.ancestors(table)[0]
    upkeep.expire_all_but_published(table)
    upkeep.remove_orphans(table, datetime.now(UTC) + AFTER_NOW)
    assert (upkeep.ancestors(table), operated.published()) == ([kept], [(1, JANUARY)])
    place = folder(lake, operated)
    assert len([file for file in place.rglob("*.parquet") if "_delta_log" not in str(file)]) == 1
    named = [file for file in place.rglob("*") if file.is_file() and b"987654" in file.read_bytes()]
    assert named == []
    checkpoint = lake.spark.read.parquet(f"{place}/_delta_log/*.checkpoint.parquet")
    assert "987654" not in str(checkpoint.collect())


def test_a_log_is_read_from_a_checkpoint_as_from_its_commits(
    lake: Lake, operated: Operated
) -> None:
    log = DeltaTables(lake.spark).log(operated.table)
    operated.load([(1, JANUARY), (2, FEBRUARY)], "run_a")
    operated.load([(3, date(2024, 3, 1))], "run_b")
    before = (log.protocol(), log.metadata(), log.live_files().keys())
    log.forget_before(log.version())
    assert (log.protocol(), log.metadata(), log.live_files().keys()) == before
    assert operated.load([(4, JANUARY)], "run_c") in DeltaUpkeep(lake.spark).ancestors(
        operated.table
    )
    assert seen_by_another_reader(lake, operated) == operated.published()


@pytest.fixture
def glue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Glue Data Catalog with the database of the table of numbers."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("glue")
        client.create_database(DatabaseInput={"Name": NUMBERS.database})
        yield client


def entries(glue: Any) -> int:
    """How often the table's entry was written."""
    found = glue.get_table_versions(DatabaseName=NUMBERS.database, TableName=NUMBERS.name)
    return len(found["TableVersions"])


def test_athena_finds_the_table_with_its_real_columns_as_they_are_now(glue: Any) -> None:
    catalog, (number, day) = GlueCatalog(), NUMBERS.columns
    at = replace(day, name="at", type="timestamp_ntz")
    for columns in ((number, day), (number, day), (number, day, at)):
        catalog.require_free(NUMBERS)
        catalog.register(NUMBERS, columns, "s3://lake/tables/numbers")
    table = glue.get_table(DatabaseName=NUMBERS.database, Name=NUMBERS.name)["Table"]
    assert table["Parameters"]["table_type"] == "DELTA"
    assert table["Parameters"]["spark.sql.sources.provider"] == "delta"
    described = table["StorageDescriptor"]
    assert described["Location"] == "s3://lake/tables/numbers"
    assert [(column["Name"], column["Type"]) for column in described["Columns"]] == [
        ("number", "int"),
        ("day", "date"),
        ("at", "timestamp"),
    ]
    assert entries(glue) == 2  # the same again is no change
    kept = ("Name", "Description", "TableType", "Parameters")
    entry = {name: table[name] for name in kept}
    entry["StorageDescriptor"] = {**described, "Compressed": False, "NumberOfBuckets": 0}
    glue.update_table(DatabaseName=NUMBERS.database, TableInput=entry)
    catalog.register(NUMBERS, (number, day, at), "s3://lake/tables/numbers")
    assert entries(glue) == 3  # AWS itself adds such fields, with their defaults


def test_a_table_of_another_format_keeps_its_name(glue: Any) -> None:
    entry = {"Name": NUMBERS.name, "Parameters": {"table_type": "ICEBERG"}}
    glue.create_table(DatabaseName=NUMBERS.database, TableInput=entry)
    with pytest.raises(ContractInvalid, match="format ICEBERG, and the contract wants delta"):
        GlueCatalog().require_free(NUMBERS)
