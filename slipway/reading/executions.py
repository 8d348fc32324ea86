"""Start state machine executions and follow them step by step."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from contracts import naming
from contracts.errors import PermanentError
from slipway.deployment import Deployment

Machine = Literal["run", "care", "announce", "warehouse", "database", "mart", "training"]
OUTPUT_OF = {
    "run": "StateMachineArn",
    "care": "CareStateMachineArn",
    "announce": "AnnounceStateMachineArn",
    "warehouse": "WarehouseLoadStateMachineArn",
    "database": "WriteBackStateMachineArn",
    "mart": "MartStateMachineArn",
    "training": "TrainingStateMachineArn",
}
POLL_SECONDS = 1.0
PATIENCE_SECONDS = (
    6 * 60 * 60
)  # longer than two Glue jobs by config/*.yaml and what is served may take
WORTH_A_LINE_SECONDS = 0.05
MAP_ENTERED, MAP_FAILED, MAP_EXITED = "MapStateEntered", "MapStateFailed", "MapStateExited"
LARGEST_INPUT_BYTES = 256 * 1024  # Step Functions service quotas: input of an execution


class NotEnded(PermanentError):
    """An execution was still running when patience ran out."""


class TooLarge(PermanentError):
    """A request does not fit into the input of an execution."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One state of an execution; `seconds` is None while it runs."""

    execution: str
    name: str
    entered_at: datetime
    seconds: float | None

    @property
    def takes_time(self) -> bool:
        """Choices and other states that only steer take no time worth a line."""
        return (self.seconds or 0.0) >= WORTH_A_LINE_SECONDS


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How an execution ended; `output` is what its last state gave, empty unless it succeeded."""

    execution: str
    status: str
    output: dict[str, Any]

    @property
    def succeeded(self) -> bool:
        """Whether it went through to its end."""
        return self.status == "SUCCEEDED"


def executions(
    deployment: Deployment, *, machine: Machine = "run", status: str | None = None
) -> list[dict[str, Any]]:
    """Executions of a state machine, oldest first; all of them, or those with this status."""
    pages = deployment.client("stepfunctions").get_paginator("list_executions")
    wanted = {"stateMachineArn": deployment.output(OUTPUT_OF[machine])}
    wanted |= {"statusFilter": status} if status else {}
    found = [item for page in pages.paginate(**wanted) for item in page["executions"]]
    return sorted(found, key=lambda item: item["startDate"])


def steps(deployment: Deployment, execution_arn: str) -> list[Step]:
    """The states that an execution has entered, in order; those within a Map are part of it."""
    pages = deployment.client("stepfunctions").get_paginator("get_execution_history")
    events = [
        event for page in pages.paginate(executionArn=execution_arn) for event in page["events"]
    ]
    return list(_steps(execution_arn, events))


def _steps(execution_arn: str, events: list[dict[str, Any]]) -> Iterator[Step]:
    entered: tuple[str, datetime] | None = None
    in_map = False  # its iterations write their states into the same history. Source: Step Functions guide, Inline Map
    for event in events:
        kind = event["type"]
        if kind.endswith("StateEntered") and not in_map:
            entered, in_map = (
                (event["stateEnteredEventDetails"]["name"], event["timestamp"]),
                kind == MAP_ENTERED,
            )
        elif kind.endswith("StateExited") and entered and (not in_map or kind == MAP_EXITED):
            seconds = (event["timestamp"] - entered[1]).total_seconds()
            yield Step(
                execution=execution_arn, name=entered[0], entered_at=entered[1], seconds=seconds
            )
            entered, in_map = None, False
        elif kind == MAP_FAILED:
            in_map = False
    if entered:
        yield Step(execution=execution_arn, name=entered[0], entered_at=entered[1], seconds=None)


def start(deployment: Deployment, machine: Machine, request: dict[str, Any]) -> str:
    """Start an execution on behalf of an operator; its ARN.

    Raises TooLarge when the request does not fit.
    """
    return _started(deployment, OUTPUT_OF[machine], request)


def start_fetch(deployment: Deployment, source: str, request: dict[str, Any]) -> str:
    """Start a fetch of a source on behalf of an operator; the execution's ARN."""
    return _started(deployment, naming.source_output(source, "StateMachineArn"), request)


def _started(deployment: Deployment, output: str, request: dict[str, Any]) -> str:
    text = json.dumps({"trigger": "operator", **request})
    if len(text.encode()) > LARGEST_INPUT_BYTES:
        raise TooLarge(
            f"the request has {len(text.encode())} bytes, Step Functions takes {LARGEST_INPUT_BYTES}; name fewer files"
        )
    answer = deployment.client("stepfunctions").start_execution(
        stateMachineArn=deployment.output(output), input=text
    )
    return str(answer["executionArn"])


def wait(deployment: Deployment, arn: str, on_step: Callable[[Step], None]) -> Ending:
    """Block until the execution has ended, telling each step once it is over.

    Raises NotEnded after PATIENCE_SECONDS; the execution goes on.
    """
    client = deployment.client("stepfunctions")
    deadline = time.monotonic() + PATIENCE_SECONDS
    told = 0
    while True:
        found = client.describe_execution(executionArn=arn)
        done = [step for step in steps(deployment, arn) if step.seconds is not None]
        for step in done[told:]:
            on_step(step)
        told = len(done)
        if found["status"] != "RUNNING":
            return Ending(
                execution=arn,
                status=found["status"],
                output=json.loads(found.get("output") or "{}"),
            )
        if time.monotonic() > deadline:
            raise NotEnded(
                f"{arn} still runs after {PATIENCE_SECONDS // 60} minutes; `slipway runs list` shows its end"
            )
        time.sleep(POLL_SECONDS)


def is_running(deployment: Deployment, arn: str) -> bool:
    """Whether the execution is at work; one that Step Functions has forgotten (after 90 days) is not."""
    found = describe(deployment, arn)
    return found is not None and found["status"] == "RUNNING"


def describe(deployment: Deployment, arn: str) -> dict[str, Any] | None:
    """What Step Functions knows of an execution, or None when it has forgotten it.

    Source: Step Functions service quotas: the history of an execution is kept for 90 days after its end.
    """
    client = deployment.client("stepfunctions")
    try:
        return dict(client.describe_execution(executionArn=arn))
    except client.exceptions.ExecutionDoesNotExist:
        return None
