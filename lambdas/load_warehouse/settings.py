"""What the load_warehouse function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The warehouse and who it is there, the Glue database of the curated zone, and where results of runs are."""

    warehouse_workgroup: str
    warehouse_database: str
    warehouse_secret_arn: str
    curated_database: str
    processed_bucket: str
