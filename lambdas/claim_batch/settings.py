"""What the claim_batch function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names of resources, and the two limits of a claim.

    `claim_lease_seconds` must be longer than a run can take (both Glue jobs, what is served and some minutes), since
    a run whose lease is over is taken for dead.
    """

    file_ledger: str
    run_ledger: str
    raw_bucket: str
    processed_bucket: str
    max_files_per_run: int
    claim_lease_seconds: int
