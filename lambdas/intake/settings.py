"""What the intake function reads from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.environment import required
from contracts.errors import ContractInvalid
from contracts.headers import STRICTEST_FIRST
from contracts.model import SchemaChange


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names of the resources that intake uses."""

    environment: str
    file_ledger: str
    raw_bucket: str
    state_machine_arn: str
    announce_state_machine_arn: str
    schema_change: SchemaChange

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Raises ContractInvalid, naming the first variable that is missing or unknown."""
        return cls(
            environment=required(environment, "ENVIRONMENT"),
            file_ledger=required(environment, "FILE_LEDGER"),
            raw_bucket=required(environment, "RAW_BUCKET"),
            state_machine_arn=required(environment, "STATE_MACHINE_ARN"),
            announce_state_machine_arn=required(environment, "ANNOUNCE_STATE_MACHINE_ARN"),
            schema_change=_schema_change(required(environment, "SCHEMA_CHANGE")),
        )


def _schema_change(value: str) -> SchemaChange:
    if value not in STRICTEST_FIRST:
        known = ", ".join(STRICTEST_FIRST)
        raise ContractInvalid(f"environment variable SCHEMA_CHANGE is {value!r}; it must be one of: {known}")
    return value
