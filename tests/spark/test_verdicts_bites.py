"""How rules end and amounts are written, without a Spark: what a mutation run could change unseen (docs/mutants.md)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from contracts import model
from contracts.table_rules import Freshness, Reference, RowCount, TableRule, Unique
from glue_jobs.transforms import figures
from rows import rule_results, table_rule_results
from rows.expressions.checks import Check
from rows.rule_results import RuleResult, Verdict

SALES = model.load("sales_records")
COUNT = RowCount(id="t", description="T.", action="warn", minimum=1, maximum=None)
YOUNG = Freshness(id="t", description="T.", action="warn", column="day", max_age_hours=24)
KNOWN = Reference(id="t", description="T.", action="warn", column="day", reference="items.name")
PAIR = Unique(id="t", description="T.", action="warn", columns=("a", "b"))
NOON = datetime(2026, 11, 20, 12)


def check(rule_id: str, action: Any = "quarantine", needs: tuple[str, ...] = ()) -> Check:
    return Check(rule_id, "true", "''", action, needs)


def texts(result: RuleResult) -> tuple[str, int, int, str, str]:
    return result.status, result.rows_checked, result.rows_failed, result.measured, result.expected


def test_rows_that_lack_what_a_rule_needs_are_not_checked_by_it() -> None:
    checks = [
        check("type"),
        check("limit", "halt", needs=("type", "required")),
        check("idle", "warn"),
    ]
    verdicts = [Verdict(rule_ids=frozenset({"type"}), rows=3), Verdict(rule_ids=frozenset({"limit", "idle"}), rows=2),
                Verdict(rule_ids=frozenset({"limit"}), rows=1)]  # fmt: skip
    found = rule_results.of_row_rules(checks, iter(verdicts), 10)
    assert [(result.rule_id, result.action, result.scope, result.kind) for result in found] == [
        ("type", "quarantine", "row", None), ("limit", "halt", "row", None), ("idle", "warn", "row", None),
    ]  # fmt: skip
    assert [texts(result) for result in found] == [
        ("failed", 10, 3, "3 rows break it", "no row breaks it"),
        ("failed", 7, 3, "3 rows break it", "no row breaks it"),
        ("failed", 10, 2, "2 rows break it", "no row breaks it"),
    ]
    (clean,) = rule_results.of_row_rules([check("type")], [], 1)
    assert texts(clean) == ("passed", 1, 0, "0 rows break it", "no row breaks it")
    (unproven,) = rule_results.of_row_rules([check("limit", needs=("type",))], verdicts[:1], 3)
    assert texts(unproven) == ("unproven", 0, 0, "0 rows break it", "no row breaks it")


def test_rows_are_counted_for_each_rule_in_order_of_its_name() -> None:
    verdicts = [
        Verdict(rule_ids=frozenset({"b", "a"}), rows=2),
        Verdict(rule_ids=frozenset({"b"}), rows=3),
    ]
    assert list(rule_results.by_rule(verdicts).items()) == [("a", 2), ("b", 5)]


def test_a_result_is_written_with_exactly_these_names() -> None:
    (row,) = rule_results.of_row_rules([check("r", "warn")], [], 5)
    assert rule_results.row_rule_result(row).to_json() == {
        "rule_id": "r", "action": "warn", "rows_checked": 5, "rows_failed": 0,
    }  # fmt: skip
    with pytest.raises(ValueError, match="rule 'r' is about rows, not about the table"):
        rule_results.table_rule_result(row)
    table = table_rule_results.row_count(COUNT, {"rows": 5})
    assert rule_results.table_rule_result(table).to_json() == {
        "rule_id": "t", "kind": "row_count", "action": "warn", "status": "passed", "measured": "5 rows",
        "expected": "at least 1 rows",
    }  # fmt: skip
    assert rule_results.quality_row(table, {"run_id": "x"}) == {
        "run_id": "x", "rule_id": "t", "scope": "table", "action": "warn", "status": "passed", "rows_checked": 5,
        "rows_failed": 0, "measured": "5 rows", "expected": "at least 1 rows",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "minimum", "maximum", "told"),
    [
        (5, 5, 5, ("passed", 5, 0, "5 rows", "at least 5 and at most 5 rows")),
        (4, 5, None, ("failed", 4, 0, "4 rows", "at least 5 rows")),
        (6, None, 5, ("failed", 6, 0, "6 rows", "at most 5 rows")),
        (0, None, 5, ("unproven", 0, 0, "0 rows", "at most 5 rows")),
    ],
)
def test_a_row_count_is_within_its_limits(
    rows: int, minimum: int | None, maximum: int | None, told: Any
) -> None:
    rule = replace(COUNT, minimum=minimum, maximum=maximum)
    assert texts(table_rule_results.row_count(rule, {"rows": rows})) == told


@pytest.mark.parametrize(
    ("latest", "status", "measured"),
    [
        (datetime(2026, 11, 19, 12), "passed", "2026-11-19 12:00:00, 24.0 hours before the run"),
        (
            datetime(2026, 11, 19, 11, 59, 59),
            "failed",
            "2026-11-19 11:59:59, 24.0 hours before the run",
        ),
        (date(2026, 11, 20), "passed", "2026-11-20, 12.0 hours before the run"),
        (date(2026, 11, 19), "failed", "2026-11-19, 36.0 hours before the run"),
    ],
)
def test_the_newest_value_is_young_enough_at_the_second(
    latest: Any, status: str, measured: str
) -> None:
    found = table_rule_results.freshness(YOUNG, {"latest_day": latest, "count_day": 7}, NOON)
    assert texts(found) == (status, 7, 0, measured, "at most 24 hours before the run")


def test_no_value_at_all_proves_no_freshness() -> None:
    found = table_rule_results.freshness(YOUNG, {"latest_day": None, "count_day": 0}, NOON)
    assert (texts(found), found.holds) == (
        ("unproven", 0, 0, "no value", "at most 24 hours before the run"),
        False,
    )


@pytest.mark.parametrize(("failed", "status"), [(0, "passed"), (2, "failed")])
def test_sharing_rows_and_unknown_values_are_counted(failed: int, status: str) -> None:
    found = {"rows": 9, "failed": failed}
    told = (
        status,
        9,
        failed,
        f"{failed} rows share their a, b with another",
        "no two rows share a, b",
    )
    assert texts(table_rule_results.unique(PAIR, found)) == told
    told = (
        status,
        9,
        failed,
        f"{failed} of 9 rows have a value of day that is not there",
        "every day is in items.name",
    )
    assert texts(table_rule_results.reference(KNOWN, found)) == told


def test_a_reference_to_a_table_that_is_not_there_is_unproven() -> None:
    found = table_rule_results.reference(KNOWN, None)
    told = ("unproven", 0, 0, "nothing of items is published yet", "every day is in items.name")
    assert (texts(found), found.holds) == (told, False)


def test_a_rule_is_judged_by_what_was_counted_for_its_kind() -> None:
    counted = {"rows": 9, "failed": 2, "latest_day": NOON, "count_day": 9}
    judged = [
        table_rule_results.judged(rule, counted, NOON) for rule in (COUNT, YOUNG, KNOWN, PAIR)
    ]
    assert [(result.kind, result.status) for result in judged] == [
        ("row_count", "passed"), ("freshness", "passed"), ("reference", "failed"), ("unique", "failed"),
    ]  # fmt: skip
    assert table_rule_results.judged(KNOWN, None, NOON).status == "unproven"


@pytest.mark.parametrize("rule", [COUNT, YOUNG, PAIR])
def test_only_a_reference_may_have_nothing_to_count(rule: TableRule) -> None:
    with pytest.raises(
        ValueError, match=f"nothing was counted for table rule 't' of kind '{rule.kind}'"
    ):
        table_rule_results.judged(rule, None, NOON)


def test_money_is_added_and_written_without_rounding() -> None:
    """28 digits, Python's own limit, would lose the cent of a sum with more."""
    large = Decimal("99999999999999999999999999999999999.99")
    names = [column.name for column in SALES.control_columns]
    parts = [dict.fromkeys(names, value) for value in (large, Decimal("0.01"))]
    added = figures.added(parts, SALES)
    assert added == dict.fromkeys(names, Decimal("100000000000000000000000000000000000.00"))
    assert figures.added([], SALES) == dict.fromkeys(names, Decimal(0))
    exact = {name: str(amount) for name, amount in figures.to_scale(added, SALES).items()}
    assert exact == dict.fromkeys(names, "100000000000000000000000000000000000.00")


def test_amounts_have_the_decimals_of_their_column_and_no_exponent() -> None:
    cost = SALES.column("total_cost")
    assert str(figures.money(Decimal("12.5"), cost)) == "12.50"
    assert str(figures.money(Decimal("0E-18"), cost)) == "0.00"
    assert str(figures.money(Decimal("1E+3"), replace(cost, type="decimal(9,0)"))) == "1000"
    assert str(figures.money(Decimal("7"), replace(cost, type="bigint"))) == "7"


def test_a_sum_of_nothing_is_no_money() -> None:
    row = {"total_revenue": None, "total_cost": Decimal("1.00"), "total_profit": Decimal("0.00")}
    assert figures.totals(row, SALES) == {**row, "total_revenue": Decimal(0)}


def test_the_clock_of_freshness_has_no_zone() -> None:
    with pytest.raises(TypeError):
        table_rule_results.freshness(
            YOUNG, {"latest_day": NOON, "count_day": 1}, NOON.replace(tzinfo=UTC)
        )
