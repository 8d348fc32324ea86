"""What a change of a mart means for its readers and for the table that is there: pure, over two marts.

A mart is computed as a whole after each run of an input, so nothing of it waits for a backfill by hand: what changes
its rows comes with its next run.
"""

from __future__ import annotations

from collections.abc import Iterator

from contracts.authoring.changes import IMPACTS, Change, dotted, safe, shown
from contracts.authoring.diff_tables import model_changes
from contracts.errors import ContractInvalid
from contracts.marts import Mart, MartRule, as_curated

BY_ITSELF = "the next run of the mart computes all of it by itself"
STARTED = "it says when the mart is computed, and changes nothing that is there"
# Of the table that others see; a mart has no date in its source, and says its conserved sums itself.
LEFT_OUT = ("source_date", "conserves")


def diff(old: Mart, new: Mart) -> tuple[Change, ...]:
    """Every change from `old` to `new`, the gravest first; the version is no change.

    Raises ContractInvalid when the two are not versions of one mart.
    """
    if old.name != new.name:
        raise ContractInvalid(
            f"{old.name!r} and {new.name!r} are two marts; compare two versions of one"
        )
    owner = f"curated.{old.name}"
    table = model_changes(as_curated(old), as_curated(new), "iceberg")
    ignored = {dotted(owner, name) for name in LEFT_OUT}
    found = [
        *safe("", "owner", old, new, "only people read it"),
        *_inputs(old, new),
        *_conserved(old, new),
        *_rules(old, new),
        *safe("", "schedule", old, new, STARTED),
        *safe("", "after_inputs", old, new, STARTED),
        *safe("", "dashboard", old, new, "the next deployment shows it, or shows it no more"),
        *(change for change in table if change.field not in ignored),
    ]
    return tuple(sorted(found, key=lambda change: (IMPACTS.index(change.impact), change.field)))


def _inputs(old: Mart, new: Mart) -> Iterator[Change]:
    before, after = ({each.dataset: each.columns for each in mart.inputs} for mart in (old, new))
    for dataset in sorted(before.keys() | after.keys()):
        columns, now = before.get(dataset), after.get(dataset)
        if columns != now:
            yield Change(
                field=f"inputs.{dataset}",
                old=shown(columns),
                new=shown(now),
                impact="safe",
                why=f"it says what the SQL reads; {BY_ITSELF}",
                effect="recompute",
                table=new.name,
            )


def _conserved(old: Mart, new: Mart) -> Iterator[Change]:
    before, after = (
        {each.column: f"{each.dataset}.{each.source}" for each in mart.conserves}
        for mart in (old, new)
    )
    for column in sorted(before.keys() | after.keys()):
        was, now = before.get(column), after.get(column)
        if was != now:
            why = (
                "sums are compared from the next run on, and nothing is published that differs"
                if now
                else "nobody compares this sum any more: a mart that loses it is published"
            )
            yield Change(field=f"conserves.{column}", old=was, new=now, impact="safe", why=why)


def _rules(old: Mart, new: Mart) -> Iterator[Change]:
    before, after = ({rule.id: rule for rule in mart.rules} for mart in (old, new))
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was != now:
            why = "it judges every row of the next run, and nothing is published that breaks it"
            yield Change(
                field=f"rules.{name}", old=_said(was), new=_said(now), impact="safe", why=why
            )


def _said(rule: MartRule | None) -> str | None:
    return None if rule is None else f"{rule.expression} ({rule.description})"
