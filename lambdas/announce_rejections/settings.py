"""What the announce_rejections function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names of the resources that announce_rejections uses."""

    environment: str
    file_ledger: str
    bursts_table: str
