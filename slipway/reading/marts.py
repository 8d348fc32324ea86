"""Marts as people see them: the definition that this code ships, and what their runs did in a deployment."""

from __future__ import annotations

from dataclasses import dataclass

from contracts import marts
from contracts.marts import Mart
from pipeline.ledger import Item
from pipeline.ledger.marts import MartLedger
from slipway.deployment import Deployment

NEWEST = 10


@dataclass(frozen=True, kw_only=True)
class MartRuns:
    """A mart with its last runs, the newest first."""

    mart: Mart
    runs: list[Item]


def every(deployment: Deployment) -> list[MartRuns]:
    """All marts, each with its last run."""
    return [_read(deployment, marts.load(name), limit=1) for name in marts.names()]


def one(deployment: Deployment, name: str) -> MartRuns:
    """One mart with its last runs. Raises ContractInvalid if it is unknown."""
    return _read(deployment, marts.load(name), limit=NEWEST)


def _read(deployment: Deployment, mart: Mart, *, limit: int) -> MartRuns:
    ledger = MartLedger(table=deployment.run_ledger, mart=mart.name)
    return MartRuns(mart=mart, runs=ledger.newest(limit))
