"""What the intake function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.model import SchemaChange
from pipeline.environment import Limit


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names of the resources that intake uses."""

    environment: str
    queue_url: str
    file_ledger: str
    raw_bucket: str
    state_machine_arn: str
    announce_state_machine_arn: str
    schema_change: SchemaChange
    bursts_table: str
    burst_seconds: int
    arrived_seconds: Limit  # 0: nobody is told
