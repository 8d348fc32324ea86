"""The application's own schedules start what they are for: as deployed, with their target, input and role.

Only name and moment are others: the emulator does not fire a schedule whose expression became a single moment. What the
machines do is replaced meanwhile: that is the matter of other stories.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local_cloud.session import LocalCloud
from tests.end_to_end.alarm_causes import Stage, status
from tests.end_to_end.pipeline import Pipeline

PASS = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
KEPT = ("GroupName", "FlexibleTimeWindow", "Target")
OTHER = "arn:aws:states:us-east-1:000000000000:stateMachine:SomethingElse"


@pytest.fixture(scope="module")
def stage(pipeline: Pipeline, cloud: LocalCloud) -> Stage:
    return Stage(pipeline.deployment, cloud)


@pytest.fixture(scope="module")
def schedules(stage: Stage) -> list[dict[str, Any]]:
    scheduler = stage.client("scheduler")
    return [
        scheduler.get_schedule(Name=each["Name"], GroupName=each["GroupName"])
        for each in scheduler.list_schedules()["Schedules"]
    ]


@pytest.fixture(scope="module")
def replaced(stage: Stage, schedules: list[dict[str, Any]]) -> Iterator[None]:
    """The machines that are started do nothing."""
    states = stage.client("stepfunctions")
    arns = {each["Target"]["Arn"] for each in schedules}
    described = [states.describe_state_machine(stateMachineArn=arn) for arn in arns]
    for each in described:
        states.update_state_machine(stateMachineArn=each["stateMachineArn"], definition=PASS)
    yield
    for each in described:
        states.update_state_machine(
            stateMachineArn=each["stateMachineArn"], definition=each["definition"]
        )


def set_off(stage: Stage, schedule: dict[str, Any]) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    stage.client("scheduler").create_schedule(
        **{key: schedule[key] for key in KEPT},
        Name=f"{schedule['Name'][-50:]}-now",
        ScheduleExpression=f"at({soon:%Y-%m-%dT%H:%M:%S})",
        ActionAfterCompletion="DELETE",
    )


def executions_of(stage: Stage, machine: str) -> dict[str, str]:
    """Inputs of a machine's executions by ARN."""
    states = stage.client("stepfunctions")
    return {
        each["executionArn"]: states.describe_execution(executionArn=each["executionArn"])["input"]
        for each in states.list_executions(stateMachineArn=machine)["executions"]
    }


@pytest.mark.usefixtures("replaced")
def test_every_schedule_starts_its_machine_with_its_input_under_its_role(
    stage: Stage, schedules: list[dict[str, Any]]
) -> None:
    machines = {each["Target"]["Arn"] for each in schedules}
    before = {arn for machine in machines for arn in executions_of(stage, machine)}
    assert len(schedules) >= 4  # a run and maintenance for each of two datasets
    for each in schedules:
        set_off(stage, each)
    wanted = sorted((each["Target"]["Arn"], each["Target"]["Input"]) for each in schedules)

    def started() -> list[tuple[str, str]]:
        return sorted(
            (machine, text)
            for machine in machines
            for arn, text in executions_of(stage, machine).items()
            if arn not in before
        )

    stage.wait(lambda: started() == wanted)
    new = [
        arn for machine in machines for arn in executions_of(stage, machine) if arn not in before
    ]
    states = stage.client("stepfunctions")
    stage.wait(lambda: {status(states, arn) for arn in new} == {"SUCCEEDED"})
    inputs = [json.loads(each["Target"]["Input"]) for each in schedules]
    assert {"sales_records", "superstore"} <= {each.get("dataset") for each in inputs}


@pytest.mark.usefixtures("replaced")
def test_a_schedule_whose_role_may_not_start_the_machine_is_kept_in_its_queue(
    stage: Stage, schedules: list[dict[str, Any]]
) -> None:
    schedule = schedules[0]
    sqs = stage.client("sqs")
    url = sqs.get_queue_url(
        QueueName=schedule["Target"]["DeadLetterConfig"]["Arn"].rpartition(":")[2]
    )["QueueUrl"]
    set_off(stage, schedule | {"Target": schedule["Target"] | {"Arn": OTHER}})

    def kept() -> bool:
        number = "ApproximateNumberOfMessages"
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[number])
        return bool(answer["Attributes"][number] == "1")

    stage.wait(kept)
    sqs.purge_queue(QueueUrl=url)
