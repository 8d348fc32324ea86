"""Follow state machine executions step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.deployment import Deployment


@dataclass(frozen=True, kw_only=True)
class Step:
    """One state of an execution; `seconds` is None while it runs."""

    execution: str
    name: str
    entered_at: datetime
    seconds: float | None


def executions(deployment: Deployment) -> list[dict[str, Any]]:
    """All executions, oldest first."""
    pages = deployment.client("stepfunctions").get_paginator("list_executions")
    found = [
        item
        for page in pages.paginate(stateMachineArn=deployment.output("StateMachineArn"))
        for item in page["executions"]
    ]
    return sorted(found, key=lambda item: item["startDate"])


def steps(deployment: Deployment, execution_arn: str) -> list[Step]:
    """The states that an execution has entered, in order."""
    pages = deployment.client("stepfunctions").get_paginator("get_execution_history")
    events = [event for page in pages.paginate(executionArn=execution_arn) for event in page["events"]]
    return list(_steps(execution_arn, events))


def _steps(execution_arn: str, events: list[dict[str, Any]]) -> Iterator[Step]:
    entered: tuple[str, datetime] | None = None
    for event in events:
        if event["type"].endswith("StateEntered"):
            entered = (event["stateEnteredEventDetails"]["name"], event["timestamp"])
        elif event["type"].endswith("StateExited") and entered:
            seconds = (event["timestamp"] - entered[1]).total_seconds()
            yield Step(execution=execution_arn, name=entered[0], entered_at=entered[1], seconds=seconds)
            entered = None
    if entered:
        yield Step(execution=execution_arn, name=entered[0], entered_at=entered[1], seconds=None)
