"""The intake function over an account in memory (moto), called by its entry point as SQS would call it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lambdas.intake import handler
from pipeline.ledger import BY_STATUS

LANDING, RAW, FILES, BURSTS = "landing", "raw", "files", "bursts"
BATCH = 10  # messages per call, as the event source is set


class Unhurried:
    """Lambda's context with all of the function's time left."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 600_000


@dataclass(frozen=True, kw_only=True)
class IntakeAccount:
    """Buckets, ledger and the function."""

    s3: Any
    ledger: Any

    def deliver(self, key: str, body: bytes) -> dict[str, Any]:
        """Put an object into landing; the SQS record of its event."""
        put = self.s3.put_object(Bucket=LANDING, Key=key, Body=body)
        item = {
            "key": key,
            "size": len(body),
            "etag": put["ETag"].strip('"'),
            "version-id": put["VersionId"],
        }
        event = {
            "id": f"event of {key}",
            "detail-type": "Object Created",
            "source": "aws.s3",
            "time": "2026-11-20T08:15:30Z",
            "detail": {
                "bucket": {"name": LANDING},
                "object": {**item, "sequencer": "0055AED6DCD90281E5"},
            },
        }
        attributes = {"ApproximateReceiveCount": "1"}
        return {
            "messageId": key,
            "receiptHandle": key,
            "body": json.dumps(event),
            "attributes": attributes,
        }

    def take(self, records: list[dict[str, Any]]) -> list[str]:
        """Ids of the messages that the function hands back."""
        found: list[str] = []
        for start in range(0, len(records), BATCH):
            answer = handler.handle({"Records": records[start : start + BATCH]}, Unhurried())
            found += [item["itemIdentifier"] for item in answer["batchItemFailures"]]
        return found

    def entries(self) -> dict[str, dict[str, Any]]:
        """Ledger entries by landing key."""
        items: list[dict[str, Any]] = []
        page: dict[str, Any] = {}
        while not items or "LastEvaluatedKey" in page:
            start = (
                {"ExclusiveStartKey": page["LastEvaluatedKey"]}
                if "LastEvaluatedKey" in page
                else {}
            )
            page = self.ledger.scan(**start)
            items += page["Items"]
        return {item["landing_key"]: item for item in items}


@contextmanager
def intake_account() -> Iterator[IntakeAccount]:
    """An empty account; the function is new in it."""
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # it would keep other credentials
        account = _create()
        machine = boto3.client("stepfunctions").create_state_machine(
            name="dataset-run",
            definition='{"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}',
            roleArn="arn:aws:iam::123456789012:role/machine",
        )
        settings = {
            "ENVIRONMENT": "local",
            "QUEUE_URL": boto3.client("sqs").create_queue(QueueName="landing-events")["QueueUrl"],
            "SCHEMA_CHANGE": "strict",
            "FILE_LEDGER": FILES,
            "LANDING_BUCKET": LANDING,
            "RAW_BUCKET": RAW,
            "STATE_MACHINE_ARN": machine["stateMachineArn"],
            "ANNOUNCE_STATE_MACHINE_ARN": machine["stateMachineArn"],
            "BURSTS_TABLE": BURSTS,
            "BURST_SECONDS": "5",
            "ARRIVED_SECONDS": "0",
        }
        for name, value in settings.items():
            patch.setenv(name, value)
        handler._intake.cache_clear()
        yield account
        handler._intake.cache_clear()


def _create() -> IntakeAccount:
    s3 = boto3.client("s3")
    for bucket in (LANDING, RAW):
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    keys = ("dataset", "entry", "dataset_status", "received_at")
    ledger = boto3.resource("dynamodb").create_table(
        TableName=FILES,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=[
            {"AttributeName": "dataset", "KeyType": "HASH"},
            {"AttributeName": "entry", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": BY_STATUS,
                "KeySchema": [
                    {"AttributeName": "dataset_status", "KeyType": "HASH"},
                    {"AttributeName": "received_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    boto3.resource("dynamodb").create_table(
        TableName=BURSTS,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": key, "AttributeType": "S"} for key in ("about", "entry")
        ],
        KeySchema=[
            {"AttributeName": "about", "KeyType": "HASH"},
            {"AttributeName": "entry", "KeyType": "RANGE"},
        ],
    )
    return IntakeAccount(s3=s3, ledger=ledger)
