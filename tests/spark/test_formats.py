"""What every table format must do on Spark, whichever one a contract names. A new format is one more value here."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args, get_type_hints

import pytest
from pyspark.sql import DataFrame

from contracts.model import Contract
from glue_jobs.tables.formats import Format, open_format
from tests.spark.lake import Lake
from tests.table_operations import (
    FEBRUARY,
    JANUARY,
    KeepsTableOperations,
    Operated,
    Rows,
    numbers,
)

FORMATS = get_args(get_type_hints(Contract)["table_format"])
SHIPPED = "iceberg"  # of all others `make test` has what is their own, such as test_delta.py


@pytest.fixture(
    params=[
        pytest.param(name, marks=() if name == SHIPPED else pytest.mark.deep) for name in FORMATS
    ]
)
def format_(request: pytest.FixtureRequest, lake: Lake) -> Format:
    """Each format that a contract may name."""
    return open_format(lake.spark, replace(lake.contract, table_format=request.param))


@pytest.fixture
def operated(lake: Lake, format_: Format) -> Operated:
    """A table of numbers, which exists and holds nothing."""
    table = numbers(lake.environment)
    format_.tables.ensure(table, may_evolve=False)
    return Operated(
        tables=format_.tables,
        table=table,
        rows=lambda rows: lake.spark.createDataFrame(rows, "number int, day date"),
        held=held,
        delete_published=lambda condition: format_.upkeep.delete(table, condition),
    )


def held(rows: DataFrame) -> Rows:
    return sorted((row["number"], row["day"]) for row in rows.collect())


class TestFormats(KeepsTableOperations):
    """The expectations of every engine."""


def test_a_compaction_changes_no_partition(format_: Format, operated: Operated) -> None:
    operated.load([(1, JANUARY)], "run_a")
    loaded = operated.load([(2, FEBRUARY)], "run_b")
    format_.upkeep.compact(operated.table, 128)
    compacted = format_.tables.head(operated.table)
    assert compacted is not None
    assert format_.tables.changed_partitions(operated.table, loaded, compacted) == []


def test_an_earlier_version_is_published_again_until_it_is_expired(
    format_: Format, operated: Operated
) -> None:
    upkeep, table = format_.upkeep, operated.table
    first = operated.load([(1, JANUARY)], "run_a")
    operated.load([(2, JANUARY)], "run_b")
    upkeep.rollback(table, first)
    assert operated.published() == [(1, JANUARY)]
    upkeep.expire_all_but_published(table)
    upkeep.remove_orphans(table, datetime.now(UTC) + timedelta(seconds=1))
    assert (operated.published(), upkeep.ancestors(table)[0]) == ([(1, JANUARY)], first)
    assert upkeep.state(table).rows == 1
    upkeep.rollback(table, None)
    assert operated.published() == []
