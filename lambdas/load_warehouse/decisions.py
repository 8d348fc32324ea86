"""How much of each table a load takes: what the warehouse holds, beside what the lake holds after a run or care."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.model import CuratedModel
from contracts.warehouse import statements as warehouse
from contracts.warehouse.statements import TableLoad
from pipeline.run_documents import CuratedTable, CurateResult, MaintenanceResult


@dataclass(frozen=True, kw_only=True)
class Held:
    """A table as the warehouse has it; `snapshot_id` is None if unknown."""

    snapshot_id: int | None
    shape: str


@dataclass(frozen=True, kw_only=True)
class Lake:
    """A table as a run or care left it: `before` and `after` are snapshots, equal when nothing changed.

    `periods` are the first days of the periods in which they may differ; empty if unknown.
    """

    before: int | None
    after: int | None
    periods: tuple[str, ...]


def of_run(result: CurateResult) -> dict[str, Lake]:
    """What `processed_to_curated.json` says of each table."""
    return {table.name: _of_model(table) for table in result.models}


def of_care(result: MaintenanceResult) -> dict[str, Lake]:
    """What `care.json` says of each table that it changed; periods it does not say."""
    return {
        item.table: Lake(before=item.before, after=item.after, periods=()) for item in result.tables
    }


def of_mart(name: str, said: Mapping[str, Any] | None) -> dict[str, Lake]:
    """What a run of a mart says of its table (state_machines/mart_run.asl.json); nothing is known by hand.

    Versions come as texts, since they have more digits than a number of JSON keeps everywhere.
    """
    if said is None:
        return {}
    before, after = said["before"], said["after"]
    lake = Lake(
        before=None if before is None else int(before),
        after=int(after),
        periods=tuple(said["periods"]),
    )
    return {name: lake}


def decide(
    models: Iterable[CuratedModel], held: Mapping[str, Held], lake: Mapping[str, Lake]
) -> tuple[TableLoad, ...]:
    """What is to be loaded; a table that the warehouse holds as the lake does is left out.

    `held` has only tables that exist. `lake` is empty for a load that no run asked for.
    """
    found = (_of_table(model, held.get(model.name), lake.get(model.name)) for model in models)
    return tuple(load for load in found if load)


def _of_table(model: CuratedModel, held: Held | None, lake: Lake | None) -> TableLoad | None:
    after = lake.after if lake else None
    if held is None or held.shape != warehouse.shape(model):
        return TableLoad(model=model, mode="everything", periods=(), anew=True, snapshot_id=after)
    if lake and held.snapshot_id is not None:
        if held.snapshot_id == lake.after:
            return None
        if held.snapshot_id == lake.before and 0 < len(lake.periods) <= warehouse.MOST_PERIODS:
            return TableLoad(
                model=model, mode="periods", periods=lake.periods, anew=False, snapshot_id=after
            )
    return TableLoad(model=model, mode="everything", periods=(), anew=False, snapshot_id=after)


def _of_model(table: CuratedTable) -> Lake:
    """A model that needed nothing has no new snapshot: the lake holds the one before."""
    after = table.before if table.snapshot is None else table.snapshot
    return Lake(
        before=table.before, after=after, periods=tuple(day.isoformat() for day in table.periods)
    )
