"""Both engines on one table, in turns: each reads and changes what the other wrote, also after Spark's maintenance."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from pyspark.sql import DataFrame

from glue_jobs.tables.iceberg.upkeep import IcebergUpkeep
from rows.tables import Table, TableColumn
from tests.spark.lake import Lake, second_engine
from tests.table_operations import FEBRUARY, JANUARY, Rows, numbers
from tests.unit.duckdb_jobs.conftest import relation

pytestmark = pytest.mark.push

ON, NEWER = "t.number = s.number", "s.day > t.day"
MARCH = date(2024, 3, 1)


def spark_writes(lake: Lake, table: Table, rows: Rows, draft: str) -> None:
    tables = lake.tables
    tables.start_draft(table, draft)
    frame = lake.spark.createDataFrame(rows, "number int, day date")
    tables.merge(table, draft, frame, on=ON, newer=NEWER)
    tables.publish(table, draft, tables.head(table, draft) or 0)


def duckdb_writes(lake: Lake, table: Table, rows: Rows, draft: str) -> None:
    with second_engine(lake) as tables:
        tables.start_draft(table, draft)
        tables.merge(table, draft, relation(rows), on=ON, newer=NEWER)
        tables.publish(table, draft, tables.head(table, draft) or 0)


def seen(lake: Lake, table: Table) -> Rows:
    """The rows as both engines read them."""
    frame: DataFrame = lake.tables.read(table)
    by_spark = sorted((row["number"], row["day"]) for row in frame.collect())
    with second_engine(lake) as tables:
        found = tables.database.execute(f"SELECT number, day FROM {tables.read(table)}").fetchall()
    assert sorted(found) == by_spark
    return by_spark


def test_both_engines_change_one_table_in_turns_with_maintenance_in_between(lake: Lake) -> None:
    table, upkeep = numbers(lake.environment), IcebergUpkeep(lake.spark)
    with second_engine(lake) as tables:
        tables.ensure(table, may_evolve=False)
    assert lake.tables.ensure(table, may_evolve=False) == []
    duckdb_writes(lake, table, [(1, JANUARY), (2, JANUARY)], "run_1")
    spark_writes(lake, table, [(2, FEBRUARY), (3, JANUARY)], "run_2")
    assert seen(lake, table) == [(1, JANUARY), (2, FEBRUARY), (3, JANUARY)]
    for number in range(4, 10):
        duckdb_writes(lake, table, [(number, JANUARY)], f"run_{number}")
    before = lake.tables.head(table)
    files = upkeep.state(table).files
    upkeep.compact(table, 128)
    upkeep.expire(table, datetime.now(UTC), 1)
    assert upkeep.state(table).files < files
    with second_engine(lake) as tables:
        assert tables.changed_partitions(table, before or 0, tables.head(table) or 0) is None
    duckdb_writes(lake, table, [(1, MARCH), (2, JANUARY)], "run_a")
    spark_writes(lake, table, [(9, MARCH)], "run_b")
    assert seen(lake, table) == [
        (1, MARCH),
        (2, FEBRUARY),
        *((number, JANUARY) for number in range(3, 9)),
        (9, MARCH),
    ]
    assert upkeep.remove_orphans(table, datetime.now(UTC)) == 0


def test_each_engine_evolves_and_reads_a_table_that_the_other_made(lake: Lake) -> None:
    made, extra = numbers(lake.environment), TableColumn(name="x", type="string", comment="New.")
    wider = replace(made, columns=(extra, made.columns[1], replace(made.columns[0], type="bigint")))
    lake.tables.ensure(made, may_evolve=False)
    spark_writes(lake, made, [(1, JANUARY)], "run_1")
    with second_engine(lake) as tables:
        assert len(tables.ensure(wider, may_evolve=True)) == 3
        tables.start_draft(wider, "run_2")
        tables.append(wider, "run_2", f"(SELECT 'red' AS x, * FROM {relation([(2, MARCH)])})")
        tables.publish(wider, "run_2", tables.head(wider, "run_2") or 0)
    assert lake.tables.ensure(wider, may_evolve=False) == []
    assert lake.rows(wider, "number", "x", "day") == [(1, None, JANUARY), (2, "red", MARCH)]
    last = replace(wider, columns=(*wider.columns, replace(extra, name="y")))
    assert len(lake.tables.ensure(last, may_evolve=True)) == 1
    lake.tables.start_draft(last, "run_3")
    lake.tables.delete(last, "run_3", "number = 1")
    lake.tables.publish(last, "run_3", lake.tables.head(last, "run_3") or 0)
    with second_engine(lake) as tables:
        assert tables.ensure(last, may_evolve=False) == []
        found = tables.database.execute(f"SELECT * FROM {tables.read(last)}").fetchall()
        memory = tables.properties(last)
    assert found == [("red", MARCH, 2, None)]
    assert memory == lake.tables.properties(last)
