"""A state machine that runs others: real executions of their own, that end with their parent and tell it why."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.end_to_end.local_cloud.bench import Bench

STATES = {"Service": "states.amazonaws.com"}
RULE = (
    "arn:aws:events:us-east-1:000000000000:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
)
MACHINES = "arn:aws:states:us-east-1:000000000000:stateMachine"
EXECUTIONS = "arn:aws:states:us-east-1:000000000000:execution"
WITH_EVENTS = {
    "Action": ["events:PutTargets", "events:PutRule", "events:DescribeRule"],
    "Resource": RULE,
}
WITH_CHILDREN = {
    "Action": ["states:DescribeExecution", "states:StopExecution"],
    "Resource": [f"{EXECUTIONS}:good:*", f"{EXECUTIONS}:bad:*", f"{EXECUTIONS}:long:*"],
}
WITH_MACHINES = {
    "Action": "states:StartExecution",
    "Resource": [f"{MACHINES}:good", f"{MACHINES}:bad", f"{MACHINES}:long"],
}
CHILDREN = {
    "good": {"Type": "Pass", "Result": {"served": "warehouse"}, "End": True},
    "bad": {"Type": "Fail", "Error": "WarehouseLoadFailed", "Cause": "the check failed"},
    "long": {"Type": "Wait", "Seconds": 60, "End": True},
}


@pytest.fixture(scope="module", autouse=True)
def children(bench: Bench) -> None:
    for name, state in CHILDREN.items():
        machine(bench, name, {"StartAt": "Only", "States": {"Only": state}})


def machine(
    bench: Bench, name: str, definition: dict[str, Any], *statements: dict[str, Any]
) -> str:
    role = bench.role(
        f"machine-{name}", STATES, *(statements or (WITH_MACHINES, WITH_CHILDREN, WITH_EVENTS))
    )
    client = bench.client("stepfunctions")
    made = client.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)
    return str(made["stateMachineArn"])


def task(child: str, **more: Any) -> dict[str, Any]:
    """One task that runs a child, as the machines of the application do."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {
            "StateMachineArn": f"{MACHINES}:{child}",
            "Input": {
                "dataset.$": "$.dataset",
                "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
            },
        },
        "End": True,
    } | more


def start(bench: Bench, arn: str) -> str:
    client = bench.client("stepfunctions")
    return str(
        client.start_execution(stateMachineArn=arn, input='{"dataset": "d"}')["executionArn"]
    )


def ended(bench: Bench, execution: str) -> dict[str, Any]:
    client, deadline = bench.client("stepfunctions"), time.monotonic() + 60
    while (found := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return dict(found)


def listed(bench: Bench, child: str) -> list[dict[str, Any]]:
    client = bench.client("stepfunctions")
    return list(client.list_executions(stateMachineArn=f"{MACHINES}:{child}")["executions"])


def test_a_map_over_a_split_text_runs_one_child_for_each(bench: Bench) -> None:
    # the serving step of dataset_run: one machine per ARN of a list that a substitution gives
    child = task("unused")
    child["Parameters"] |= {"StateMachineArn.$": "$.machine"}
    del child["Parameters"]["StateMachineArn"]
    serve = {
        "Type": "Map",
        "ItemsPath": "$.machines",
        "ItemSelector": {"machine.$": "$$.Map.Item.Value", "dataset.$": "$.dataset"},
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": "Run",
            "States": {"Run": child | {"OutputPath": "$.Output"}},
        },
        "ResultPath": "$.serve",
        "End": True,
    }
    split = {
        "Type": "Pass",
        "Parameters": {
            "dataset.$": "$.dataset",
            "machines.$": f"States.StringSplit('{MACHINES}:good,{MACHINES}:good', ',')",
        },
        "Next": "Serve",
    }
    arn = machine(
        bench, "serving", {"StartAt": "Split", "States": {"Split": split, "Serve": serve}}
    )
    found = ended(bench, start(bench, arn))
    assert found["status"] == "SUCCEEDED", found
    assert json.loads(found["output"])["serve"] == [{"served": "warehouse"}] * 2
    children = listed(bench, "good")
    assert [child["status"] for child in children] == ["SUCCEEDED"] * 2
    given = bench.client("stepfunctions").describe_execution(
        executionArn=children[0]["executionArn"]
    )["input"]
    assert json.loads(given)["AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"] == found["executionArn"]


def test_a_failed_child_fails_the_task_with_its_description(bench: Bench) -> None:
    arn = machine(bench, "of-bad", {"StartAt": "Run", "States": {"Run": task("bad")}})
    found = ended(bench, start(bench, arn))
    assert (found["status"], found["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(found["cause"])
    assert (cause["Status"], cause["Error"], cause["Cause"]) == (
        "FAILED",
        "WarehouseLoadFailed",
        "the check failed",
    )
    assert cause["ExecutionArn"] == listed(bench, "bad")[0]["executionArn"]
    assert cause["StartDate"] <= cause["StopDate"]


def test_a_child_is_stopped_with_its_parent(bench: Bench) -> None:
    arn = machine(bench, "of-long", {"StartAt": "Run", "States": {"Run": task("long")}})
    execution = start(bench, arn)
    running = awaited_child(bench)
    bench.client("stepfunctions").stop_execution(executionArn=execution)
    assert ended(bench, running)["status"] == "ABORTED"
    assert ended(bench, execution)["status"] == "ABORTED"


def test_a_child_is_stopped_when_the_task_times_out(bench: Bench) -> None:
    arn = machine(
        bench, "impatient", {"StartAt": "Run", "States": {"Run": task("long", TimeoutSeconds=2)}}
    )
    execution = start(bench, arn)
    running = awaited_child(bench)
    found = ended(bench, execution)
    assert (found["status"], found["error"]) == ("FAILED", "States.Timeout")
    assert ended(bench, running)["status"] == "ABORTED"


def awaited_child(bench: Bench) -> str:
    """The one execution of `long` that runs."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        running = [
            child["executionArn"] for child in listed(bench, "long") if child["status"] == "RUNNING"
        ]
        if running:
            return str(running[0])
        time.sleep(0.1)
    raise AssertionError("the child was not started")


@pytest.mark.parametrize(
    ("name", "statements", "action"),
    [
        ("no-start", (WITH_CHILDREN, WITH_EVENTS), "states:StartExecution"),
        ("no-stop", (WITH_MACHINES, WITH_EVENTS), "states:DescribeExecution"),
        ("no-events", (WITH_MACHINES, WITH_CHILDREN), "events:PutTargets"),
    ],
)
def test_the_parents_role_needs_every_permission(
    bench: Bench, name: str, statements: tuple[dict[str, Any], ...], action: str
) -> None:
    before = len(listed(bench, "good"))
    arn = machine(bench, name, {"StartAt": "Run", "States": {"Run": task("good")}}, *statements)
    found = ended(bench, start(bench, arn))
    assert found["status"] == "FAILED"
    assert found["error"] == "StepFunctions.AccessDeniedException"
    assert action in found["cause"]
    assert len(listed(bench, "good")) == before
