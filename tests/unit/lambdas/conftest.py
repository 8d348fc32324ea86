"""A small account in memory (moto): buckets, ledgers, topics that deliver to a queue, a state machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contracts import model
from contracts.ledger import FileLedger, RunLedger

EVENTS = Path(__file__).parents[2] / "events"
BUCKETS = ("landing", "raw", "processed")
WRITES = frozenset(
    {
        "put_item", "update_item", "delete_item", "copy_object", "put_object", "delete_object", "publish",
        "start_execution",
    }
)  # fmt: skip


class Crash(Exception):
    """What a test injects."""


@dataclass
class Fuse:
    """Lets `writes` writes happen and crashes right after the last of them; None never crashes."""

    writes: int | None = None

    def burn(self) -> None:
        if self.writes is None:
            return
        self.writes -= 1
        if self.writes == 0:
            raise Crash


class Fused:
    """An AWS client or table whose writes burn a fuse after they have happened."""

    def __init__(self, real: Any, fuse: Fuse) -> None:
        self._real = real
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name not in WRITES:
            return found

        def call(**kwargs: Any) -> Any:
            answer = found(**kwargs)
            self._fuse.burn()
            return answer

        return call


@dataclass
class Account:
    """The pieces, and views of what happened."""

    s3: Any
    sns: Any
    sqs: Any
    stepfunctions: Any
    file_table: Any
    run_table: Any
    topic_arn: str
    queue_url: str
    machine_arn: str
    fuse: Fuse = field(default_factory=Fuse)

    def files(self) -> FileLedger:
        return FileLedger(Fused(self.file_table, self.fuse))

    def runs(self) -> RunLedger:
        return RunLedger(Fused(self.run_table, self.fuse))

    def fused(self, name: str) -> Any:
        return Fused(getattr(self, name), self.fuse)

    def upload(self, key: str, body: bytes, *, sequencer: str = "01") -> dict[str, Any]:
        """Put an object into landing; the SQS record that tells of it."""
        put = self.s3.put_object(Bucket="landing", Key=key, Body=body)
        event = json.loads((EVENTS / "object_created.json").read_text())
        event["detail"]["object"] |= {
            "key": key,
            "size": len(body),
            "etag": put["ETag"].strip('"'),
            "version-id": put["VersionId"],
            "sequencer": sequencer,
        }
        message = json.loads((EVENTS / "sqs_message.json").read_text())
        return {**message, "messageId": f"message of {key} {sequencer}", "body": json.dumps(event)}

    def objects(self, bucket: str) -> dict[str, bytes]:
        """What a listing shows now, with contents."""
        listed = self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        return {item["Key"]: self.s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in listed}

    def entries(self, table: str = "file_table") -> dict[str, dict[str, Any]]:
        """All entries of a ledger, by dataset and entry."""
        return {f"{item['dataset']}/{item['entry']}": item for item in getattr(self, table).scan()["Items"]}

    def messages(self) -> list[dict[str, Any]]:
        """What was published since the last call."""
        received = []
        while batch := self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages"):
            for item in batch:
                received.append(json.loads(item["Body"]))
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=item["ReceiptHandle"])
        return received

    def executions(self) -> list[str]:
        """Names of all executions."""
        listed = self.stepfunctions.list_executions(stateMachineArn=self.machine_arn)["executions"]
        return sorted(item["name"] for item in listed)

    def event(self, name: str) -> dict[str, Any]:
        """A recorded event."""
        return dict(json.loads((EVENTS / f"{name}.json").read_text()))


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield _account()


def _account() -> Account:
    s3, sns, sqs = boto3.client("s3"), boto3.client("sns"), boto3.client("sqs")
    stepfunctions, dynamodb = boto3.client("stepfunctions"), boto3.resource("dynamodb")
    for bucket in BUCKETS:
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    topic_arn = sns.create_topic(Name="alerts")["TopicArn"]
    queue_url = sqs.create_queue(QueueName="alerts")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn)
    machine = stepfunctions.create_state_machine(
        name="dataset-run",
        definition='{"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}',
        roleArn="arn:aws:iam::123456789012:role/machine",
    )
    return Account(
        s3=s3,
        sns=sns,
        sqs=sqs,
        stepfunctions=stepfunctions,
        file_table=_table(dynamodb, "files", indexed=True),
        run_table=_table(dynamodb, "runs", indexed=False),
        topic_arn=topic_arn,
        queue_url=queue_url,
        machine_arn=machine["stateMachineArn"],
    )


def _table(dynamodb: Any, name: str, *, indexed: bool) -> Any:
    keys = ["dataset", "entry", *(["dataset_status", "received_at"] if indexed else [])]
    index = {
        "IndexName": "by_status",
        "KeySchema": [
            {"AttributeName": "dataset_status", "KeyType": "HASH"},
            {"AttributeName": "received_at", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    return dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=[{"AttributeName": "dataset", "KeyType": "HASH"}, {"AttributeName": "entry", "KeyType": "RANGE"}],
        **({"GlobalSecondaryIndexes": [index]} if indexed else {}),
    )


@pytest.fixture
def contract() -> model.Contract:
    return model.load("sales_records")


@pytest.fixture
def sales(contract: model.Contract) -> Callable[..., bytes]:
    """Builds a small sales file; `note` makes its content its own."""
    values = "Asia,Japan,Snacks,Online,H,1/31/2026,{order},2/1/2026,10,2.00,1.50,20.00,15.00,5.00"

    def build(*, rows: int = 3, first_order: int = 1) -> bytes:
        header = ",".join(column.source_name for column in contract.columns)
        lines = [header, *(values.format(order=first_order + index) for index in range(rows))]
        return ("\n".join(lines) + "\n").encode()

    return build
