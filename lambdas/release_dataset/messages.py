"""What people are told of care that succeeded: what was done to which table, what became of files, what to type."""

from __future__ import annotations

from pipeline import alerts, costs, serving
from pipeline.ledger import Item
from pipeline.run_documents import MaintenanceResult


def subject(environment: str, run: Item, care: MaintenanceResult) -> str:
    """One line."""
    tables = alerts.counted(len(care.tables), "table")
    return alerts.subject("info", environment, run["dataset"], f"{run['mode']} succeeded, {tables}")


def body(run: Item, care: MaintenanceResult, *, set_aside: bool) -> str:
    """The job's own report, each table, and the next command; `set_aside` is whether files were."""
    lines = [
        f"Run {run['run_id']} of {run['dataset']}: {run['mode']} succeeded in"
        f" {alerts.counted(int(run['duration_seconds']), 'second')}.",
        *run["report"],
        *serving.sentences(run.get("served", {})),
        *costs.sentences(run),
        "",
        "Not touched: every row that the request, or the retention of the contract, did not name.",
        f"Next: {next_command(run, set_aside=set_aside)}",
        "",
        "table: action, rows deleted, files, bytes",
    ]
    for table in care.tables:
        lines.append(
            f"{table.table}: {table.action}, {table.rows_deleted},"
            f" {table.files_before} to {table.files_after}, {table.bytes_before} to {table.bytes_after}"
        )
    return "\n".join(lines)


def next_command(run: Item, *, set_aside: bool) -> str:
    """Files that were set aside are to be looked at; otherwise the record of the run."""
    if set_aside:
        return f"slipway files list --dataset {run['dataset']} --status set_aside; then: slipway files release SHA"
    return f"slipway runs show {run['run_id']} --dataset {run['dataset']}"
