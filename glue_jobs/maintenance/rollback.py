"""Rollback: every table goes back to the snapshot it had before the runs, or to no rows if it had none.

Everything is looked up before anything changes. What unfinished runs wrote aside is dropped too: it builds on what is
taken back, and publishing it later would bring that back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contracts.errors import PermanentError
from glue_jobs.maintenance.work import MaintenanceRun
from rows.tables import Table


def roll_back(work: MaintenanceRun) -> list[str]:
    """Publish the snapshots of the request; sentences about it.

    Raises PermanentError when one of them is no longer kept; no table is changed then.
    """
    plan = work.request.plan
    targets = _targets(work, plan.tables)
    _refuse_what_is_gone(work, targets, plan.runs)
    for table in work.with_rows:
        work.upkeep.drop_drafts(table)
    for table, snapshot in targets:
        work.upkeep.rollback(table, snapshot)
    runs = ", ".join(plan.runs)
    return [
        f"{table.name}: back at snapshot {snapshot}, before {runs}."
        if snapshot
        else f"{table.name}: empty, as before {runs}."
        for table, snapshot in targets
    ]


def _targets(
    work: MaintenanceRun, wanted: Mapping[str, int | None]
) -> list[tuple[Table, int | None]]:
    known = {table.name: table for table in work.with_rows}
    unknown = sorted(
        name for name, snapshot in wanted.items() if name not in known and snapshot is not None
    )
    if unknown:
        raise PermanentError(
            f"rollback {work.run_id}: no table {', '.join(unknown)} in dataset {work.contract.dataset!r}; known: "
            f"{', '.join(known) or 'none'}; nothing was changed; {_instead(work)}"
        )
    return [(known[name], snapshot) for name, snapshot in wanted.items() if name in known]


def _refuse_what_is_gone(
    work: MaintenanceRun, targets: list[tuple[Table, int | None]], runs: Sequence[str]
) -> None:
    gone = [
        f"{table.name} (snapshot {snapshot})"
        for table, snapshot in targets
        if snapshot is not None and snapshot not in work.upkeep.ancestors(table)
    ]
    if gone:
        raise PermanentError(
            f"rollback {work.run_id} of {', '.join(runs)}: what was before is no longer kept in {', '.join(gone)}: "
            f"it has expired, was erased, or was rolled back; nothing was changed; {_instead(work)}"
        )


def _instead(work: MaintenanceRun) -> str:
    return f"instead load the right files again: slipway backfill --dataset {work.contract.dataset}"
