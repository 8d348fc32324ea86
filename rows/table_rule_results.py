"""How a rule about the whole table ended, from what an engine counted in the table as a run would publish it.

`counted` are the named figures of one aggregate; each function says which ones it reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, assert_never

from contracts import model
from contracts.table_rules import Freshness, Reference, RowCount, TableRule, Unique
from rows import protection_history
from rows.rule_results import RuleResult

ROWS, FAILED = "rows", "failed"
Counted = Mapping[str, Any]


def judged(rule: TableRule, counted: Counted | None, started_at: datetime) -> RuleResult:
    """How the rule ended in a run that began at `started_at`; the function of its kind says which figures it reads.

    `counted` is None before the table of a reference is published. Raises ValueError for any other rule without.
    """
    if isinstance(rule, Reference):
        return reference(rule, counted)
    if counted is None:
        raise ValueError(f"nothing was counted for table rule {rule.id!r} of kind {rule.kind!r}")
    match rule:
        case RowCount():
            return row_count(rule, counted)
        case Unique():
            return unique(rule, counted)
        case Freshness():
            return freshness(rule, counted, started_at)
        case _:
            assert_never(rule)


def row_count(rule: RowCount, counted: Counted) -> RuleResult:
    """Whether the table has as many rows (ROWS) as the rule wants."""
    rows: int = counted[ROWS]
    holds = (rule.minimum is None or rows >= rule.minimum) and (
        rule.maximum is None or rows <= rule.maximum
    )
    sides = (f"at least {rule.minimum}", rule.minimum), (f"at most {rule.maximum}", rule.maximum)
    expected = " and ".join(text for text, limit in sides if limit is not None)
    return _result(
        rule,
        checked=rows,
        failed=0,
        holds=holds,
        measured=f"{rows} rows",
        expected=f"{expected} rows",
    )


def latest_name(column: str) -> str:
    """Name of the figure with the greatest value of a column, null where there is none."""
    return f"latest_{column}"


def count_name(column: str) -> str:
    """Name of the figure with the number of values of a column."""
    return f"count_{column}"


def freshness(rule: Freshness, counted: Counted, started_at: datetime) -> RuleResult:
    """Whether the greatest value is young enough; a date counts from its midnight, UTC."""
    latest, checked = counted[latest_name(rule.column)], counted[count_name(rule.column)]
    limit = timedelta(hours=rule.max_age_hours)
    age = started_at - _moment(latest) if latest is not None else None
    return _result(
        rule,
        checked=checked,
        failed=0,
        holds=age is not None and age <= limit,
        measured=f"{latest}, {age / timedelta(hours=1):.1f} hours before the run"
        if age is not None
        else "no value",
        expected=f"at most {rule.max_age_hours} hours before the run",
    )


def unique(rule: Unique, counted: Counted) -> RuleResult:
    """Whether no two rows share the columns: of ROWS with a value in each, FAILED share all with another."""
    names, failed = ", ".join(rule.columns), counted[FAILED]
    measured = f"{failed} rows share their {names} with another"
    expected = f"no two rows share {names}"
    return _result(
        rule,
        checked=counted[ROWS],
        failed=failed,
        holds=not failed,
        measured=measured,
        expected=expected,
    )


def reference(rule: Reference, counted: Counted | None) -> RuleResult:
    """Whether every value is known: of ROWS, FAILED have one that is not; None before the other is published."""
    if counted is None:
        measured = f"nothing of {rule.other_dataset} is published yet"
        return _result(
            rule, checked=0, failed=0, holds=False, measured=measured, expected=_known(rule)
        )
    checked, failed = counted[ROWS], counted[FAILED]
    measured = f"{failed} of {checked} rows have a value of {rule.column} that is not there"
    return _result(
        rule,
        checked=checked,
        failed=failed,
        holds=not failed,
        measured=measured,
        expected=_known(rule),
    )


@dataclass(frozen=True, kw_only=True)
class LastResult:
    """How a table rule ended in the last run that recorded it, as the quality table has it."""

    status: str
    expected: str


def proved_before(rule: Reference, last: LastResult | None) -> bool:
    """Whether every earlier value was found, so that only those of this run are left to be looked up.

    Not so after a failed or unproven result, since what the rows refer to may have come later, and not so where the
    rule was new or referred to something else.
    """
    return last == LastResult(status="passed", expected=_known(rule))


def protection(
    contract: model.Contract, name: str, counted: Counted, *, of_history: bool = False
) -> RuleResult:
    """Whether every value of a column is protected as the contract says: of ROWS, those of figure `name` are not.

    What an earlier contract left is told, since a row whose file has left raw cannot be loaded anew; but in a key it
    halts: a row would not be known as the newer one of another. In the history no row replaces any.
    """
    column, checked, failed = contract.column(name), counted[ROWS], counted[name]
    where = " of the history" if of_history else ""
    return RuleResult(
        rule_id=f"{name}.history_protection" if of_history else f"{name}.protection",
        scope="table",
        kind="protection",
        action="halt" if name in contract.key and not of_history else "warn",
        rows_checked=checked,
        rows_failed=failed,
        holds=not failed,
        measured=f"{failed} of {checked} rows{where} hold {name} in the form of an earlier contract",
        expected=f"{protection_history.WORDS[column.pii]} in every row; `slipway backfill` loads the others again",
    )


def _known(rule: Reference) -> str:
    return f"every {rule.column} is in {rule.reference}"


def _moment(value: datetime | date) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time())


def _result(rule: TableRule, *, checked: int, failed: int, holds: bool, **texts: Any) -> RuleResult:
    return RuleResult(
        rule_id=rule.id,
        scope="table",
        kind=rule.kind,
        action=rule.action,
        rows_checked=checked,
        rows_failed=failed,
        holds=holds,
        **texts,
    )
