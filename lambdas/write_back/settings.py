"""What the write_back function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the lake is, and the database."""

    environment: str
    processed_bucket: str
    database_host: str
    database_port: int
    database_name: str
