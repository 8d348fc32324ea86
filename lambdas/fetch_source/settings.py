"""What the fetch_source function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which source this function fetches and from where, and the resources that it uses.

    `source_role` is the ARN of its own role, which others have to let in.
    """

    environment: str
    source: str
    source_url: str
    source_role: str
    source_ledger: str
    landing_bucket: str
    announce_state_machine_arn: str
