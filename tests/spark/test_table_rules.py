"""Rules about the whole table, on the branch as it would be published, and the table of what was checked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from glue_jobs.quality import table_checks
from rows import table_rule_results
from tests.spark.lake import Lake, lines
from tests.spark.table_rules import rule

pytestmark = pytest.mark.push

FIRST, SECOND, THIRD = (f"20240501T10000{n}-0000000{n}" for n in (1, 2, 3))
STARTED = datetime(2024, 5, 1, 10)


RULES = (
    rule("row_count", minimum=2, maximum=3),
    rule("unique", "note", action="warn"),
    rule("freshness", "order_date", max_age_hours=24),
    rule("reference", "status", reference="statuses.code"),
)


@pytest.fixture
def ruled(lake: Lake) -> Lake:
    """A lake with one table rule of each kind."""
    lake.contract = replace(lake.contract, curated=(), table_rules=RULES)
    return lake


def outcomes(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Status and measured text of each table rule."""
    return [(found["status"], found["measured"]) for found in result["table_rules"]]


def test_each_kind_judges_the_table_as_it_would_be_published_and_its_history_is_kept(
    ruled: Lake,
) -> None:
    statuses = f"glue_catalog.{ruled.processed.database}.statuses"
    first = ruled.put(
        lines("1,4/30/2024,open,,1.00,a", "2,4/29/2024,sold,1,1.00,a", "x,,open,1,1.00,b"),
        "1.csv",
        1,
    )
    alone = ruled.run(first, run_id=FIRST)
    assert outcomes(alone)[3] == ("unproven", "nothing of statuses is published yet")

    ruled.spark.sql(f"CREATE TABLE {statuses} USING iceberg AS SELECT 'open' AS code")
    second = ruled.put(
        lines("3,5/1/2024,paid,1,1.00,c", "4,1/2/2024,open,1,1.00,"),
        "2.csv",
        2,
    )
    result = ruled.load(second, run_id=SECOND)
    assert result["table_rules"][0] == {
        "rule_id": "row_count_rule", "kind": "row_count", "action": "halt", "status": "passed",
        "measured": "3 rows", "expected": "at least 2 and at most 3 rows",
    }  # fmt: skip
    assert outcomes(result)[1:] == [
        ("passed", "0 rows share their note with another"),
        ("passed", "2024-05-01, 10.0 hours before the run"),
        # Of all rows, since the first one could not be looked up when it came.
        ("failed", "1 of 3 rows have a value of status that is not there"),
    ]
    columns = ("run_id", "rule_id", "scope", "action", "status", "rows_checked", "rows_failed")
    rows = ruled.rows(ruled.quality, *columns)  # published, although the run is not
    assert {row for row in rows if row[2] == "table" and row[0] == FIRST} == {
        (FIRST, "row_count_rule", "table", "halt", "failed", 1, 0),
        (FIRST, "unique_rule", "table", "warn", "passed", 1, 0),
        (FIRST, "freshness_rule", "table", "halt", "failed", 1, 0),
        (FIRST, "reference_rule", "table", "halt", "unproven", 0, 0),
    }
    ruled.load(second, run_id=SECOND)  # the same run again writes nothing twice
    assert ruled.rows(ruled.quality, *columns) == rows


@pytest.mark.deep
def test_rows_that_a_rule_could_not_judge_do_not_count_as_checked(ruled: Lake) -> None:
    ruled.contract = replace(ruled.contract, table_rules=())
    rows = (
        "1,1/2/2024,paid,,oops,a",
        "2,1/2/2024,paid,,0.00,a",
        "3,1/2/2024,open",
        "4,1/2/2024,sent,101,1.00,a",
    )
    result = ruled.load(ruled.put(lines(*rows)), run_id=THIRD)
    found = {
        rule["rule_id"]: (rule["rows_checked"], rule["rows_failed"]) for rule in result["row_rules"]
    }
    assert {
        name: found[name] for name in ("row.field_count", "amount.type", "order_id.minimum")
    } == {
        "row.field_count": (4, 1),
        "amount.type": (3, 1),
        "order_id.minimum": (3, 0),
    }
    assert found["paid_is_positive"] == (
        2,
        1,
    )  # neither the damaged record nor the one without an amount
    assert found["has_quantity"] == (3, 2)
    empty = ruled.load(ruled.put(lines()), run_id=THIRD)
    assert {rule["rows_checked"] for rule in empty["row_rules"]} == {0}
    statuses = {status for (status,) in ruled.rows(ruled.quality, "status")}
    assert statuses == {"unproven"}


def test_nothing_looked_at_is_unproven(ruled: Lake) -> None:
    ruled.spark.sql(
        f"CREATE TABLE glue_catalog.{ruled.processed.database}.statuses USING iceberg AS SELECT 'x' AS code"
    )
    result = ruled.load(ruled.put(lines("x,1/2/2024,open,1,1.00,a")))
    assert {status for status, _ in outcomes(result)} == {"unproven"}


@pytest.mark.deep
def test_row_count_and_freshness_are_answered_without_reading_rows(
    ruled: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    ruled.run(ruled.put(lines("1,4/30/2024,open,,1.00,a")), run_id=FIRST)
    ruled.tables.read(ruled.processed).agg(*table_checks.statistics(RULES)).explain()
    plan = capsys.readouterr().out
    assert "LocalTableScan" in plan
    assert "BatchScan" not in plan


@pytest.mark.parametrize(
    ("rows", "minimum", "maximum", "status"),
    [
        (2, 2, None, "passed"),
        (1, 2, None, "failed"),
        (3, None, 3, "passed"),
        (4, None, 3, "failed"),
        (0, 0, 9, "unproven"),
    ],
)
def test_limits_of_a_row_count_are_inclusive(
    rows: int, minimum: int | None, maximum: int | None, status: str
) -> None:
    assert (
        table_rule_results.row_count(
            rule("row_count", minimum=minimum, maximum=maximum), {"rows": rows}
        ).status
        == status
    )


@pytest.mark.parametrize(
    ("latest", "status"),
    [
        (datetime(2024, 4, 30, 10), "passed"),
        (datetime(2024, 4, 30, 9, 59, 59), "failed"),
        (date(2024, 5, 1), "passed"),
        (date(2024, 4, 30), "failed"),  # midnight is 34 hours before the run
        (date(2024, 5, 9), "passed"),
    ],
)
def test_freshness_is_the_age_of_the_greatest_value_when_the_run_began(
    latest: date, status: str
) -> None:
    wanted = rule("freshness", "seen", max_age_hours=24)
    assert (
        table_rule_results.freshness(
            wanted, {"rows": 1, "latest_seen": latest, "count_seen": 1}, STARTED
        ).status
        == status
    )
