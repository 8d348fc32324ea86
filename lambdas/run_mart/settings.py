"""What the run_mart function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where tables and ledger are, and who tells people of a failure."""

    environment: str
    processed_bucket: str
    curated_bucket: str
    run_ledger: str
    announce_state_machine_arn: str
