"""What the rest_database function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The instance, and the table that has its leases."""

    database_instance: str
    run_ledger: str
