"""Entries that the ledger tests start from, and a table that answers in small pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.ledger import RunLedger, file_entry
from pipeline.modes import RunMode

DATASET = "sales"


def item(sha256: str, status: str = "registering", received_at: str = "1") -> dict[str, Any]:
    return {
        "dataset": DATASET,
        "entry": file_entry(sha256),
        "status": status,
        "received_at": received_at,
    }


def start(runs: RunLedger, run_id: str, execution_arn: str = "e", mode: RunMode = "load") -> bool:
    return runs.start(
        DATASET,
        run_id,
        trigger="operator",
        execution_arn=execution_arn,
        started_at="now",
        contract_version="1",
        file_hashes=["a"],
        mode=mode,
    )


@dataclass(frozen=True)
class SmallPages:
    """A table whose queries give `size` entries at a time, as DynamoDB gives 1 MB at a time."""

    table: Any
    size: int

    def query(self, **arguments: Any) -> Any:
        """One page."""
        return self.table.query(**{**arguments, "Limit": self.size})
