"""What the intake function reads from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.environment import required


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names of the resources that intake uses."""

    environment: str
    file_ledger: str
    raw_bucket: str
    state_machine_arn: str
    file_rejected_topic_arn: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Raises ContractInvalid, naming the first variable that is missing."""
        return cls(
            environment=required(environment, "ENVIRONMENT"),
            file_ledger=required(environment, "FILE_LEDGER"),
            raw_bucket=required(environment, "RAW_BUCKET"),
            state_machine_arn=required(environment, "STATE_MACHINE_ARN"),
            file_rejected_topic_arn=required(environment, "FILE_REJECTED_TOPIC_ARN"),
        )
