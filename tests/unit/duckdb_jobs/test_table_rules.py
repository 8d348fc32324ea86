"""What DuckDB counts for rules about the whole table, on the branch as it would be published; no Spark is started."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.spark.duckdb_lake import DuckDbLake
from tests.spark.lake import lines
from tests.spark.orders import ORDERS
from tests.spark.table_rules import rule

RULES = (
    rule("row_count", minimum=3, maximum=4),
    rule("unique", "note", "status"),
    rule("freshness", "order_date", max_age_hours=24),
    rule(
        "reference", "status", reference=f"{ORDERS.dataset}.status"
    ),  # as published before the run
    rule("reference", "status", reference="statuses.code"),
)
FIRST, SECOND = "20240501T100000-00000001", "20240501T110000-00000002"


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DuckDbLake:
    """A lake with a table rule of each kind, and one order of the day before."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # a client is made, and never used
    lake = DuckDbLake(spark=None, folder=tmp_path, environment="test")  # type: ignore[arg-type]
    lake.contract = replace(lake.contract, curated=(), table_rules=RULES)
    return lake


def test_every_kind_is_counted_over_the_rows_of_this_run_and_of_those_before(
    lake: DuckDbLake,
) -> None:
    lake.run(lake.put(lines("1,4/30/2024,open,1,1.00,a"), "1.csv", 1), run_id=FIRST)
    rows = ("2,5/1/2024,open,1,1.00,a", "3,4/29/2024,paid,1,1.00,")
    found = lake.load(lake.put(lines(*rows), "2.csv", 2), run_id=SECOND)["table_rules"]
    assert [(each["kind"], each["status"], each["measured"]) for each in found] == [
        ("row_count", "passed", "3 rows"),
        ("unique", "failed", "2 rows share their note, status with another"),
        ("freshness", "passed", "2024-05-01, 11.0 hours before the run"),
        ("reference", "failed", "1 of 3 rows have a value of status that is not there"),
        ("reference", "unproven", "nothing of statuses is published yet"),
    ]


def test_a_reference_to_a_table_of_which_nothing_is_published_yet_is_unproven(
    lake: DuckDbLake,
) -> None:
    """The run of the other dataset has made its table, and may be at work: its rows are missing in no one's."""
    found = lake.load(lake.put(lines("1,4/30/2024,open,1,1.00,a"), "1.csv", 1), run_id=FIRST)
    assert [rule["measured"] for rule in found["table_rules"][3:]] == [
        "nothing of orders is published yet",
        "nothing of statuses is published yet",
    ]
