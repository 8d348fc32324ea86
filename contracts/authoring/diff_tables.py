"""Changes of rules and of curated tables.

What recomputes a curated table by itself is its SQL, its columns and types, and its periods: the fingerprint that the
job keeps with each snapshot (rows/curation.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from contracts.authoring.changes import Change, Impact, dotted, safe, shown
from contracts.authoring.diff_columns import LOOSER, OTHERWISE, STRICTER, widens
from contracts.model import (
    Column,
    Contract,
    CuratedModel,
    Forecast,
    Rule,
    TableFormat,
    Warehouse,
    keeps_row_out,
)
from contracts.table_rules import TableRule, in_short

Named = TypeVar("Named", Rule, TableRule)
BY_ITSELF = "the next run recomputes every period by itself"
RECOMPUTING: dict[str, Impact] = {
    "sql": "needs backfill",
    "source_date": "needs backfill",
    "grain": "breaking",
    "period": "breaking",
}


def rule_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Every difference between the row rules and table rules of two contracts."""
    before, after = _by_id(old.rules), _by_id(new.rules)
    for name in sorted(before.keys() | after.keys()):
        yield from _row_rule(f"rules.{name}", before.get(name), after.get(name))
    checks, now = _by_id(old.table_rules), _by_id(new.table_rules)
    for name in sorted(checks.keys() | now.keys()):
        if checks.get(name) != now.get(name):
            why = "it judges the table at the next run, and says nothing about single rows"
            texts = [in_short(rule) if rule else None for rule in (checks.get(name), now.get(name))]
            yield Change(
                field=f"table_rules.{name}", old=texts[0], new=texts[1], impact="safe", why=why
            )


def _by_id(rules: Sequence[Named]) -> dict[str, Named]:
    return {rule.id: rule for rule in rules}


def _row_rule(field: str, old: Rule | None, new: Rule | None) -> Iterator[Change]:
    if old is None or new is None:
        existing = new or old
        if existing is not None:
            yield _whole_rule(field, old, new, existing)
        return
    yield from safe(field, "description", old, new, "only people read it")
    if old.action != new.action:
        yield _action(field, old, new)
    if old.expression != new.expression:
        keeps_out = keeps_row_out(old.action) or keeps_row_out(new.action)
        yield Change(
            field=dotted(field, "expression"),
            old=old.expression,
            new=new.expression,
            impact="needs backfill" if keeps_out else "safe",
            why=OTHERWISE
            if keeps_out
            else "a warning keeps no row out; it counts from the next run on",
            effect="backfill" if keeps_out else "none",
        )


def _whole_rule(field: str, old: Rule | None, new: Rule | None, existing: Rule) -> Change:
    keeps_out = keeps_row_out(existing.action)
    texts = [f"{rule.expression} ({rule.action})" if rule else None for rule in (old, new)]
    why = (STRICTER if new else LOOSER) if keeps_out else "a warning keeps no row out"
    impact: Impact = "needs backfill" if keeps_out else "safe"
    return Change(
        field=field,
        old=texts[0],
        new=texts[1],
        impact=impact,
        why=why,
        effect="backfill" if keeps_out else "none",
    )


def _action(field: str, old: Rule, new: Rule) -> Change:
    name = dotted(field, "action")
    if keeps_row_out(old.action) == keeps_row_out(new.action):
        why = "rows that break it stay out as before; only the fate of the run differs"
        return Change(field=name, old=old.action, new=new.action, impact="safe", why=why)
    why = STRICTER if keeps_row_out(new.action) else LOOSER
    return Change(
        field=name,
        old=old.action,
        new=new.action,
        impact="needs backfill",
        why=why,
        effect="backfill",
    )


def curated_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Every difference between the curated tables of two contracts."""
    before, after = ({item.name: item for item in contract.curated} for contract in (old, new))
    for name in sorted(before.keys() - after.keys()):
        why = "readers lose the table, which stays as it is and is not updated"
        yield Change(field=f"curated.{name}", old="table", new=None, impact="breaking", why=why)
    for name in sorted(after.keys() - before.keys()):
        why = "the next run fills it from every processed row"
        yield Change(
            field=f"curated.{name}",
            old=None,
            new="table",
            impact="safe",
            why=why,
            effect="recompute",
            table=name,
        )
    for name in sorted(before.keys() & after.keys()):
        yield from model_changes(before[name], after[name], new.table_format)


def model_changes(
    old: CuratedModel, new: CuratedModel, table_format: TableFormat
) -> Iterator[Change]:
    """Every difference between two versions of one table."""
    owner = f"curated.{old.name}"
    yield from safe(owner, "description", old, new, "only people read it")
    yield from safe(owner, "conserves", old, new, "totals are compared from the next run on")
    yield from _warehouse(dotted(owner, "warehouse"), old.warehouse, new.warehouse)
    yield from _forecast(dotted(owner, "forecast"), old.forecast, new.forecast)
    for name, impact in RECOMPUTING.items():
        before, after = getattr(old, name), getattr(new, name)
        why = (
            BY_ITSELF if impact == "needs backfill" else "a row means something else to its readers"
        )
        if before != after:
            yield _recomputed(new.name, dotted(owner, name), before, after, impact, why)
    if old.period_column != new.period_column:
        why = "the table is partitioned by it, and that cannot change in place"
        yield _rebuilt(
            new.name, dotted(owner, "period_column"), old.period_column, new.period_column, why
        )
    yield from _model_columns(owner, old, new, table_format)


def _warehouse(field: str, old: Warehouse | None, new: Warehouse | None) -> Iterator[Change]:
    if old == new:
        return
    if old is None:
        why = "the next load copies the whole table into the warehouse; the lake is as before"
    elif new is None:
        why = "the table in the warehouse stays as it is and is not loaded any more; drop it there by hand"
    else:
        why = "the next load rebuilds the table in the warehouse; the lake is as before"
    yield Change(field=field, old=_layout(old), new=_layout(new), impact="safe", why=why)


def _layout(warehouse: Warehouse | None) -> str | None:
    """How a table is laid out in the warehouse, in short."""
    if warehouse is None:
        return None
    by = f" by {warehouse.distribution_key}" if warehouse.distribution_key else ""
    order = f", sorted by {', '.join(warehouse.sort_keys)}" if warehouse.sort_keys else ""
    return f"distribution {warehouse.distribution}{by}{order}"


def _forecast(field: str, old: Forecast | None, new: Forecast | None) -> Iterator[Change]:
    if old == new:
        return
    if new is None:
        why = "the table of forecasts stays as it is and is not made any more; drop it by hand"
        yield Change(field=field, old=_ahead(old), new=None, impact="safe", why=why)
    elif old is not None and old.by != new.by:
        why = (
            "the table of forecasts has other columns, and does not take that in place; drop it, and the next run"
            " makes it anew"
        )
        yield Change(field=field, old=_ahead(old), new=_ahead(new), impact="breaking", why=why)
    else:
        why = "the next run makes the forecast; every other table is as before"
        yield Change(field=field, old=_ahead(old), new=_ahead(new), impact="safe", why=why)


def _ahead(forecast: Forecast | None) -> str | None:
    """What is forecast, in short."""
    if forecast is None:
        return None
    by = f" by {', '.join(forecast.by)}" if forecast.by else ""
    return f"{forecast.of}{by}, {forecast.horizon} periods"


def _model_columns(
    owner: str, old: CuratedModel, new: CuratedModel, table_format: TableFormat
) -> Iterator[Change]:
    before, after = ({column.name: column for column in item.columns} for item in (old, new))
    for name in sorted(before.keys() | after.keys()):
        field = dotted(owner, name)
        yield from _model_column(new.name, field, before.get(name), after.get(name), table_format)
    if before.keys() == after.keys() and list(before) != list(after):
        why = f"values are found by name; {BY_ITSELF}"
        yield _recomputed(
            new.name, dotted(owner, "columns"), tuple(before), tuple(after), "safe", why
        )


def _model_column(
    table: str, field: str, old: Column | None, new: Column | None, table_format: TableFormat
) -> Iterator[Change]:
    if new is None or old is None:
        was, now = (item.type if item else None for item in (old, new))
        if new is None:
            yield _rebuilt(table, field, was, now, "readers of the table lose the column")
        elif new.required:
            why = "the table does not take a required column in place; leave out required: true"
            yield _rebuilt(table, field, was, now, why)
        else:
            yield _recomputed(table, field, was, now, "needs backfill", BY_ITSELF)
        return
    yield from safe(field, "description", old, new, "only people read it")
    yield from safe(field, "required", old, new, "it says what the SQL gives, and changes no row")
    yield from safe(
        field, "max_length", old, new, "the next load rebuilds the table in the warehouse"
    )
    if old.type != new.type and widens(old.type, new.type, table_format):
        yield _recomputed(
            table, dotted(field, "type"), old.type, new.type, "safe", f"it widens; {BY_ITSELF}"
        )
    elif old.type != new.type:
        why = "values would be lost or read otherwise, so the table does not take it in place"
        yield _rebuilt(table, dotted(field, "type"), old.type, new.type, why)


def _recomputed(
    table: str, field: str, old: object, new: object, impact: Impact, why: str
) -> Change:
    return Change(
        field=field,
        old=shown(old),
        new=shown(new),
        impact=impact,
        why=why,
        effect="recompute",
        table=table,
    )


def _rebuilt(table: str, field: str, old: object, new: object, why: str) -> Change:
    return Change(
        field=field,
        old=shown(old),
        new=shown(new),
        impact="breaking",
        why=why,
        effect="rebuild",
        table=table,
    )
