"""What every table format must do, whichever one a contract names. A new format is one more value here."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import get_args, get_type_hints

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from contracts.errors import RetryableError
from contracts.model import Contract
from glue_jobs.tables.formats import Format, open_format
from rows.tables import Table, TableColumn
from tests.spark.lake import Lake

FORMATS = get_args(get_type_hints(Contract)["table_format"])
JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)
Rows = list[tuple[int, date]]


@pytest.fixture(params=FORMATS)
def format_(request: pytest.FixtureRequest, lake: Lake) -> Format:
    """Each format that a contract may name."""
    return open_format(lake.spark, replace(lake.contract, table_format=request.param))


@pytest.fixture
def table(lake: Lake, format_: Format) -> Table:
    """A table of numbers by month, which exists and holds nothing."""
    made = Table(
        database=f"slipway_{lake.environment}_processed",
        name="numbers",
        columns=(
            TableColumn(name="number", type="int", comment="A number."),
            TableColumn(name="day", type="date", comment="Its day."),
        ),
        partition_column="day",
        partition_transform="month",
        comment="Numbers by month.",
        location=None,
    )
    format_.tables.ensure(made, may_evolve=False)
    return made


def frame(lake: Lake, rows: Rows) -> DataFrame:
    return lake.spark.createDataFrame(rows, "number int, day date")


def held(rows: DataFrame) -> Rows:
    return sorted((row["number"], row["day"]) for row in rows.collect())


def load(lake: Lake, format_: Format, table: Table, rows: Rows, draft: str) -> int:
    """Append rows in a draft and publish it; the version that is published then."""
    format_.tables.start_draft(table, draft)
    format_.tables.append(table, draft, frame(lake, rows))
    version = format_.tables.head(table, draft)
    assert version is not None
    format_.tables.publish(table, draft, version)
    return version


def test_nobody_sees_a_draft_until_it_is_published_and_publishing_again_is_harmless(
    lake: Lake, format_: Format, table: Table
) -> None:
    tables = format_.tables
    assert tables.start_draft(table, "run_a") is None
    tables.append(table, "run_a", frame(lake, [(1, JANUARY)]))
    assert held(tables.read(table)) == []
    assert held(tables.read(table, draft="run_a")) == [(1, JANUARY)]
    version = tables.head(table, "run_a")
    assert version is not None
    for _ in range(2):
        tables.publish(table, "run_a", version)
    assert (held(tables.read(table)), tables.head(table)) == ([(1, JANUARY)], version)
    assert tables.head(table, "run_a") is None


def test_a_draft_whose_base_was_overtaken_is_refused_and_changes_nothing(
    lake: Lake, format_: Format, table: Table
) -> None:
    tables = format_.tables
    load(lake, format_, table, [(1, JANUARY)], "run_a")
    tables.start_draft(table, "run_b")
    tables.append(table, "run_b", frame(lake, [(2, JANUARY)]))
    stale = tables.head(table, "run_b")
    assert stale is not None
    format_.upkeep.delete(table, "number = 1")
    with pytest.raises(RetryableError, match="run the whole batch again"):
        tables.publish(table, "run_b", stale)
    assert held(tables.read(table)) == []


def test_a_new_draft_drops_those_of_killed_runs_which_can_never_publish(
    lake: Lake, format_: Format, table: Table
) -> None:
    tables = format_.tables
    tables.start_draft(table, "run_killed")
    tables.append(table, "run_killed", frame(lake, [(1, JANUARY)]))
    left = tables.head(table, "run_killed")
    assert left is not None
    tables.start_draft(table, "run_next")
    with pytest.raises(RetryableError):
        tables.publish(table, "run_killed", left)
    assert held(tables.read(table)) == []


def test_a_merge_updates_what_matches_and_is_newer_and_inserts_what_is_new(
    lake: Lake, format_: Format, table: Table
) -> None:
    tables = format_.tables
    load(lake, format_, table, [(1, JANUARY), (2, FEBRUARY)], "run_a")
    tables.start_draft(table, "run_b")
    rows = frame(lake, [(1, date(2023, 12, 1)), (2, date(2024, 2, 9)), (3, JANUARY)])
    tables.merge(table, "run_b", rows, on="t.number = s.number", newer="s.day > t.day")
    assert held(tables.read(table, draft="run_b")) == [
        (1, JANUARY),
        (2, date(2024, 2, 9)),
        (3, JANUARY),
    ]
    tables.delete(table, "run_b", "number = 3")
    assert held(tables.read(table, draft="run_b")) == [(1, JANUARY), (2, date(2024, 2, 9))]


def test_changed_partitions_are_those_whose_rows_may_differ_and_a_compaction_changes_none(
    lake: Lake, format_: Format, table: Table
) -> None:
    tables = format_.tables
    first = load(lake, format_, table, [(1, JANUARY)], "run_a")
    second = load(lake, format_, table, [(2, FEBRUARY)], "run_b")
    assert tables.changed_partitions(table, first, second) == [FEBRUARY]
    format_.upkeep.compact(table, 128)
    compacted = tables.head(table)
    assert compacted is not None
    assert tables.changed_partitions(table, second, compacted) == []
    assert tables.changed_partitions(table, 1, compacted) is None  # not known, or rolled back


def test_a_replaced_partition_remembers_its_properties_in_the_version(
    lake: Lake, format_: Format, table: Table
) -> None:
    tables = format_.tables
    load(lake, format_, table, [(1, JANUARY), (2, FEBRUARY)], "run_a")
    tables.start_draft(table, "run_b")
    scope = F.col("day") == F.lit(JANUARY)
    tables.replace(table, "run_b", frame(lake, [(9, JANUARY)]), scope, {"slipway.source": "7"})
    version = tables.head(table, "run_b")
    assert version is not None
    tables.publish(table, "run_b", version)
    assert held(tables.read(table)) == [(2, FEBRUARY), (9, JANUARY)]
    assert tables.last_properties(table, "slipway.source")["slipway.source"] == "7"


def test_an_earlier_version_is_read_and_published_again_until_it_is_expired(
    lake: Lake, format_: Format, table: Table
) -> None:
    tables, upkeep = format_.tables, format_.upkeep
    first = load(lake, format_, table, [(1, JANUARY)], "run_a")
    load(lake, format_, table, [(2, JANUARY)], "run_b")
    assert held(tables.read(table, version=first)) == [(1, JANUARY)]
    upkeep.rollback(table, first)
    assert held(tables.read(table)) == [(1, JANUARY)]
    upkeep.expire_all_but_published(table)
    upkeep.remove_orphans(table, datetime.now(UTC) + timedelta(seconds=1))
    assert (held(tables.read(table)), upkeep.ancestors(table)[0]) == ([(1, JANUARY)], first)
    assert upkeep.state(table).rows == 1
    upkeep.rollback(table, None)
    assert held(tables.read(table)) == []
