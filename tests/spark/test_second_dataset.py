"""A dataset that the code has never heard of: one contract and its SQL, compiled here, run by the same jobs."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from contracts import authoring, model
from tests.spark.lake import Lake

FIXTURE = Path(__file__).parents[1] / "unit" / "contracts" / "fixtures" / "tiny" / "datasets"
VISITS = """Visit ID;Visited At (UTC);Visit Date;Visitor;Kind;Spent
1;2024-05-01T09:30:00;01.05.2024;AB-1;buy;12.50
2;2024-05-31T23:59:59;31.05.2024;;browse;0.00
3;2024-06-01T00:00:00;01.06.2024;AB-2;buy;7.25
4;2024-06-01T00:00:00;31.06.2024;AB-2;buy;1.00
"""


@pytest.fixture
def visits() -> model.Contract:
    """The contract of the fixture, as `make contracts` would compile it."""
    compiled = authoring.compile_all(FIXTURE)
    return model.from_json(compiled["visits"], origin="visits")


@pytest.mark.deep
def test_a_contract_and_its_sql_are_all_that_a_second_dataset_needs(
    lake: Lake, visits: model.Contract
) -> None:
    lake.contract = visits
    delivered = lake.put(VISITS.encode(), "visits.csv") | {
        "header": VISITS.splitlines()[0].split(";")
    }
    result = lake.run(delivered)
    (file,) = result["files"]
    assert (file["rows_read"], file["rows_loaded"], file["rows_quarantined"]) == (4, 3, 1)
    assert result["quarantine_by_rule"] == {"visit_date.type": 1}
    assert lake.rows(lake.processed, "visit_id", "visited_at", "visitor", "spent")[:2] == [
        (1, datetime(2024, 5, 1, 9, 30), "AB-1", Decimal("12.50")),
        (2, datetime(2024, 5, 31, 23, 59, 59), None, Decimal("0.00")),
    ]
    assert lake.rows(lake.curated("visits_by_month"), "month_start", "visits", "spent") == [
        (date(2024, 5, 1), 2, Decimal("12.50")),
        (date(2024, 6, 1), 1, Decimal("7.25")),
    ]
