"""What the gate function reads from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.environment import required


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where manifests and results are, and the ledger of the files."""

    processed_bucket: str
    file_ledger: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Raises ContractInvalid, naming the first variable that is missing."""
        return cls(
            processed_bucket=required(environment, "PROCESSED_BUCKET"),
            file_ledger=required(environment, "FILE_LEDGER"),
        )
