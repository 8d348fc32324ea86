"""What the compose_digest function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names of the resources that compose_digest uses."""

    environment: str
    file_ledger: str
    bursts_table: str
