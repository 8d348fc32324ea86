"""What the run_mart function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where tables and ledger are, who tells people of a failure, and who can show a mart.

    `serving` are the consumers of the environment, separated by commas, or "none".
    """

    environment: str
    processed_bucket: str
    curated_bucket: str
    run_ledger: str
    announce_state_machine_arn: str
    serving: str
