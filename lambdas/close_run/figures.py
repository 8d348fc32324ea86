"""What the run ledger keeps of a run that succeeded: counts, totals, snapshots to roll back to, what it cost, and what
was served.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from contracts.model import Contract
from lambdas.close_run.comparison import PARTS, Written
from pipeline import costs, serving
from pipeline.ledger import Item, timestamp


def ending(
    run: Item, written: Written, contract: Contract, *, ended_at: datetime, worker_seconds: Mapping[str, int]
) -> dict[str, Any]:
    """Attributes of the run in the ledger; DynamoDB takes no floats, and there are none."""
    processed, files = written.processed, written.processed["files"]
    return {
        "ended_at": timestamp(ended_at),
        "duration_seconds": int((ended_at - datetime.fromisoformat(run["started_at"])).total_seconds()),
        "file_count": len(files),
        "rows_read": sum(int(file["rows_read"]) for file in files),
        **{f"rows_{part}": sum(int(file[f"rows_{part}"]) for file in files) for part in PARTS},
        "totals": {part: _totals(files, part, contract) for part in ("read", *PARTS)},
        "snapshots": snapshots(written),
        "engine": processed["engine"],
        "bytes_read": int(processed["bytes_read"]),
        "worker_seconds": costs.added(run.get("worker_seconds", {}), worker_seconds),
        "row_rules": processed["row_rules"],
        "table_rules": processed["table_rules"],
        "served": serving.kept(written.serve, run.get("served", {})),
    }


def snapshots(written: Written) -> dict[str, dict[str, Any]]:
    """{table: {before, after}} of every table that the run changed, for a rollback."""
    curated = {
        model["name"]: {"before": model["before"], "after": model["snapshot"]} for model in written.curated["models"]
    }
    every = {**written.processed["snapshots"], **curated}
    return {table: pair for table, pair in every.items() if pair["after"] is not None}


def _totals(files: Iterable[Mapping[str, Any]], part: str, contract: Contract) -> dict[str, str]:
    return {
        column.name: str(sum((Decimal(file["totals"][part][column.name]) for file in files), Decimal(0)))
        for column in contract.control_columns
    }
