"""A schedule starts a state machine with its own role, or not at all."""

from __future__ import annotations

import datetime as dt
import json
import time

import pytest

from tests.end_to_end.local_cloud.bench import Bench

SCHEDULER = {"Service": "scheduler.amazonaws.com"}
STATES = {"Service": "states.amazonaws.com"}
PASS = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}})
INPUT = {"dataset": "sales_records", "trigger": "schedule"}


@pytest.fixture(scope="module")
def machine(bench: Bench) -> str:
    role = bench.role("machine", STATES, {"Action": "lambda:InvokeFunction", "Resource": "*"})
    states = bench.client("stepfunctions")
    return str(
        states.create_state_machine(name="run", definition=PASS, roleArn=role)["stateMachineArn"]
    )


def schedule(bench: Bench, name: str, machine: str, role: str) -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)
    bench.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression=f"at({soon:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": machine, "RoleArn": role, "Input": json.dumps(INPUT)},
    )


def started(bench: Bench, machine: str, count: int, seconds: float = 15) -> list[dict[str, str]]:
    """Inputs of the machine's executions, once there are `count` or the time is over."""
    states, deadline = bench.client("stepfunctions"), time.monotonic() + seconds
    while True:
        arns = [
            item["executionArn"]
            for item in states.list_executions(stateMachineArn=machine)["executions"]
        ]
        if len(arns) >= count or time.monotonic() > deadline:
            return [
                json.loads(states.describe_execution(executionArn=arn)["input"]) for arn in arns
            ]
        time.sleep(0.2)


def test_a_schedule_with_the_permission_starts_a_run(bench: Bench, machine: str) -> None:
    role = bench.role("clock", SCHEDULER, {"Action": "states:StartExecution", "Resource": machine})
    schedule(bench, "allowed", machine, role)
    assert started(bench, machine, 1) == [INPUT]


def test_a_schedule_without_it_starts_nothing_and_says_so(bench: Bench, machine: str) -> None:
    before = len(started(bench, machine, 0))
    role = bench.role(
        "idle", SCHEDULER, {"Action": "states:DescribeExecution", "Resource": machine}
    )
    schedule(bench, "refused", machine, role)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        denials = [
            item["action"]
            for item in bench.cloud.control("denials")
            if "/idle/" in item["principal"]
        ]
        if denials:
            break
        time.sleep(0.2)
    assert denials == ["states:StartExecution"]
    assert len(started(bench, machine, 0)) == before
