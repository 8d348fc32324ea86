"""processed_to_curated: exactly the touched periods, totals that must agree, and publication that survives a crash."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from contracts.errors import ReconciliationFailed, RetryableError
from glue_jobs.tables import Table
from glue_jobs.tables.iceberg import IcebergTables
from tests.spark.lake import Lake, lines

FIRST, SECOND, THIRD, FOURTH = (f"20240501T10000{n}-0000000{n}" for n in range(1, 5))
JANUARY, FEBRUARY, MAY = "2024-01-01", "2024-02-01", "2024-05-01"


class Killed(Exception):
    """Stands for the end of the process."""


class DyingTables(IcebergTables):
    """Tables whose process is killed after so many publications."""

    def __init__(self, lake: Lake, publications: int) -> None:
        super().__init__(lake.spark)
        self._left = publications

    def publish(self, table: Table, branch: str, snapshot: int) -> None:
        if self._left == 0:
            raise Killed(table.name)
        self._left -= 1
        super().publish(table, branch, snapshot)


def periods(result: dict[str, Any]) -> dict[str, list[str]]:
    """Recomputed periods by model."""
    return {model["name"]: model["periods"] for model in result["models"]}


@pytest.fixture
def filled(lake: Lake) -> Lake:
    """A lake with orders in January, February and May."""
    rows = ("1,1/2/2024,open,1,10.00,a", "2,2/2/2024,open,1,20.00,a", "3,5/2/2024,open,1,50.00,a")
    lake.run(lake.put(lines(*rows), "0.csv", 0), run_id=FIRST)
    return lake


def test_a_first_run_computes_all_periods_and_their_totals(lake: Lake) -> None:
    lake.load(lake.put(lines("1,1/2/2024,open,1,10.00,a", "2,5/2/2024,paid,1,20.50,a")), run_id=FIRST)
    result = lake.curate(FIRST)
    assert periods(result) == {"orders_by_month": [JANUARY, MAY], "orders_by_quarter": [JANUARY, "2024-04-01"]}
    assert result["models"][0]["totals"] == {"amount": {"processed": "30.50", "curated": "30.50"}}
    assert result["models"][0]["rows"] == 2
    assert result["published"] is True
    assert lake.by_month() == {JANUARY: Decimal("10.00"), MAY: Decimal("20.50")}


def test_exactly_the_periods_of_changed_rows_are_recomputed(filled: Lake) -> None:
    filled.load(filled.put(lines("4,2/9/2024,open,1,1.00,new"), "1.csv", 1), run_id=SECOND)
    added = filled.curate(SECOND)
    assert periods(added) == {"orders_by_month": [FEBRUARY], "orders_by_quarter": [JANUARY]}
    assert added["models"][0]["totals"] == {"amount": {"processed": "21.00", "curated": "21.00"}}
    assert filled.by_month() == {JANUARY: Decimal("10.00"), FEBRUARY: Decimal("21.00"), MAY: Decimal("50.00")}

    filled.load(filled.put(lines("1,5/9/2024,open,1,10.00,moved"), "2.csv", 2), run_id=THIRD)
    assert periods(filled.curate(THIRD))["orders_by_month"] == [JANUARY, MAY]
    assert filled.by_month() == {FEBRUARY: Decimal("21.00"), MAY: Decimal("60.00")}  # January has become empty

    filled.load(filled.put(lines("x,5/9/2024,open,1,10.00,broken"), "3.csv", 3), run_id=FOURTH)
    unchanged = filled.curate(FOURTH)
    assert periods(unchanged) == {"orders_by_month": [], "orders_by_quarter": []}
    assert [model["snapshot"] for model in unchanged["models"]] == [None, None]


def test_a_model_that_is_new_or_has_changed_is_computed_from_all_rows(filled: Lake) -> None:
    month, quarter = filled.contract.curated
    changed = replace(month, sql=month.sql.replace("count(*)", "count(quantity)"))
    added = replace(month, name="orders_again")
    filled.contract = replace(filled.contract, curated=(changed, quarter, added))
    filled.load(filled.put(lines("4,2/9/2024,open,,1.00,a"), "1.csv", 1), run_id=SECOND)
    every = [JANUARY, FEBRUARY, MAY]
    expected = {"orders_by_month": every, "orders_by_quarter": [JANUARY], "orders_again": every}
    assert periods(filled.curate(SECOND)) == expected
    assert filled.rows(filled.curated("orders_by_month"), "orders") == [(1,), (1,), (1,)]


def test_periods_come_from_the_rows_when_a_model_follows_another_date_than_the_partitions(filled: Lake) -> None:
    by_day = replace(filled.contract, dataset="orders", partition_column="order_date", partition_transform="year")
    filled.contract = replace(by_day, dataset="yearly")
    filled.contract = replace(
        filled.contract,
        curated=tuple(
            replace(m, sql=m.sql.replace("FROM orders", "FROM yearly"), name=f"yearly_{m.name}") for m in by_day.curated
        ),
    )
    filled.run(filled.put(lines("1,1/2/2024,open,1,10.00,a", "2,5/2/2025,open,1,20.00,a"), "0.csv", 0), run_id=FIRST)
    filled.load(filled.put(lines("1,3/9/2024,open,1,10.00,a"), "1.csv", 1), run_id=SECOND)
    assert periods(filled.curate(SECOND))["yearly_orders_by_month"] == [JANUARY, "2024-03-01"]
    found = filled.rows(filled.curated("yearly_orders_by_month"), "month_start", "amount")
    assert [(str(day), amount) for day, amount in found] == [
        ("2024-03-01", Decimal("10.00")),
        ("2025-05-01", Decimal("20.00")),
    ]


def test_totals_that_differ_fail_the_run_with_both_figures_and_publish_nothing(filled: Lake) -> None:
    month, quarter = filled.contract.curated
    lossy = replace(quarter, sql=quarter.sql.replace("FROM orders", "FROM orders WHERE amount <> 1"))
    filled.contract = replace(filled.contract, curated=(month, lossy))
    filled.load(filled.put(lines("4,2/9/2024,open,1,1.00,a"), "1.csv", 1), run_id=SECOND)
    with pytest.raises(
        ReconciliationFailed, match=r"orders_by_quarter differs .* amount 80.00, processed amount 81.00"
    ):
        filled.curate(SECOND)
    assert filled.by_month() == {JANUARY: Decimal("10.00"), FEBRUARY: Decimal("20.00"), MAY: Decimal("50.00")}
    assert len(filled.rows(filled.processed, "order_id")) == 3


@pytest.mark.parametrize(
    ("publications", "repair"),
    [(1, "retry of the job"), (3, "retry of the job"), (1, "a later run"), (3, "a later run")],
)
def test_a_crash_between_publications_is_repaired(filled: Lake, publications: int, repair: str) -> None:
    file = filled.put(lines("1,5/9/2024,open,1,11.00,a", "x,5/9/2024,open,1,10.00,a"), "1.csv", 1)
    filled.load(file, run_id=SECOND)
    with pytest.raises(Killed):
        filled.curate(SECOND, DyingTables(filled, publications))
    if repair == "a later run":
        filled.load(file, run_id=THIRD)
        filled.curate(THIRD)
    else:
        filled.curate(SECOND)
    assert filled.rows(filled.processed, "order_id") == [(1,), (2,), (3,)]
    assert len(filled.rows(filled.quarantine, "raw_text")) == 1
    expected = {FEBRUARY: Decimal("20.00"), MAY: Decimal("61.00")}
    assert filled.by_month() == expected
    quarters = filled.rows(filled.curated("orders_by_quarter"), "quarter_start", "amount")
    assert [(str(day), amount) for day, amount in quarters] == [
        (JANUARY, Decimal("20.00")),
        ("2024-04-01", Decimal("61.00")),
    ]


def test_a_table_changed_meanwhile_is_not_overwritten(filled: Lake) -> None:
    filled.curate(FIRST)  # publishing what is published is harmless
    filled.load(filled.put(lines("4,2/9/2024,open,1,1.00,a"), "1.csv", 1), run_id=SECOND)
    name = f"glue_catalog.{filled.processed.database}.{filled.processed.name}"
    filled.spark.sql(f"DELETE FROM {name} WHERE order_id = 1")
    with pytest.raises(RetryableError, match="cannot be moved forward"):
        filled.curate(SECOND)
    assert filled.rows(filled.processed, "order_id") == [(2,), (3,)]


def test_a_branch_that_a_later_run_dropped_cannot_be_published(filled: Lake) -> None:
    filled.load(filled.put(lines("4,2/9/2024,open,1,1.00,a"), "1.csv", 1), run_id=SECOND)
    filled.load(filled.put(lines("5,2/9/2024,open,1,1.00,a"), "2.csv", 2), run_id=THIRD)
    with pytest.raises(RetryableError, match="run the whole batch again"):
        filled.curate(SECOND)
