"""What the hold_dataset function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names of resources; `claim_lease_seconds` as for claim_batch, and longer than the care job can take."""

    file_ledger: str
    run_ledger: str
    processed_bucket: str
    claim_lease_seconds: int
