"""What the release_dataset function reads from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.environment import required


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names of resources; `state_machine_arn` is that of dataset_run."""

    environment: str
    file_ledger: str
    run_ledger: str
    processed_bucket: str
    state_machine_arn: str
    announce_state_machine_arn: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Raises ContractInvalid, naming the first variable that is missing."""
        return cls(
            environment=required(environment, "ENVIRONMENT"),
            file_ledger=required(environment, "FILE_LEDGER"),
            run_ledger=required(environment, "RUN_LEDGER"),
            processed_bucket=required(environment, "PROCESSED_BUCKET"),
            state_machine_arn=required(environment, "STATE_MACHINE_ARN"),
            announce_state_machine_arn=required(environment, "ANNOUNCE_STATE_MACHINE_ARN"),
        )
