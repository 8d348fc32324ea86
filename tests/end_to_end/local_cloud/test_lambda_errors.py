"""A state machine sees a function's failure under the name that Lambda gives it, and a crash as Runtime.ExitError."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import Any

import pytest

from tests.end_to_end.local_cloud.bench import Bench

HANDLER = """
import boto3

class DatasetBusy(Exception):
    pass

def handle(event, context):
    s3 = boto3.client("s3")
    found = s3.list_objects_v2(Bucket="marks", Prefix=event["key"])["KeyCount"]
    s3.put_object(Bucket="marks", Key=event["key"], Body=b"x")
    if not found:
        raise DatasetBusy("not now")
    return {"done": True}
"""
RETRIED = [
    {"ErrorEquals": ["DatasetBusy"], "IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 1}
]
CAUGHT = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "Caught"}]


@pytest.fixture(scope="module")
def function(bench: Bench) -> str:
    bench.client("s3").create_bucket(Bucket="marks")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("busy.py", HANDLER)
    role = bench.role(
        "busy",
        {"Service": "lambda.amazonaws.com"},
        {"Action": "s3:ListBucket", "Resource": "arn:aws:s3:::marks"},
        {"Action": "s3:PutObject", "Resource": "arn:aws:s3:::marks/*"},
    )
    created = bench.client("lambda").create_function(
        FunctionName="busy",
        Runtime="python3.13",
        Role=role,
        Handler="busy.handle",
        Code={"ZipFile": content.getvalue()},
        Timeout=10,
    )
    return str(created["FunctionArn"])


def run(bench: Bench, function: str, name: str, **handling: Any) -> dict[str, Any]:
    """The execution of a machine with one task, once it has ended."""
    role = bench.role(f"machine-{name}", {"Service": "states.amazonaws.com"},
                      {"Action": "lambda:InvokeFunction", "Resource": function})  # fmt: skip
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload": {"key.$": "$.key"}},
        "End": True,
    }
    states = {"Task": task | handling, "Caught": {"Type": "Pass", "End": True}}
    client = bench.client("stepfunctions")
    machine = client.create_state_machine(
        name=name, definition=json.dumps({"StartAt": "Task", "States": states}), roleArn=role
    )["stateMachineArn"]
    execution = client.start_execution(stateMachineArn=machine, input=json.dumps({"key": name}))[
        "executionArn"
    ]
    deadline = time.monotonic() + 60
    while (found := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return dict(found)


def test_a_retry_on_the_name_of_an_exception_is_carried_out(bench: Bench, function: str) -> None:
    found = run(bench, function, "retried", Retry=RETRIED)
    assert found["status"] == "SUCCEEDED"


def test_an_exception_that_nobody_handles_names_itself(bench: Bench, function: str) -> None:
    found = run(bench, function, "unhandled")
    assert (found["status"], found["error"]) == ("FAILED", "DatasetBusy")
    assert "not now" in found["cause"]


def test_a_worker_killed_at_a_call_is_an_exit_error_and_the_call_was_carried_out(
    bench: Bench, function: str
) -> None:
    bench.cloud.control("crash-at/busy/s3:PutObject/1")
    found = run(bench, function, "killed", Catch=CAUGHT)
    assert bench.cloud.control("no-crash") == {"not_struck": []}
    assert [crash["role"] for crash in bench.cloud.control("crashes")] == ["busy"]
    assert json.loads(found["output"])["failure"]["Error"] == "Runtime.ExitError"
    assert bench.client("s3").head_object(Bucket="marks", Key="killed")["ContentLength"] == 1
