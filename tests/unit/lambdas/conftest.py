"""A small account in memory: buckets, ledgers, and two state machines, of runs and of what people are told.

Buckets, machines and bursts are moto's. The ledgers are tables of the simulation, which answer as moto's do (a test
there holds them to it) and are quicker.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contracts import model
from lambdas.compose_digest.service import ComposeDigest
from pipeline.alerts import Announcer
from pipeline.bursts import Bursts
from pipeline.ledger import FileLedger, RunLedger
from tests.simulation.table import Index, MemoryTable

EVENTS = Path(__file__).parents[2] / "events"
BUCKETS = ("landing", "raw", "processed")
WRITES = frozenset(
    {
        "put_item", "update_item", "delete_item", "copy_object", "put_object", "delete_object",
        "start_execution", "create_multipart_upload", "upload_part", "complete_multipart_upload",
    }
)  # fmt: skip


class Crash(Exception):
    """What a test injects."""


@dataclass
class Fuse:
    """Lets `writes` writes happen and crashes right after the last of them; None never crashes.

    With an `action` that is done instead, once: what somebody else does between two writes.
    """

    writes: int | None = None
    action: Callable[[], object] | None = None

    def burn(self) -> None:
        if self.writes is None:
            return
        self.writes -= 1
        if self.writes == 0 and self.action is None:
            raise Crash
        if self.writes == 0 and self.action is not None:
            self.writes = None
            self.action()


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
    stepfunctions: Any
    file_table: Any
    run_table: Any
    burst_table: Any
    machine_arn: str
    announce_arn: str
    read: set[str] = field(default_factory=set)
    fuse: Fuse = field(default_factory=Fuse)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def files(self) -> FileLedger:
        return FileLedger(Fused(self.file_table, self.fuse))

    def runs(self) -> RunLedger:
        return RunLedger(Fused(self.run_table, self.fuse))

    def fused(self, name: str) -> Any:
        return Fused(getattr(self, name), self.fuse)

    def upload(
        self,
        key: str,
        body: bytes,
        *,
        sequencer: str = "01",
        metadata: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Put an object into landing; the SQS record that tells of it."""
        put = self.s3.put_object(Bucket="landing", Key=key, Body=body, Metadata=metadata or {})
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
        return {
            item["Key"]: self.s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            for item in listed
        }

    def entries(self, table: str = "file_table") -> dict[str, dict[str, Any]]:
        """All entries of a ledger, by dataset and entry."""
        return {
            f"{item['dataset']}/{item['entry']}": item
            for item in getattr(self, table).scan()["Items"]
        }

    def bursts(self) -> Bursts:
        return Bursts(table=Fused(self.burst_table, self.fuse), now=lambda: datetime.now(UTC))

    def announcer(self) -> Announcer:
        return Announcer(stepfunctions=self.fused("stepfunctions"), machine_arn=self.announce_arn)

    def told_names(self) -> list[str]:
        """The names under which people were told something so far; nothing is told twice under one."""
        listed = self.stepfunctions.list_executions(stateMachineArn=self.announce_arn)["executions"]
        return [item["name"] for item in listed]

    def messages(self) -> list[dict[str, Any]]:
        """What people were told since the last call: topic, subject, message, and attributes as plain text.

        A burst of rejected files is closed by this, as by the state machine when it has waited.
        """
        listed = self.stepfunctions.list_executions(stateMachineArn=self.announce_arn)["executions"]
        new = [item["executionArn"] for item in listed if item["executionArn"] not in self.read]
        self.read.update(new)
        told = [
            json.loads(self.stepfunctions.describe_execution(executionArn=arn)["input"])
            for arn in new
        ]
        rejections = ComposeDigest(
            environment="dev",
            files=FileLedger(self.file_table),
            bursts=Bursts(table=self.burst_table, now=lambda: datetime.now(UTC)),
        )
        for message in told:
            if message["topic"] in ("rejected", "arrived"):
                digest = rejections.compose(message["topic"], message["dataset"], message["burst"])
                message |= {
                    "subject": digest.subject,
                    "message": digest.body,
                    "attributes": digest.attributes,
                }
                continue
            message["attributes"] = {
                name: value["StringValue"] for name, value in message["attributes"].items()
            }
        return told

    def executions(self) -> list[str]:
        """Names of all executions."""
        listed = self.stepfunctions.list_executions(stateMachineArn=self.machine_arn)["executions"]
        return sorted(item["name"] for item in listed)

    def clear(self) -> None:
        """Forget all files: objects with their versions, entries, messages and executions."""
        for bucket in BUCKETS:
            listed = self.s3.list_object_versions(Bucket=bucket)
            for item in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
                self.s3.delete_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])
        for item in self.file_table.scan()["Items"]:
            self.file_table.delete_item(Key={name: item[name] for name in ("dataset", "entry")})
        for item in self.burst_table.scan()["Items"]:
            self.burst_table.delete_item(Key={name: item[name] for name in ("about", "entry")})
        self.renew_machines()

    def renew_machines(self) -> None:
        """State machines without executions: an execution's name is taken for good."""
        number = next(self.numbers)
        self.announce_arn = _machine(self.stepfunctions, f"announce-{number}")
        self.machine_arn = _machine(self.stepfunctions, f"dataset-run-{number}")

    def event(self, name: str) -> dict[str, Any]:
        """A recorded event."""
        return dict(json.loads((EVENTS / f"{name}.json").read_text()))


@pytest.fixture
def ledgers_of_moto() -> None:
    """Who uses this has ledgers that every client of boto3 finds: for handlers, which make their own, and for marts."""


@pytest.fixture
def account(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    index = Index(name="by_status", partition="dataset_status", sort="received_at")
    with mock_aws():
        if "ledgers_of_moto" in request.fixturenames:
            dynamodb = boto3.resource("dynamodb")
            files = _table(dynamodb, "files", indexed=True)
            runs = _table(dynamodb, "runs", indexed=False)
        else:
            files = MemoryTable(name="files", indexes=(index,))
            runs = MemoryTable(name="runs")
        yield _account(file_table=files, run_table=runs)


def _account(*, file_table: Any, run_table: Any) -> Account:
    s3, stepfunctions = boto3.client("s3"), boto3.client("stepfunctions")
    for bucket in BUCKETS:
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return Account(
        s3=s3,
        stepfunctions=stepfunctions,
        file_table=file_table,
        run_table=run_table,
        burst_table=_table(boto3.resource("dynamodb"), "bursts", indexed=False, partition="about"),
        machine_arn=_machine(stepfunctions, "dataset-run"),
        announce_arn=_machine(stepfunctions, "announce"),
    )


def _machine(stepfunctions: Any, name: str) -> str:
    definition = '{"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}'
    made = stepfunctions.create_state_machine(
        name=name, definition=definition, roleArn="arn:aws:iam::123456789012:role/machine"
    )
    return str(made["stateMachineArn"])


def _table(dynamodb: Any, name: str, *, indexed: bool, partition: str = "dataset") -> Any:
    keys = [partition, "entry", *(["dataset_status", "received_at"] if indexed else [])]
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
        KeySchema=[
            {"AttributeName": partition, "KeyType": "HASH"},
            {"AttributeName": "entry", "KeyType": "RANGE"},
        ],
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
