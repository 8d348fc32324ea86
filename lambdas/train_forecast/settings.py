"""What the function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the tables are, and the files of a training (processed bucket)."""

    environment: str
    processed_bucket: str
    curated_bucket: str
