"""What brings the tables in line with a changed contract: which of them, which partitions, and who does it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from contracts import naming
from contracts.authoring.changes import Change
from contracts.model import Contract


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to do. `because` are the changed fields that ask for it."""

    action: Literal["rebuild", "backfill", "recompute"]
    tables: tuple[str, ...]
    partitions: str
    how: str
    because: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The steps, in their order, and what stands in their way."""

    steps: tuple[Step, ...]
    warnings: tuple[str, ...]


def plan(new: Contract, changes: tuple[Change, ...]) -> Plan:
    """The steps that `changes` ask for, to arrive at `new`."""
    steps = tuple(_steps(new, changes))
    return Plan(steps=steps, warnings=tuple(_warnings(steps, changes)))


def _steps(new: Contract, changes: tuple[Change, ...]) -> Iterator[Step]:
    if rebuilt := _with(changes, "rebuild"):
        yield Step(
            action="rebuild",
            tables=_tables(rebuilt),
            partitions="all",
            how="the table does not take this in place and a run would stop with that message: give the dataset "
            "(or the curated table) a new name, load its files again, then move partners and readers over",
            because=_fields(rebuilt),
        )
    backfilled = _with(changes, "backfill")
    if backfilled:
        unit = f"every {new.partition_transform} of {new.partition_column}"
        yield Step(
            action="backfill",
            tables=(
                new.dataset,
                naming.quarantine_table(new.dataset),
                *((naming.history_table(new.dataset),) if new.history else ()),
                *(item.name for item in new.curated),
            ),
            partitions=f"{unit} with a row of a file that is still in raw; the curated periods of these rows",
            how=f"slipway backfill --dataset {new.dataset} (first with --plan)",
            because=_fields(backfilled),
        )
    if recomputed := _with(changes, "recompute"):
        yield Step(
            action="recompute",
            tables=_tables(recomputed),
            partitions="every period",
            how="by itself, with the backfill"
            if backfilled
            else "by itself, with the next run that publishes",
            because=_fields(recomputed),
        )


def _warnings(steps: tuple[Step, ...], changes: tuple[Change, ...]) -> Iterator[str]:
    closing = tuple(change for change in changes if change.closes_raw)
    if closing and any(step.action == "backfill" for step in steps):
        fields = ", ".join(_fields(closing))
        yield (
            f"files in raw were written for the old contract and would be refused because of {fields}: a backfill "
            "would empty the table; carry out the backfill before this change, in a version of its own"
        )


def _with(changes: tuple[Change, ...], effect: str) -> tuple[Change, ...]:
    return tuple(change for change in changes if change.effect == effect)


def _tables(changes: tuple[Change, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(change.table for change in changes if change.table))


def _fields(changes: tuple[Change, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(change.field for change in changes))
