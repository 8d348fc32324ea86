"""What the run ledger keeps of a run that succeeded: counts, totals, snapshots to roll back to, what it cost, and what
was served.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from contracts.amounts import added
from contracts.model import Contract
from lambdas.close_run.comparison import Written
from pipeline import costs, serving, table_effects
from pipeline.ledger import Item, timestamp
from pipeline.run_documents import PARTS, JobResult, LoadedFile


def ending(
    run: Item,
    written: Written,
    contract: Contract,
    *,
    ended_at: datetime,
    effects: Mapping[str, Item],
    worker_seconds: Mapping[str, int],
    cost_usd: Mapping[str, Decimal],
) -> dict[str, Any]:
    """Attributes of the run in the ledger; DynamoDB takes no floats, and there are none.

    `effects` are those of its files, by hash, in the form that pipeline.table_effects keeps.
    """
    processed, files = written.processed, written.processed.files
    return {
        "ended_at": timestamp(ended_at),
        "duration_seconds": int(
            (ended_at - datetime.fromisoformat(run["started_at"])).total_seconds()
        ),
        "file_count": len(files),
        "rows_read": sum(file.rows_read for file in files),
        **{f"rows_{part}": sum(file.rows(part) for file in files) for part in PARTS},
        "effect": table_effects.added(effects.values()),
        "totals": _totals(files, contract),
        "snapshots": snapshots(written),
        "engine": processed.engine,
        "bytes_read": processed.bytes_read,
        "worker_seconds": costs.added(run.get("worker_seconds", {}), worker_seconds),
        "cost_usd": costs.added_usd(run.get("cost_usd", {}), cost_usd),
        "row_rules": [rule.to_json() for rule in processed.row_rules],
        "table_rules": [rule.to_json() for rule in processed.table_rules],
        "served": serving.kept(written.serve, run.get("served", {})),
        **_retracted(run, written),
    }


def _retracted(run: Item, written: Written) -> dict[str, Any]:
    """What a retraction took out, besides who wanted it and why."""
    rows = written.processed.retracted
    if rows is None:
        return {}
    names = {file.sha256: file.file_name for file in written.manifest.taken_out}
    told = {"file_name": names[rows.sha256], **rows.to_json()}
    return {"retracts": {**run["retracts"], **told}}


def engines(run: Item, written: Written, jobs: Mapping[str, JobResult]) -> dict[str, Any]:
    """Which engine was chosen and why, which did each job, and where Spark on Glue stepped in.

    A resumed run keeps what the jobs before it had.
    """
    fallbacks = {name: job.fallback_sentence for name, job in jobs.items() if job.fallback}
    return {
        "engine_chosen": written.manifest.engine or "spark",
        "engine_reason": written.manifest.engine_reason,
        "engines": {**run.get("engines", {}), **{name: job.engine for name, job in jobs.items()}},
        "fallbacks": {**run.get("fallbacks", {}), **fallbacks},
    }


def snapshots(written: Written) -> dict[str, dict[str, Any]]:
    """{table: {before, after}} of every table that the run changed, for a rollback."""
    loaded = {table: change.to_json() for table, change in written.processed.snapshots.items()}
    published = [model for model in written.curated.models if model.snapshot is not None]
    return {
        **loaded,
        **{model.name: {"before": model.before, "after": model.snapshot} for model in published},
    }


def _totals(files: Sequence[LoadedFile], contract: Contract) -> dict[str, dict[str, str]]:
    by_part = {"read": [file.totals.read for file in files]}
    by_part |= {part: [file.totals.of(part) for file in files] for part in PARTS}
    return {
        part: {
            column.name: str(added(sums[column.name] for sums in every))
            for column in contract.control_columns
        }
        for part, every in by_part.items()
    }
