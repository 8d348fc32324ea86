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
    if event.get("detail-type") == "order":
        boto3.client("s3").put_object(Bucket="out", Key=f"tried/{context.aws_request_id}", Body=b"x")
        raise ValueError(event["detail"]["why"])
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
        {
            "Action": "s3:PutObject",
            "Resource": ["arn:aws:s3:::out/allowed*", "arn:aws:s3:::out/tried/*"],
        },
        {"Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:*:*:failures"},
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
    return {
        item["Key"] for item in bench.client("s3").list_objects_v2(Bucket="out").get("Contents", [])
    }


def test_a_function_is_its_role_and_finds_the_endpoint(bench: Bench, function: str) -> None:
    answer = call(bench, function, {"key": "allowed"})
    assert answer["who"] == "arn:aws:sts::000000000000:assumed-role/probe/probe"
    assert answer["endpoint"] == bench.cloud.endpoint


def test_a_function_may_do_no_more_than_its_role(bench: Bench, function: str) -> None:
    answer = call(bench, function, {"key": "forbidden"})
    assert answer["error"] == "Unhandled"
    assert "AccessDenied" in answer["errorMessage"]
    assert "forbidden" not in keys(bench)


def test_what_fails_in_a_batch_is_tried_again_and_then_put_aside(
    bench: Bench, function: str
) -> None:
    sqs = bench.client("sqs")
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    work = sqs.create_queue(
        QueueName="work", Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "5"}
    )
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
        Role=bench.role(
            "deaf", LAMBDA, {"Action": "s3:PutObject", "Resource": "arn:aws:s3:::out/allowed*"}
        ),
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


EVENTS = {"Service": "events.amazonaws.com"}
QUEUE = "arn:aws:sqs:us-east-1:000000000000:"


def queue_for_events(bench: Bench, name: str) -> str:
    """URL of a queue that EventBridge may send to."""
    allowed = {
        "Effect": "Allow",
        "Principal": EVENTS,
        "Action": "sqs:SendMessage",
        "Resource": f"{QUEUE}{name}",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    return str(
        bench.client("sqs").create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]
    )


def rule(bench: Bench, source: str, function: str) -> None:
    """A rule that hands events of a source to a function, with a dead-letter queue."""
    rules = bench.client("events")
    made = rules.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))["RuleArn"]
    target = {"Id": "function", "Arn": function, "DeadLetterConfig": {"Arn": f"{QUEUE}undelivered"}}
    rules.put_targets(Rule=source, Targets=[target])
    bench.client("lambda").add_permission(
        FunctionName=function,
        StatementId=source.replace(".", "-"),
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=made,
    )


def happen(bench: Bench, source: str, why: str) -> None:
    event = {"Source": source, "DetailType": "order", "Detail": json.dumps({"why": why})}
    assert bench.client("events").put_events(Entries=[event])["FailedEntryCount"] == 0


def first_message(bench: Bench, url: str, seconds: int) -> dict[str, Any] | None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = bench.client("sqs").receive_message(
            QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"]
        )
        for message in answer.get("Messages", []):
            bench.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return dict(message)
    return None


@pytest.fixture(scope="module")
def failures(bench: Bench, function: str) -> str:
    """URL of the queue that keeps the events of the rule "shop" which the function failed to handle."""
    url = str(bench.client("sqs").create_queue(QueueName="failures")["QueueUrl"])
    bench.client("lambda").put_function_event_invoke_config(
        FunctionName=function,
        Qualifier="$LATEST",
        MaximumRetryAttempts=2,
        DestinationConfig={"OnFailure": {"Destination": f"{QUEUE}failures"}},
    )
    queue_for_events(bench, "undelivered")
    rule(bench, "shop", function)
    return url


def test_an_event_that_a_function_fails_to_handle_is_tried_three_times_and_then_kept(
    bench: Bench, failures: str
) -> None:
    happen(bench, "shop", "no reason")
    kept = first_message(bench, failures, 40)
    assert kept
    record = json.loads(kept["Body"])
    assert record["requestPayload"]["detail"] == {"why": "no reason"}
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responsePayload"]["errorType"] == "ValueError"
    assert sum(key.startswith("tried/") for key in keys(bench)) == 3


def test_an_event_for_a_function_that_is_gone_is_in_the_dead_letter_queue_of_its_rule(
    bench: Bench, failures: str
) -> None:
    gone = bench.client("lambda").create_function(
        FunctionName="gone",
        Runtime="python3.13",
        Role=bench.role(
            "gone", LAMBDA, {"Action": "s3:PutObject", "Resource": "arn:aws:s3:::out/allowed*"}
        ),
        Handler="lambdas.probe.handler.handle",
        Code={"ZipFile": package()},
    )["FunctionArn"]
    assert failures
    rule(bench, "old.shop", gone)
    bench.client("lambda").delete_function(FunctionName="gone")
    happen(bench, "old.shop", "nobody there")
    url = bench.client("sqs").get_queue_url(QueueName="undelivered")["QueueUrl"]
    kept = first_message(bench, url, 10)
    assert kept
    assert json.loads(kept["Body"])["detail"] == {"why": "nobody there"}
    attributes = {name: value["StringValue"] for name, value in kept["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "NO_RESOURCE"
    assert attributes["TARGET_ARN"] == gone


def test_a_destination_that_the_role_may_not_write_to_gets_nothing(
    bench: Bench, failures: str
) -> None:
    """The last test with this role."""
    bench.allow("probe", {"Action": "s3:PutObject", "Resource": "arn:aws:s3:::out/*"})
    before = sum(key.startswith("tried/") for key in keys(bench))
    happen(bench, "shop", "denied")
    deadline = time.monotonic() + 40
    while (
        sum(key.startswith("tried/") for key in keys(bench)) < before + 3
        and time.monotonic() < deadline
    ):
        time.sleep(0.5)
    assert sum(key.startswith("tried/") for key in keys(bench)) == before + 3
    assert first_message(bench, failures, 3) is None
