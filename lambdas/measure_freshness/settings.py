"""What the measure_freshness function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The environment, which is a dimension of the metric, and the ledger that knows when runs ended."""

    environment: str
    run_ledger: str
