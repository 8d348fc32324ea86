"""What the claim_batch function reads from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.environment import required, required_int


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names of resources, and the two limits of a claim.

    `claim_lease_seconds` must be longer than a run can take (both Glue tasks' TimeoutSeconds and some minutes), since a
    run whose lease is over is taken for dead.
    """

    file_ledger: str
    run_ledger: str
    raw_bucket: str
    processed_bucket: str
    max_files_per_run: int
    claim_lease_seconds: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Raises ContractInvalid, naming the first variable that is missing or no positive number."""
        return cls(
            file_ledger=required(environment, "FILE_LEDGER"),
            run_ledger=required(environment, "RUN_LEDGER"),
            raw_bucket=required(environment, "RAW_BUCKET"),
            processed_bucket=required(environment, "PROCESSED_BUCKET"),
            max_files_per_run=required_int(environment, "MAX_FILES_PER_RUN"),
            claim_lease_seconds=required_int(environment, "CLAIM_LEASE_SECONDS"),
        )
