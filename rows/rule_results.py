"""How each rule of a run ended, as plain values: for the gate, which may refuse the run, and for the quality table.

A rule that looked at nothing is unproven, which is not passed. Rows that a rule could not judge, because a value that
it needs is missing or did not parse, do not count as checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from contracts import model
from pipeline.run_documents import RowRuleResult, RuleKind, RuleStatus, TableRuleResult
from rows.expressions.checks import Check


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How many rows break exactly these rules."""

    rule_ids: frozenset[str]
    rows: int


@dataclass(frozen=True, kw_only=True)
class RuleResult:
    """How one rule ended; `holds` is what a table rule found, whatever the number of rows that broke it.

    `kind` is None for a row rule, and protection for the check that every classified column of a contract implies.
    """

    rule_id: str
    scope: Literal["row", "table"]
    kind: RuleKind | None
    action: model.RuleAction
    rows_checked: int
    rows_failed: int
    holds: bool
    measured: str
    expected: str

    @property
    def status(self) -> RuleStatus:
        """Nothing looked at proves nothing."""
        if not self.rows_checked:
            return "unproven"
        return "passed" if self.holds else "failed"


def of_row_rules(
    checks: Iterable[Check], verdicts: Iterable[Verdict], rows: int
) -> list[RuleResult]:
    """The result of each check over `rows` rows, of which those that break any have the `verdicts`."""
    found = list(verdicts)
    return [_of_check(check, found, rows) for check in checks]


def by_rule(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """How many rows break each rule that was broken, by rule id in order."""
    found: dict[str, int] = {}
    for verdict in verdicts:
        for rule_id in verdict.rule_ids:
            found[rule_id] = found.get(rule_id, 0) + verdict.rows
    return dict(sorted(found.items()))


def by_action(contract: model.Contract, verdicts: Iterable[Verdict]) -> dict[str, dict[str, int]]:
    """Rows by rule: refused, warned, and of the refused those that halt the run; named as LoadResult names them."""
    found = by_rule(verdicts)
    action = {rule.id: rule.action for rule in contract.rules}
    warned = {name: rows for name, rows in found.items() if action.get(name) == "warn"}
    halting = {name: rows for name, rows in found.items() if action.get(name) == "halt"}
    refused = {name: rows for name, rows in found.items() if name not in warned}
    return {"quarantine_by_rule": refused, "warnings_by_rule": warned, "halted_by_rule": halting}


def row_rule_result(result: RuleResult) -> RowRuleResult:
    """A row rule as the job's result tells of it."""
    return RowRuleResult(
        rule_id=result.rule_id,
        action=result.action,
        rows_checked=result.rows_checked,
        rows_failed=result.rows_failed,
    )


def table_rule_result(result: RuleResult) -> TableRuleResult:
    """A table rule as the job's result tells of it. Raises ValueError for a rule about rows, which has no kind."""
    if result.kind is None:
        raise ValueError(f"rule {result.rule_id!r} is about rows, not about the table")
    return TableRuleResult(
        rule_id=result.rule_id,
        kind=result.kind,
        action=result.action,
        status=result.status,
        measured=result.measured,
        expected=result.expected,
    )


def quality_row(result: RuleResult, common: Mapping[str, str | datetime]) -> dict[str, Any]:
    """A row of the quality table; `common` are the columns that all rows of a run share."""
    names = (
        "rule_id",
        "scope",
        "action",
        "status",
        "rows_checked",
        "rows_failed",
        "measured",
        "expected",
    )
    return {**common, **{name: getattr(result, name) for name in names}}


def _of_check(check: Check, verdicts: list[Verdict], rows: int) -> RuleResult:
    failed = sum(verdict.rows for verdict in verdicts if check.rule_id in verdict.rule_ids)
    unjudged = sum(
        verdict.rows for verdict in verdicts if not verdict.rule_ids.isdisjoint(check.needs)
    )
    return RuleResult(
        rule_id=check.rule_id,
        scope="row",
        kind=None,
        action=check.action,
        rows_checked=rows - unjudged,
        rows_failed=failed,
        holds=not failed,
        measured=f"{failed} rows break it",
        expected="no row breaks it",
    )
