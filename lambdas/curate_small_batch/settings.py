"""What the curate_small_batch function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the stack gives the job."""

    environment: str
    processed_bucket: str
    curated_bucket: str
