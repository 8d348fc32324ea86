"""Which messages went out to people: the executions of announce.asl.json, each of which sends one message.

Step Functions keeps an execution for 90 days after its end (service quotas), in an account and in the embedded AWS
alike; topics themselves keep nothing. Messages of CloudWatch's alarms are not among them: no execution sends those.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.deployment import Deployment
from slipway.reading import executions

DIGEST_STATE = "ComposeDigest"  # of announce.asl.json: composes a message about files
DIGESTS = ("rejected", "arrived")
FATES = {"SUCCEEDED": "sent", "RUNNING": "being sent", "FAILED": "not sent"}


@dataclass(frozen=True, kw_only=True)
class Announced:
    """One message; `fate` is `sent`, `being sent`, `not sent`, or the status of an execution that was stopped."""

    started_at: datetime
    fate: str
    topic: str
    subject: str
    message: str


def newest(deployment: Deployment, limit: int) -> list[Announced]:
    """At most `limit` messages, the newest first."""
    every = executions.executions(deployment, machine="announce")
    listed = sorted(every, key=lambda item: item["startDate"], reverse=True)[:limit]
    found = (executions.describe(deployment, item["executionArn"]) for item in listed)
    return [
        _announced(deployment, {**item, **described})
        for item, described in zip(listed, found, strict=True)
        if described is not None
    ]


def _announced(deployment: Deployment, execution: dict[str, Any]) -> Announced:
    content = json.loads(execution.get("input") or "{}")
    content |= (
        _digest(deployment, execution["executionArn"]) if content.get("topic") in DIGESTS else {}
    )
    return Announced(
        started_at=execution["startDate"],
        fate=FATES.get(execution["status"], execution["status"].lower()),
        topic=str(content.get("topic", "")),
        subject=str(content.get("subject", "")),
        message=str(content.get("message", "")),
    )


def _digest(deployment: Deployment, execution_arn: str) -> dict[str, Any]:
    """What was composed about a burst of files; nothing until its time has come."""
    for event in _history(deployment, execution_arn):
        exited = event.get("stateExitedEventDetails", {})
        if exited.get("name") == DIGEST_STATE:
            digest: dict[str, Any] = json.loads(exited.get("output") or "{}").get("digest", {})
            return {name: digest[name] for name in ("subject", "message") if name in digest}
    return {}


def _history(deployment: Deployment, execution_arn: str) -> Iterable[dict[str, Any]]:
    pages = deployment.client("stepfunctions").get_paginator("get_execution_history")
    return (
        event for page in pages.paginate(executionArn=execution_arn) for event in page["events"]
    )
