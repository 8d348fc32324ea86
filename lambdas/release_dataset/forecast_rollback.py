"""A rollback of a forecast, which a function does, as the result of care.

So ledger, message and command show it like the work of the job.
"""

from __future__ import annotations

from pipeline.run_documents import (
    ForecastRolledBack,
    MaintainedTable,
    MaintenanceRequest,
    MaintenanceResult,
)


def result(request: MaintenanceRequest, answer: object) -> MaintenanceResult:
    """The answer of the function as the job would have written it. Raises PermanentError when it is none."""
    done = ForecastRolledBack.from_json(answer)
    table = MaintainedTable(
        table=done.table,
        action="rolled back",
        before=int(done.before),
        after=int(done.after),
        rows_deleted=max(0, done.rows_before - done.rows_after),
        files_before=done.files_before,
        bytes_before=done.bytes_before,
        files_after=done.files_after,
        bytes_after=done.bytes_after,
    )
    return MaintenanceResult(
        dataset=request.dataset,
        run_id=request.run_id,
        mode=request.mode,
        tables=(table,),
        duration_seconds=0.0,
        report=done.report,
    )
