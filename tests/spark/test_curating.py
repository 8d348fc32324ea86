"""processed_to_curated: exactly the touched periods, totals that must agree, and publication that survives a crash."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from contracts.errors import ReconciliationFailed, RetryableError
from tests.spark.lake import Killed, Lake, lines

FIRST, SECOND, THIRD, FOURTH = (f"20240501T10000{n}-0000000{n}" for n in range(1, 5))
JANUARY, FEBRUARY, MAY = "2024-01-01", "2024-02-01", "2024-05-01"


# What DuckDB curates is proven without a Spark in tests/unit/duckdb_jobs; here it is on tables that Spark made.
@pytest.fixture(params=["spark", pytest.param("duckdb", marks=pytest.mark.deep)], autouse=True)
def _curated_by(request: pytest.FixtureRequest, lake: Lake) -> None:
    """Spark loads, and each engine curates."""
    lake.curated_by = request.param


def periods(result: dict[str, Any]) -> dict[str, list[str]]:
    """Recomputed periods by model."""
    return {model["name"]: model["periods"] for model in result["models"]}


@pytest.fixture
def filled(lake: Lake) -> Lake:
    """A lake with orders in January, February and May, and sales by month only."""
    lake.contract = replace(lake.contract, curated=lake.contract.curated[:1])
    rows = ("1,1/2/2024,open,1,10.00,a", "2,2/2/2024,open,1,20.00,a", "3,5/2/2024,open,1,50.00,a")
    lake.run(lake.put(lines(*rows), "0.csv", 0), run_id=FIRST)
    return lake


def test_exactly_the_periods_of_changed_rows_are_recomputed(lake: Lake) -> None:
    rows = ("1,1/2/2024,open,1,10.00,a", "2,2/2/2024,paid,1,20.50,a", "3,5/2/2024,open,1,50.00,a")
    lake.load(lake.put(lines(*rows), "0.csv", 0), run_id=FIRST)
    first = lake.curate(FIRST)
    assert periods(first) == {
        "orders_by_month": [JANUARY, FEBRUARY, MAY],
        "orders_by_quarter": [JANUARY, "2024-04-01"],
    }
    assert first["models"][1]["totals"] == {"amount": {"processed": "80.50", "curated": "80.50"}}
    assert first["models"][1]["rows"] == 3
    assert first["models"][0]["before"] is None
    assert first["published"] is True

    lake.load(lake.put(lines("4,2/9/2024,open,1,1.00,new"), "1.csv", 1), run_id=SECOND)
    added = lake.curate(SECOND)
    assert periods(added) == {"orders_by_month": [FEBRUARY], "orders_by_quarter": [JANUARY]}
    assert [model["before"] for model in added["models"]] == [
        model["snapshot"] for model in first["models"]
    ]
    repeated = lake.curate(
        SECOND
    )  # an earlier attempt of the run has published: what was before it is still told
    for again, once in zip(repeated["models"], added["models"], strict=True):
        assert (again["before"], again["snapshot"]) == (once["before"], once["snapshot"])
    assert added["models"][0]["totals"] == {"amount": {"processed": "21.50", "curated": "21.50"}}
    assert lake.by_month() == {
        JANUARY: Decimal("10.00"),
        FEBRUARY: Decimal("21.50"),
        MAY: Decimal("50.00"),
    }

    lake.load(lake.put(lines("1,5/9/2024,open,1,10.00,moved"), "2.csv", 2), run_id=THIRD)
    assert periods(lake.curate(THIRD))["orders_by_month"] == [JANUARY, MAY]
    assert lake.by_month() == {
        FEBRUARY: Decimal("21.50"),
        MAY: Decimal("60.00"),
    }  # January has become empty

    lake.load(lake.put(lines("x,5/9/2024,open,1,10.00,broken"), "3.csv", 3), run_id=FOURTH)
    unchanged = lake.curate(FOURTH)
    assert periods(unchanged) == {"orders_by_month": [], "orders_by_quarter": []}
    assert [model["snapshot"] for model in unchanged["models"]] == [None, None]
    heads = [lake.tables.head(lake.curated(model["name"])) for model in unchanged["models"]]
    assert [model["before"] for model in unchanged["models"]] == heads


@pytest.mark.deep
def test_a_model_that_is_new_or_has_changed_is_computed_from_all_rows(filled: Lake) -> None:
    (month,) = filled.contract.curated
    changed = replace(month, sql=month.sql.replace("count(*)", "count(quantity)"))
    filled.contract = replace(filled.contract, curated=(changed, replace(month, name="added")))
    filled.load(filled.put(lines("4,2/9/2024,open,,1.00,a"), "1.csv", 1), run_id=SECOND)
    every = [JANUARY, FEBRUARY, MAY]
    assert periods(filled.curate(SECOND)) == {"orders_by_month": every, "added": every}
    assert filled.rows(filled.curated("orders_by_month"), "orders") == [(1,), (1,), (1,)]


@pytest.mark.deep
def test_periods_come_from_the_rows_where_a_partition_is_longer_than_a_period(lake: Lake) -> None:
    lake.contract = replace(
        lake.contract, partition_transform="year", curated=lake.contract.curated[:1]
    )
    lake.run(
        lake.put(lines("1,1/2/2024,open,1,10.00,a", "2,5/2/2025,open,1,20.00,a"), "0.csv", 0),
        run_id=FIRST,
    )
    lake.load(lake.put(lines("1,3/9/2024,open,1,10.00,a"), "1.csv", 1), run_id=SECOND)
    assert periods(lake.curate(SECOND)) == {"orders_by_month": [JANUARY, "2024-03-01"]}
    assert lake.by_month() == {"2024-03-01": Decimal("10.00"), "2025-05-01": Decimal("20.00")}


def test_totals_that_differ_fail_the_run_with_both_figures_and_publish_nothing(
    filled: Lake,
) -> None:
    (month,) = filled.contract.curated
    lossy = replace(
        month, name="lossy", sql=month.sql.replace("FROM orders", "FROM orders WHERE amount <> 1")
    )
    filled.contract = replace(filled.contract, curated=(month, lossy))
    filled.load(filled.put(lines("4,2/9/2024,open,1,1.00,a"), "1.csv", 1), run_id=SECOND)
    with pytest.raises(
        ReconciliationFailed, match=r"lossy differs .* amount 80.00, processed amount 81.00"
    ):
        filled.curate(SECOND)
    assert filled.by_month() == {
        JANUARY: Decimal("10.00"),
        FEBRUARY: Decimal("20.00"),
        MAY: Decimal("50.00"),
    }
    assert len(filled.rows(filled.processed, "order_id")) == 3


@pytest.mark.deep
@pytest.mark.parametrize(
    ("publications", "repair"),
    [(1, "retry of the job"), (2, "a later run")],  # after processed; after quarantine
)
def test_a_crash_between_publications_is_repaired(
    filled: Lake, publications: int, repair: str
) -> None:
    file = filled.put(lines("1,5/9/2024,open,1,11.00,a", "x,5/9/2024,open,1,10.00,a"), "1.csv", 1)
    filled.load(file, run_id=SECOND)
    with pytest.raises(Killed):
        filled.curate(SECOND, publications)
    if repair == "a later run":
        filled.load(file, run_id=THIRD)
        filled.curate(THIRD)
    else:
        filled.curate(SECOND)
    assert filled.rows(filled.processed, "order_id") == [(1,), (2,), (3,)]
    assert len(filled.rows(filled.quarantine, "raw_text")) == 1
    assert filled.by_month() == {FEBRUARY: Decimal("20.00"), MAY: Decimal("61.00")}


@pytest.mark.deep
def test_a_run_that_another_one_has_overtaken_is_not_published(filled: Lake) -> None:
    filled.curate(FIRST)  # publishing what is published is harmless
    filled.load(filled.put(lines("4,2/9/2024,open,1,1.00,a"), "1.csv", 1), run_id=SECOND)
    name = f"glue_catalog.{filled.processed.database}.{filled.processed.name}"
    filled.spark.sql(f"DELETE FROM {name} WHERE order_id = 1")
    with pytest.raises(RetryableError, match="cannot be moved forward"):
        filled.curate(SECOND)
    assert filled.rows(filled.processed, "order_id") == [(2,), (3,)]

    filled.tables.start_draft(filled.processed, "run_of_another")
    with pytest.raises(RetryableError, match="run the whole batch again"):
        filled.curate(SECOND)
