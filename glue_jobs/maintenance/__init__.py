"""Care of a dataset's tables: maintenance, rollback, erasure (docs/reference/state_machines.md).

A care run holds the dataset's lock, so nobody else writes meanwhile. Each mode can be killed anywhere and run again: it
looks at what the tables say, not at how far it came. Only what the first attempt found is written down before anything
changes, because a second attempt could no longer find it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar, assert_never

from contracts.errors import PermanentError
from glue_jobs import storage
from glue_jobs.maintenance import erasure, rollback
from glue_jobs.maintenance import upkeep as maintenance
from glue_jobs.maintenance.work import MaintenanceRun
from pipeline.run_documents import (
    ErasureFindings,
    MaintainedTable,
    MaintenanceFindings,
    MaintenanceResult,
    TableAction,
    TableFigures,
)

Findings = TypeVar("Findings", bound=MaintenanceFindings)
NEW = TableFigures(snapshot=None, rows=0, files=0, bytes=0)  # a table that was not there before


def run(work: MaintenanceRun) -> MaintenanceResult:
    """Carry out the request of a care run; what was done.

    Raises PermanentError, before anything is changed, when the request cannot be carried out.
    """
    started = time.monotonic()
    found, action, report = _carried_out(work)
    return MaintenanceResult(
        dataset=work.contract.dataset,
        run_id=work.run_id,
        mode=work.request.mode,
        tables=tuple(
            _table(name, action, found.tables.get(name, NEW), after)
            for name, after in work.measured().items()
        ),
        duration_seconds=round(time.monotonic() - started, 1),
        report=tuple(report),
    )


def _carried_out(
    work: MaintenanceRun,
) -> tuple[MaintenanceFindings, TableAction, list[str]]:
    """What was there before, what was done to tables that changed, and sentences about it."""
    match work.request.mode:
        case "maintenance":
            found = _remembered(
                work,
                MaintenanceFindings,
                lambda: MaintenanceFindings(tables=work.measured()),
            )
            return found, "maintained", maintenance.maintain(work, found)
        case "rollback":
            found = _remembered(
                work,
                MaintenanceFindings,
                lambda: MaintenanceFindings(tables=work.measured()),
            )
            return found, "rolled back", rollback.roll_back(work)
        case "erasure":
            before = _remembered(work, ErasureFindings, lambda: erasure.found(work))
            return before, "erased", erasure.erase(work, before)
        case "forecast_rollback":
            raise PermanentError("a forecast is rolled back by the function forecast, by no job")
        case _:
            assert_never(work.request.mode)


def _remembered(
    work: MaintenanceRun, kind: type[Findings], look: Callable[[], Findings]
) -> Findings:
    """What the first attempt found; looked for now if this is the first."""
    data = storage.find_json(work.found_uri)
    if data is not None:
        return kind.from_json(data, place=work.found_uri)
    found = look()
    storage.write_json(work.found_uri, found.to_json())
    return found


def _table(
    name: str, action: TableAction, before: TableFigures, after: TableFigures
) -> MaintainedTable:
    return MaintainedTable(
        table=name,
        action="unchanged" if before.snapshot == after.snapshot else action,
        before=before.snapshot,
        after=after.snapshot,
        rows_deleted=max(0, before.rows - after.rows),
        files_before=before.files,
        bytes_before=before.bytes,
        files_after=after.files,
        bytes_after=after.bytes,
    )
