"""The real intake function, in this process, over the running server: its events come from a queue."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from lambdas.intake import handler
from tests.chaos.intake_account import BATCH, Unhurried
from tests.end_to_end.local_cloud.bench import Bench

KINDS = {
    "aws.s3": ["Object Created"],
    "aws.transfer": [
        *("SFTP Server File Upload Completed", "SFTP Server File Upload Failed"),
        "SFTP Server File Rename Completed",
    ],
}
QUIET_SECONDS = 2  # after which no further event is expected
Event = dict[str, Any]


@dataclass(frozen=True)
class IntakeBench:
    """A queue with all events of the landing bucket and its SFTP server, and the function with its ledger."""

    bench: Bench
    queue: str
    table: Any

    def events(self, count: int) -> list[Event]:
        """The next events, whole, and no more than `count` of them."""
        sqs, found = self.bench.client("sqs"), list[Event]()
        deadline = time.monotonic() + 60
        last = time.monotonic()
        while time.monotonic() < deadline and (
            len(found) < count or time.monotonic() - last < QUIET_SECONDS
        ):
            answer = sqs.receive_message(
                QueueUrl=self.queue, WaitTimeSeconds=1, MaxNumberOfMessages=10
            )
            for message in answer.get("Messages", []):
                found.append(json.loads(message["Body"]))
                last = time.monotonic()
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        assert len(found) == count
        return found

    def take(self, events: list[Event]) -> None:
        """Hand them to the function as SQS would."""
        records = [
            {
                "messageId": str(number),
                "receiptHandle": str(number),
                "body": json.dumps(event),
                "attributes": {"ApproximateReceiveCount": "1"},
            }
            for number, event in enumerate(events)
        ]
        for start in range(0, len(records), BATCH):
            answer = handler.handle({"Records": records[start : start + BATCH]}, Unhurried())
            assert answer == {"batchItemFailures": []}

    def statuses(self) -> dict[str, set[str]]:
        """What became of each landing key; what is only known of transfers is left out."""
        found: dict[str, set[str]] = {}
        page: dict[str, Any] = {}
        while not page or "LastEvaluatedKey" in page:
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]} if page else {}
            page = self.table.scan(**start)
            for item in page["Items"]:
                if not item["entry"].startswith(("transfer#", "ignored#")):
                    found.setdefault(item["landing_key"], set()).add(item["status"])
        return found

    def raw_keys(self) -> list[str]:
        """What intake accepted."""
        pages = self.bench.client("s3").get_paginator("list_objects_v2").paginate(Bucket="raw")
        return [item["Key"] for page in pages for item in page.get("Contents", [])]


@contextmanager
def intake_bench(bench: Bench) -> Iterator[IntakeBench]:
    """The function, new over the server's landing bucket; the bucket and the SFTP server are there."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.delenv("AWS_SESSION_TOKEN", raising=False)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", bench.cloud.endpoint)
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        queue, table = _queue(bench), _table("files", "dataset", indexed=True)
        _table("bursts", "about", indexed=False)
        bench.client("s3").create_bucket(Bucket="raw")
        machine = _machine(bench)
        settings = {
            "ENVIRONMENT": "local",
            "QUEUE_URL": queue,
            "SCHEMA_CHANGE": "strict",
            "FILE_LEDGER": "files",
            "RAW_BUCKET": "raw",
            "STATE_MACHINE_ARN": machine,
            "ANNOUNCE_STATE_MACHINE_ARN": machine,
            "BURSTS_TABLE": "bursts",
            "BURST_SECONDS": "5",
            "ARRIVED_SECONDS": "0",
        }
        for name, value in settings.items():
            patch.setenv(name, value)
        handler._intake.cache_clear()
        yield IntakeBench(bench, queue, table)
        handler._intake.cache_clear()


def _queue(bench: Bench) -> str:
    sqs, rules = bench.client("sqs"), bench.client("events")
    queue = str(sqs.create_queue(QueueName="everything")["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    sender = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [sender | {"Resource": arn}]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    for source, kinds in KINDS.items():
        name = source.replace(".", "-")
        rules.put_rule(
            Name=name, EventPattern=json.dumps({"source": [source], "detail-type": kinds})
        )
        rules.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    return queue


def _table(name: str, partition: str, *, indexed: bool) -> Any:
    keys = [partition, "entry", *(["dataset_status", "received_at"] if indexed else [])]
    index = {
        "IndexName": "by_status",
        "KeySchema": [
            {"AttributeName": "dataset_status", "KeyType": "HASH"},
            {"AttributeName": "received_at", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "ALL"},
    }
    return boto3.resource("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=[
            {"AttributeName": partition, "KeyType": "HASH"},
            {"AttributeName": "entry", "KeyType": "RANGE"},
        ],
        **({"GlobalSecondaryIndexes": [index]} if indexed else {}),
    )


def _machine(bench: Bench) -> str:
    role = bench.role(
        "machine", {"Service": "states.amazonaws.com"}, {"Action": "s3:ListBucket", "Resource": "*"}
    )
    made = bench.client("stepfunctions").create_state_machine(
        name="ends",
        definition='{"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}',
        roleArn=role,
    )
    return str(made["stateMachineArn"])
