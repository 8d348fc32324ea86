"""What the prepare_database function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the database is."""

    environment: str
    database_host: str
    database_port: int
    database_name: str
