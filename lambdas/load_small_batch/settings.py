"""What the load_small_batch function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.model import SchemaChange

NO_SECRET = "none"  # noqa: S105 - the word for: no contract has personal data


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the stack gives the job; `pii_secret_arn` is `none` where no contract has personal data."""

    environment: str
    processed_bucket: str
    curated_bucket: str
    schema_change: SchemaChange
    pii_secret_arn: str
