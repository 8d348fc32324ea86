"""What the release_dataset function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.costs import PriceSettings


@dataclass(frozen=True, kw_only=True)
class Settings(PriceSettings):
    """Prices of engines, and names of resources; `state_machine_arn` is that of dataset_run."""

    environment: str
    file_ledger: str
    run_ledger: str
    processed_bucket: str
    state_machine_arn: str
    announce_state_machine_arn: str
