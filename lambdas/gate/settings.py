"""What the gate function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where manifests and results are, and the ledger of the files."""

    processed_bucket: str
    file_ledger: str
