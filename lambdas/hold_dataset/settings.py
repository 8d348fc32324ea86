"""What the hold_dataset function reads from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.environment import required, required_int


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names of resources; `claim_lease_seconds` as for claim_batch, and longer than the care job can take."""

    file_ledger: str
    run_ledger: str
    processed_bucket: str
    claim_lease_seconds: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Raises ContractInvalid, naming the first variable that is missing or no positive number."""
        return cls(
            file_ledger=required(environment, "FILE_LEDGER"),
            run_ledger=required(environment, "RUN_LEDGER"),
            processed_bucket=required(environment, "PROCESSED_BUCKET"),
            claim_lease_seconds=required_int(environment, "CLAIM_LEASE_SECONDS"),
        )
