"""Functions run as their role, and a queue feeds them: what fails in a batch is retried, then put aside."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import Any

import pytest

from tests.end_to_end.local_cloud.bench import Bench

LAMBDA = {"Service": "lambda.amazonaws.com"}
HANDLER = """
import json, os
import boto3

def handle(event, context):
    if "Records" not in event:
        boto3.client("s3").put_object(Bucket="out", Key=event["key"], Body=b"x")
        return {"who": boto3.client("sts").get_caller_identity()["Arn"], "endpoint": os.environ["AWS_ENDPOINT_URL"]}
    failed = [r["messageId"] for r in event["Records"] if "bad" in r["body"]]
    for record in event["Records"]:
        if "bad" not in record["body"]:
            boto3.client("s3").put_object(Bucket="out", Key=record["body"], Body=b"x")
    return {"batchItemFailures": [{"itemIdentifier": i} for i in failed]}
"""


def package() -> bytes:
    """A zip as the CDK makes it: a package folder below the root."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("lambdas/__init__.py", "")
        archive.writestr("lambdas/probe/__init__.py", "")
        archive.writestr("lambdas/probe/handler.py", HANDLER)
    return content.getvalue()


@pytest.fixture(scope="module")
def function(bench: Bench) -> str:
    bench.client("s3").create_bucket(Bucket="out")
    role = bench.role(
        "probe",
        LAMBDA,
        {"Action": "s3:PutObject", "Resource": "arn:aws:s3:::out/allowed*"},
        {
            "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
            "Resource": "arn:aws:sqs:*:*:work",
        },
    )
    created = bench.client("lambda").create_function(
        FunctionName="probe",
        Runtime="python3.13",
        Role=role,
        Handler="lambdas.probe.handler.handle",
        Code={"ZipFile": package()},
        Timeout=5,
    )
    return str(created["FunctionArn"])


def call(bench: Bench, function: str, event: dict[str, Any]) -> dict[str, Any]:
    answer = bench.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    return {"error": answer.get("FunctionError")} | json.loads(answer["Payload"].read())


def keys(bench: Bench) -> set[str]:
    return {item["Key"] for item in bench.client("s3").list_objects_v2(Bucket="out").get("Contents", [])}


def test_a_function_is_its_role_and_finds_the_endpoint(bench: Bench, function: str) -> None:
    answer = call(bench, function, {"key": "allowed"})
    assert answer["who"] == "arn:aws:sts::000000000000:assumed-role/probe/probe"
    assert answer["endpoint"] == bench.cloud.endpoint


def test_a_function_may_do_no_more_than_its_role(bench: Bench, function: str) -> None:
    answer = call(bench, function, {"key": "forbidden"})
    assert answer["error"] == "Unhandled"
    assert "AccessDenied" in answer["errorMessage"]
    assert "forbidden" not in keys(bench)


def test_what_fails_in_a_batch_is_tried_again_and_then_put_aside(bench: Bench, function: str) -> None:
    sqs = bench.client("sqs")
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    work = sqs.create_queue(QueueName="work", Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "5"})
    bench.client("lambda").create_event_source_mapping(
        EventSourceArn="arn:aws:sqs:us-east-1:000000000000:work",
        FunctionName=function,
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    for body in ("allowed-1", "bad", "allowed-2"):
        sqs.send_message(QueueUrl=work["QueueUrl"], MessageBody=body)
    deadline = time.monotonic() + 30
    aside: list[str] = []
    while not aside and time.monotonic() < deadline:
        found = sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=1).get("Messages", [])
        aside = [message["Body"] for message in found]
    assert aside == ["bad"]
    assert {"allowed-1", "allowed-2"} <= keys(bench)


def test_a_queue_is_not_read_by_a_role_that_may_not(bench: Bench) -> None:
    sqs, functions = bench.client("sqs"), bench.client("lambda")
    secret = sqs.create_queue(QueueName="secret")["QueueUrl"]
    functions.create_function(
        FunctionName="deaf",
        Runtime="python3.13",
        Role=bench.role("deaf", LAMBDA, {"Action": "s3:PutObject", "Resource": "arn:aws:s3:::out/allowed*"}),
        Handler="lambdas.probe.handler.handle",
        Code={"ZipFile": package()},
    )
    mapping = functions.create_event_source_mapping(
        EventSourceArn="arn:aws:sqs:us-east-1:000000000000:secret", FunctionName="deaf"
    )
    sqs.send_message(QueueUrl=secret, MessageBody="allowed-3")
    deadline = time.monotonic() + 10
    result = ""
    while "PROBLEM" not in result and time.monotonic() < deadline:
        time.sleep(0.2)
        result = functions.get_event_source_mapping(UUID=mapping["UUID"])["LastProcessingResult"]
    assert "is not authorized to perform: sqs:ReceiveMessage" in result
    assert "allowed-3" not in keys(bench)
