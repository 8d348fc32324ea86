"""Curating in DuckDB: exactly the touched periods, totals that agree, and a run that may end at any commit.

tests/spark/test_curating.py states the rest for both engines, on rows that Spark has loaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest

from contracts.errors import ReconciliationFailed
from duckdb_jobs.tables.iceberg_tables import DuckDbTables
from rows.curation import RETAINED_FROM, SOURCE_SNAPSHOT
from rows.tables import Table
from tests.unit.duckdb_jobs.small_lake import Commits, Killed, Order, Side, SmallLake

FIRST, SECOND, THIRD, FOURTH = (f"20240501T10000{n}-0000000{n}" for n in range(1, 5))
JANUARY, FEBRUARY, MAY = date(2024, 1, 1), date(2024, 2, 1), date(2024, 5, 1)
EARLIER: tuple[Order, ...] = (
    (1, "2024-01-02", "open", "10.00"),
    (2, "2024-02-02", "paid", "20.50"),
    (3, "2024-05-02", "open", "50.00"),
)
LATER: tuple[Order, ...] = ((1, "2024-05-09", "open", "11.00"), (4, "2024-02-09", "open", "1.00"))
SHARE = os.environ.get("SLIPWAY_FAULTS", "")  # K/N: every N-th end from the K-th on (tests/deep.py)
EVERY_MONTH = [(JANUARY, "10.00"), (FEBRUARY, "20.50"), (MAY, "50.00")]


@pytest.fixture
def lake(tmp_path: Path) -> SmallLake:
    """An empty lake."""
    return SmallLake(tmp_path)


def by_month(lake: SmallLake) -> list[tuple[date, str]]:
    table = lake.curated["orders_by_month"]
    rows = lake.rows(table, "month_start", "amount")
    months = dict.fromkeys(month for month, _ in rows)
    return [(m, str(sum((a for month, a in rows if month == m), Decimal(0)))) for m in months]


def outcome(lake: SmallLake) -> dict[str, Any]:
    """All that must not depend on how often a run was killed."""
    rows = {name: lake.rows(table, "*") for name, table in lake.curated.items()}
    names = [column.name for column in lake.processed.columns]
    loaded = {table.name: lake.rows(table, *names) for table in lake.loaded[::2]}  # no quarantine
    return {**rows, **loaded, "drafts": lake.drafts()}


def test_exactly_the_periods_of_changed_rows_are_recomputed(lake: SmallLake) -> None:
    first = lake.run(FIRST, *EARLIER)
    assert [model.periods for model in first.models] == [
        (JANUARY, FEBRUARY, MAY),
        (JANUARY, date(2024, 4, 1)),
    ]
    assert by_month(lake) == EVERY_MONTH
    heads = lake.load(SECOND, *LATER)
    second = lake.curate(SECOND, heads)
    assert second.models[0].periods == (JANUARY, FEBRUARY, MAY)
    total = second.models[0].totals["amount"]
    assert (str(total.processed), str(total.curated)) == ("82.50", "82.50")
    assert by_month(lake) == [(FEBRUARY, "21.50"), (MAY, "61.00")]  # January has become empty
    again = lake.curate(SECOND, heads)
    pairs = [(model.before, model.snapshot) for model in second.models]
    assert [(model.before, model.snapshot) for model in again.models] == pairs
    assert lake.run(THIRD).models[0].is_untouched
    assert lake.drafts() == []


def test_periods_whose_rows_have_left_stay_as_they_are(lake: SmallLake) -> None:
    lake.run(FIRST, *EARLIER)
    with lake.tables() as tables:
        loaded = tables._load(lake.processed)
        with loaded.transaction() as transaction:
            transaction.set_properties({RETAINED_FROM: "2024-02-01"})
    result = lake.run(SECOND, (5, "2024-01-20", "open", "5.00"), (6, "2024-02-20", "open", "6.00"))
    assert (result.models[0].periods, result.models[0].kept_periods) == ((FEBRUARY,), (JANUARY,))
    assert by_month(lake) == [(JANUARY, "10.00"), (FEBRUARY, "26.50"), (MAY, "50.00")]
    (month, quarter) = lake.contract.curated
    lake.contract = replace(lake.contract, curated=(replace(month, sql=month.sql + " "), quarter))
    assert lake.run(THIRD).models[0].periods == (FEBRUARY, MAY)
    assert by_month(lake)[0] == (JANUARY, "10.00")


def test_totals_that_differ_fail_the_run_and_publish_nothing(lake: SmallLake) -> None:
    lake.run(FIRST, *EARLIER)
    (month, _) = lake.contract.curated
    sql = month.sql.replace("FROM orders", "FROM orders WHERE amount <> 1")
    lake.contract = replace(lake.contract, curated=(month, replace(month, name="lossy", sql=sql)))
    with pytest.raises(
        ReconciliationFailed, match=r"lossy .* amount 81.50, processed amount 82.50"
    ):
        lake.run(SECOND, *LATER)
    assert by_month(lake) == EVERY_MONTH
    assert len(lake.rows(lake.processed, "order_id")) == 3


@pytest.mark.parametrize("history", ["later run", "first run"] if SHARE else ["later run"])
def test_a_run_killed_before_or_after_any_commit_and_repeated_gives_the_same_tables(
    lake: SmallLake, history: str, tmp_path: Path
) -> None:
    lake.contract = replace(lake.contract, history=True)
    if history == "later run":
        lake.run(FIRST, *EARLIER)
    else:
        (lake.folder / "tables").mkdir()
    start = tmp_path / "aside"
    lake.keep(start)
    lake.commits.kinds.clear()
    lake.run(SECOND, *LATER)
    expected, kinds = outcome(lake), list(lake.commits.kinds)
    assert len(kinds) >= 10
    assert len(expected[lake.history.name]) == len(LATER) + len(
        EARLIER if history == "later run" else ()
    )
    for number, side in points(len(kinds)):
        lake.restore(start)
        lake.commits.kinds.clear()
        lake.commits.at, lake.commits.side = number, side
        with pytest.raises(Killed, match=f"{side} write {number}, "):
            lake.run(SECOND, *LATER)
        lake.commits.at = 0
        recovery = (SECOND, THIRD)[number % 2]  # the same run, or the next one
        lake.run(recovery, *LATER)
        assert outcome(lake) == expected, (number, side, kinds[number - 1], recovery)


@dataclass
class Watched(Commits):
    """Commits after each of which somebody looks."""

    look: Callable[[], object] = lambda: None

    def make(self, kind: str, write: Callable[[], Any]) -> Any:
        made = super().make(kind, write)
        self.look()
        return made


@dataclass(frozen=True)
class Look:
    """What a reader finds: a curated sum, that of the rows it names as its origin, and that of the newest rows."""

    curated: Decimal
    origin: Decimal
    newest: Decimal


def looks_at(lake: SmallLake) -> list[Look]:
    """Each curated table as it is published at this moment."""
    with lake.tables() as tables:

        def total(rows: str) -> Decimal:
            ((found,),) = tables.database.execute(f"SELECT sum(amount) FROM {rows}").fetchall()
            return Decimal(found)

        return [
            Look(
                curated=total(tables.read(table)),
                origin=total(tables.read(lake.processed, version=origin_of(tables, table))),
                newest=total(tables.read(lake.processed)),
            )
            for table in lake.curated.values()
        ]


def origin_of(tables: DuckDbTables, table: Table) -> int:
    """The version of the processed table that the published curated table says it was computed from."""
    return int(tables.last_properties(table, SOURCE_SNAPSHOT)[SOURCE_SNAPSHOT])


def test_a_curated_table_agrees_at_every_moment_with_the_version_that_it_names(
    lake: SmallLake,
) -> None:
    """docs/guarantees.md. The newest version of each is no consistent cut while a run publishes."""
    lake.run(FIRST, *EARLIER)
    seen: list[Look] = []
    lake.commits = Watched(look=lambda: seen.extend(looks_at(lake)))
    lake.run(SECOND, *LATER)
    assert {str(look.curated) for look in seen} == {"80.50", "82.50"}
    assert all(look.curated == look.origin for look in seen)
    assert any(look.curated != look.newest for look in seen)
    assert all(look.curated == look.newest for look in seen[-2:])


def points(commits: int) -> list[tuple[int, Side]]:
    """Where to end: one side of each commit in turn, or a share of both sides of all."""
    sides: tuple[Side, ...] = get_args(Side)
    every = [(number, side) for number in range(1, commits + 1) for side in sides]
    if "/" not in SHARE:
        return [(number, sides[number // 2 % 2]) for number in range(1, commits + 1)]
    part, _, parts = SHARE.partition("/")
    return every[int(part) - 1 :: int(parts)]
