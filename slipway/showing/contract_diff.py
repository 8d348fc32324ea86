"""How a change of a contract is shown: a table of changes and the plan that brings the tables in line, or JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass

from contracts.authoring import releases
from contracts.authoring.backfill_plan import Plan, Step, plan
from contracts.authoring.changes import Change, Impact
from contracts.authoring.diff import diff, gravest
from contracts.authoring.marts import diff as mart_diff
from contracts.marts import Mart
from contracts.model import Contract
from slipway.console import say, table

NOTHING = "-"
LONGEST_VALUE = 60  # characters of a value in the table; JSON has all of it


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two versions of a contract, what changed, what is to be done, and the least version that may carry it."""

    dataset: str
    old_version: str
    new_version: str
    impact: Impact
    least_version: str
    changes: tuple[Change, ...]
    plan: Plan


def compare(old: Contract, new: Contract) -> Comparison:
    """Everything that is shown.

    Raises ContractInvalid when the two are not contracts of one dataset.
    """
    found = diff(old, new)
    return _comparison(new.dataset, old.version, new.version, found, plan(new, found))


def compare_marts(old: Mart, new: Mart) -> Comparison:
    """The same of a mart, whose tables are brought in line by its own next run.

    Raises ContractInvalid when the two are not versions of one mart.
    """
    found = mart_diff.diff(old, new)
    return _comparison(new.name, old.version, new.version, found, _plan_of_mart(new, found))


def _comparison(
    name: str, old_version: str, new_version: str, found: tuple[Change, ...], todo: Plan
) -> Comparison:
    impact = gravest(found)
    return Comparison(
        dataset=name,
        old_version=old_version,
        new_version=new_version,
        impact=impact,
        least_version=releases.next_version(old_version, impact) if found else old_version,
        changes=found,
        plan=todo,
    )


def _plan_of_mart(mart: Mart, found: tuple[Change, ...]) -> Plan:
    hows = {
        "rebuild": "the table does not take this in place and a run would stop with that message: give the mart a new"
        " name, and move its readers over",
        "recompute": f"the next run computes it by itself; now: slipway mart run {mart.name}",
    }
    steps = [
        Step(
            action=action,
            tables=(mart.name,),
            partitions="all",
            how=hows[action],
            because=tuple(change.field for change in found if change.effect == action),
        )
        for action in ("rebuild", "recompute")
        if any(change.effect == action for change in found)
    ]
    return Plan(steps=tuple(steps), warnings=())


def show_json(comparison: Comparison) -> None:
    """The comparison as one JSON document."""
    print(json.dumps(dataclasses.asdict(comparison), indent=2, ensure_ascii=False))


def show_table(comparison: Comparison) -> None:
    """The comparison for people."""
    versions = f"{comparison.dataset} {comparison.old_version} -> {comparison.new_version}"
    if not comparison.changes:
        say(f"{versions}: nothing changed")
        return
    rows = (
        [item.impact, item.field, _short(item.old), _short(item.new), item.why]
        for item in comparison.changes
    )
    table(versions, ("impact", "field", "old", "new", "why"), rows)
    _show_plan(comparison.plan)
    say(
        f"all in all {comparison.impact}: the least version that may carry this is {comparison.least_version}"
    )


def _show_plan(found: Plan) -> None:
    rows: Iterable[list[str]] = (
        [step.action, ", ".join(step.tables), step.partitions, step.how, ", ".join(step.because)]
        for step in found.steps
    )
    if found.steps:
        table(
            "what brings the tables in line",
            ("step", "tables", "partitions", "how", "because of"),
            rows,
        )
    else:
        say("the tables stay as they are: no backfill")
    for warning in found.warnings:
        say(f"warning: {warning}")


def _short(text: str | None) -> str:
    if text is None:
        return NOTHING
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_VALUE else line[: LONGEST_VALUE - 3] + "..."
