"""Sources as people see them: described here, and deployed or not; what their fetches did."""

from __future__ import annotations

from dataclasses import dataclass

import boto3

from contracts import naming
from contracts.errors import PermanentError
from pipeline.ledger import Item
from slipway.deployment import Deployment
from sources import model
from sources.fetches import FetchLedger, State

NEWEST = 10


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A source with its last fetches, the newest first; `state` is None where it is not deployed.

    `role` is the ARN of the role that whoever owns a bucket has to let in; None for other sources.
    """

    source: model.Source
    state: State | None
    fetches: list[Item]
    role: str | None = None


def every(deployment: Deployment) -> list[Fetched]:
    """All sources that are described, each with its last fetch."""
    return [_read(deployment, model.load(name), limit=1) for name in model.names()]


def one(deployment: Deployment, name: str) -> Fetched:
    """One source with its last fetches. Raises PermanentError if it is unknown, or not deployed."""
    found = _read(deployment, model.load(name), limit=NEWEST)
    if found.state is None:
        raise PermanentError(
            f"source {name!r} is described, but not fetched in this environment; add it to `sources` of"
            f" config/{deployment.environment}.yaml and deploy"
        )
    return found


def _read(deployment: Deployment, source: model.Source, *, limit: int) -> Fetched:
    table = deployment.outputs.get(naming.source_output(source.name, "TableName"))
    if table is None:
        return Fetched(source=source, state=None, fetches=[])
    resource = boto3.resource("dynamodb", region_name=deployment.region)
    ledger = FetchLedger(table=resource.Table(table), source=source.name)
    role = deployment.outputs.get(naming.source_output(source.name, "RoleArn"))
    return Fetched(
        source=source,
        state=ledger.read(),
        fetches=ledger.newest(limit),
        role=role if isinstance(source, model.BucketSource) else None,
    )
