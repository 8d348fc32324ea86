"""What CloudTrail delivered, asked in the auditor's workgroup: who read a file, who removed what."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from slipway.deployment import LOCAL, Deployment, NotDeployed, state_directory
from slipway.reading import lake

SQL = Path(__file__).resolve().parents[2] / "sql" / "audit"


@dataclass(frozen=True, kw_only=True)
class Act:
    """What somebody did how often: the name of a role or an ARN, the service it was done through, and the call."""

    who: str
    through: str
    call: str
    object_key: str
    times: int
    last_time: str
    refused: str


def reads(deployment: Deployment, *, wanted: str, days: int) -> list[Act]:
    """Calls that read objects whose key contains `wanted`, refused ones among them; the newest first."""
    return _acts(deployment, "reads", wanted, days)


def deletions(deployment: Deployment, *, wanted: str, days: int) -> list[Act]:
    """Calls that removed objects whose key contains `wanted`, refused ones among them; the newest first."""
    return _acts(deployment, "deletions", wanted, days)


def flush(deployment: Deployment) -> str:
    """On the embedded AWS deliver what waits; what was refused. An account delivers within minutes by itself."""
    if deployment.environment != LOCAL:
        return ""
    from local_cloud import session

    told = session.attach(state_directory()).control("deliver-trail")
    return "; ".join(each["problem"] for each in told.values() if each["problem"])


def _acts(deployment: Deployment, name: str, wanted: str, days: int) -> list[Act]:
    workgroup, database = (
        deployment.outputs.get(key) for key in ("AuditWorkgroupName", "AuditDatabaseName")
    )
    if workgroup is None or database is None:
        raise NotDeployed(
            f"environment {deployment.environment!r} has no trail of its own; switch features.trail on in"
            f" config/{deployment.environment}.yaml and deploy, or ask that of the account"
        )
    since = f"{datetime.now(UTC) - timedelta(days=days):%Y/%m/%d}"
    values = {
        "audit": database,
        "since": lake.literal(since),
        "pattern": lake.literal(f"%{wanted}%"),
    }
    sql = (SQL / f"{name}.sql").read_text(encoding="utf-8")
    for placeholder, value in values.items():
        sql = sql.replace(f"{{{placeholder}}}", value)
    answer: Any = lake.query(lake.in_workgroup(deployment, workgroup), sql)
    names = [field.name for field in fields(Act)]
    return [
        Act(**dict(zip(names, row, strict=True)))
        for row in answer.itertuples(index=False, name=None)
    ]
