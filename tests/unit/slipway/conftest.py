"""A deployed Slipway in memory: moto for what stores, fakes for what runs, DuckDB for what Athena is asked."""

from __future__ import annotations

import functools
import importlib
import io
import json
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import duckdb
import pytest
from moto import mock_aws

from contracts import model
from lambdas.fail_run import failures
from local_cloud.adapters.athena import sql as athena_sql
from slipway import commands
from slipway.__main__ import main
from slipway.acting import progress
from slipway.deployment import Deployment
from slipway.reading import executions as slipway_executions
from slipway.reading import lake

DATASET = "sales_records"
REGION = "us-east-1"
RUN = "20260101T000000-0000000a"
PROCESSED = "slipway_dev_processed"
HEADER = (
    "Region,Country,Item Type,Sales Channel,Order Priority,Order Date,Order ID,Ship Date,"
    "Units Sold,Unit Price,Unit Cost,Total Revenue,Total Cost,Total Profit"
)
QUARANTINE = {
    "_source_sha256": "VARCHAR",
    "_source_file": "VARCHAR",
    "_source_row": "BIGINT",
    "_received_at": "TIMESTAMP",
    "_run_id": "VARCHAR",
    "_contract_version": "VARCHAR",
    "rule_ids": "VARCHAR[]",
    "reasons": "VARCHAR[]",
    "raw_text": "VARCHAR",
    "_subject": "VARCHAR",
    "resolved_by": "VARCHAR",
    "resolved_at": "TIMESTAMP",
}
ROWS = {
    "order_date": "DATE",
    "_source_sha256": "VARCHAR",
    "_source_file": "VARCHAR",
    "_contract_version": "VARCHAR",
    "order_id": "BIGINT",
    "_received_at": "TIMESTAMP",
}


class ExecutionDoesNotExist(Exception):
    """As botocore names it."""


@dataclass
class StepFunctions:
    """Executions that end at once, as `ends` says, after `carry_out` did what a state machine would do."""

    carry_out: Callable[[str, dict[str, Any]], Any] = lambda _arn, _request: None
    ends: str = "SUCCEEDED"
    started: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    redriven: list[str] = field(default_factory=list)
    histories: dict[str, list[str]] = field(default_factory=dict)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    exceptions: Any = field(
        default_factory=lambda: SimpleNamespace(ExecutionDoesNotExist=ExecutionDoesNotExist)
    )

    def start_execution(self, *, stateMachineArn: str, input: str) -> dict[str, str]:  # noqa: N803 - AWS's names
        arn = f"arn:aws:states:::execution:{stateMachineArn}:{len(self.started)}"
        self.started.append((stateMachineArn, json.loads(input)))
        output = self.carry_out(arn, json.loads(input))
        self.known[arn] = {"status": self.ends, "input": input, "output": json.dumps(output or {})}
        return {"executionArn": arn}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        if executionArn not in self.known:
            raise ExecutionDoesNotExist
        return {"executionArn": executionArn, **self.known[executionArn]}

    def get_paginator(self, operation: str) -> Any:
        return SimpleNamespace(paginate=getattr(self, "_" + operation))

    def redrive_execution(self, *, executionArn: str) -> None:  # noqa: N803 - AWS's name
        self.redriven.append(executionArn)

    def _list_executions(self, **wanted: str) -> list[dict[str, Any]]:
        """Those of `announce` are told by their ARN; all others are runs."""
        announces = wanted["stateMachineArn"] == "announce"
        status, start = wanted.get("statusFilter"), datetime(2026, 1, 1, tzinfo=UTC)
        of_machine = {
            arn: each for arn, each in self.known.items() if (":announce:" in arn) == announces
        }
        found = [
            {"executionArn": arn, "startDate": start, **each} for arn, each in of_machine.items()
        ]
        return [{"executions": [each for each in found if status in (None, each["status"])]}]

    def _get_execution_history(self, *, executionArn: str) -> list[dict[str, Any]]:  # noqa: N803 - AWS's name
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        if executionArn in self.events:
            return [{"events": self.events[executionArn]}]
        names = self.histories.get(executionArn, [])
        entered = [
            {
                "type": "TaskStateEntered",
                "timestamp": moment,
                "stateEnteredEventDetails": {"name": n},
            }
            for n in names
        ]
        return [
            {
                "events": [
                    each
                    for event in entered
                    for each in (event, {"type": "TaskStateExited", "timestamp": moment})
                ]
            }
        ]


@dataclass
class FailRun:
    """Lambda: FailRun refuses events that the real one refuses, then does what `handle` says; others take anything."""

    handle: Callable[[failures.Failure], None] = lambda _failure: None
    asked: list[failures.Failure] = field(default_factory=list)
    others: list[tuple[str, dict[str, Any]]] = field(
        default_factory=list
    )  # events of other functions, by their name
    error: str | None = None

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - AWS's names
        assert InvocationType == "RequestResponse"
        if self.error:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(self.error.encode())}
        if FunctionName != "fail-run":
            self.others.append((FunctionName, json.loads(Payload)))
            return {"Payload": io.BytesIO(b"{}")}
        self.asked.append(failures.parse(json.loads(Payload)))
        self.handle(self.asked[-1])
        return {"Payload": io.BytesIO(b"{}")}


@dataclass
class Account:
    """What the command line finds, and what tests put there."""

    deployment: Deployment
    stepfunctions: StepFunctions
    fail_run: FailRun
    database: duckdb.DuckDBPyConnection

    def slipway(self, *arguments: str) -> int:
        return main(["--environment", "dev", *arguments])

    def url(self, output: str) -> str:
        return self.deployment.outputs[output]

    def put_file(
        self, sha256: str, content: bytes | None = None, **attributes: Any
    ) -> dict[str, Any]:
        """An entry of the file ledger, and its object in raw unless `content` is None."""
        item = {
            "dataset": DATASET,
            "entry": f"file#{sha256}",
            "sha256": sha256,
            "status": "loaded",
            "file_name": "orders.csv",
            "landing_key": f"partners/acme/sales_records/{sha256[:4]}.csv",
            "raw_key": f"{DATASET}/ingest_date=2026-01-01/{sha256}/orders.csv",
            "received_at": "2026-01-01T00:00:00.000000Z",
            "size_bytes": len(content or b""),
            "row_count": 3,
            "run_id": RUN,
            **attributes,
        }
        item["dataset_status"] = f"{item['dataset']}#{item['status']}"
        self.deployment.file_ledger.put_item(Item=item)
        if content is not None:
            client = self.deployment.client("s3")
            client.put_object(Bucket=self.url("RawBucketName"), Key=item["raw_key"], Body=content)
        return item

    def put_run(self, run_id: str = RUN, **attributes: Any) -> dict[str, Any]:
        item = {
            "dataset": DATASET,
            "entry": f"run#{run_id}",
            "run_id": run_id,
            "status": "succeeded",
            "mode": "load",
            "trigger": "file_arrived",
            "execution_arn": f"arn:of:{run_id}",
            "started_at": "2026-01-01T00:00:00.000000Z",
            "ended_at": f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}T01:00:00.000000Z",
            "contract_version": model.load(DATASET).version,
            "file_hashes": [],
            "file_count": 0,
            **attributes,
        }
        self.deployment.run_ledger.put_item(Item=item)
        return item

    def lock(self, execution_arn: str, run_id: str = RUN, expires_at: int = 2**31) -> None:
        item = {
            "dataset": DATASET,
            "entry": "claim",
            "run_id": run_id,
            "execution_arn": execution_arn,
        }
        self.deployment.run_ledger.put_item(Item={**item, "expires_at": expires_at})

    def refuse(self, sha256: str, row: int, reasons: dict[str, str], **attributes: Any) -> None:
        """A record in quarantine; `reasons` by rule."""
        values = {
            "_source_sha256": sha256,
            "_source_file": "orders.csv",
            "_source_row": row,
            "_received_at": datetime(2026, 1, 1),
            "_run_id": RUN,
            "_contract_version": "1.0.0",
            "rule_ids": list(reasons),
            "reasons": list(reasons.values()),
            "raw_text": f"line {row}",
            **attributes,
        }
        names, marks = ", ".join(values), ", ".join("?" for _ in values)
        statement = f"INSERT INTO {PROCESSED}.{DATASET}_quarantine ({names}) VALUES ({marks})"
        self.database.execute(statement, list(values.values()))


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr(model, "datasets", lambda: (DATASET,))
    for module in (slipway_executions, progress):
        monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    with mock_aws(), duckdb.connect() as database:
        made = Account(
            deployment=Deployment(environment="dev", region=REGION, outputs=_outputs()),
            stepfunctions=StepFunctions(),
            fail_run=FailRun(),
            database=database,
        )
        _put_in_place(made, monkeypatch)
        yield made


def _put_in_place(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    clients: dict[str, Any] = {"stepfunctions": account.stepfunctions, "lambda": account.fail_run}
    clients |= {
        name: _client(name) for name in ("s3", "sqs", "sns", "secretsmanager", "cloudwatch", "glue")
    }
    monkeypatch.setattr(Deployment, "client", lambda _self, service: clients[service])
    for found in pkgutil.iter_modules(commands.__path__):
        module = importlib.import_module(f"slipway.commands.{found.name}")
        if hasattr(module, "connect"):
            monkeypatch.setattr(module, "connect", lambda _environment: account.deployment)
    account.database.execute(f"CREATE SCHEMA {PROCESSED}")
    for table, columns in ((f"{DATASET}_quarantine", QUARANTINE), (DATASET, ROWS)):
        text = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        account.database.execute(f"CREATE TABLE {PROCESSED}.{table} ({text})")
    monkeypatch.setattr(
        lake, "query", lambda deployment, sql: _ask(account.database, deployment, sql)
    )


def _ask(database: duckdb.DuckDBPyConnection, deployment: Deployment, sql: str) -> Any:
    statement = athena_sql.parse(lake.with_databases(sql, deployment.environment))
    athena_sql.qualify(statement, PROCESSED)
    schema = {PROCESSED: {f"{DATASET}_quarantine": QUARANTINE, DATASET: ROWS}}
    try:
        return database.execute(athena_sql.to_duckdb(statement, schema)).df()
    except duckdb.CatalogException as error:
        raise lake.QueryFailed(f"TABLE_NOT_FOUND: line 3:14: {error}") from error


@functools.cache
def _client(service: str) -> Any:
    """Made once: moto answers whoever asks, and a client takes longer to make than a test."""
    return boto3.client(service, region_name=REGION)


def _outputs() -> dict[str, str]:
    s3, sqs, dynamodb, sns = (_client(name) for name in ("s3", "sqs", "dynamodb", "sns"))
    secret = _client("secretsmanager").create_secret(Name="pii", SecretString="key")
    outputs = {
        "PiiKeySecretArn": secret["ARN"],
        "FailRunFunctionName": "fail-run",
        "WorkgroupName": "w",
    }
    outputs |= {
        "ReleaseDatasetFunctionName": "release-dataset",
        "MeasureFreshnessFunctionName": "measure-freshness",
        "RestDatabaseFunctionName": "rest-database",
    }
    outputs |= {
        "StateMachineArn": "dataset-run",
        "CareStateMachineArn": "dataset-care",
        "AnnounceStateMachineArn": "announce",
    }
    for zone in ("Landing", "Raw", "Processed"):
        s3.create_bucket(Bucket=zone.lower())
        outputs[f"{zone}BucketName"] = zone.lower()
    sources = (
        *("Intake", "FailRun", "ReleaseDataset", "Schedule", "FailedJobs", "MeasureFreshness"),
        "RestDatabase",
    )
    for name in ("Intake", *(f"{source}DeadLetter" for source in sources)):
        outputs[f"{name}QueueUrl"] = sqs.create_queue(QueueName=name)["QueueUrl"]
    for name in ("FileRejected", "RunSucceeded", "RunFailed", "Alarms"):
        outputs[f"{name}TopicArn"] = sns.create_topic(Name=name)["TopicArn"]
    for name in ("FileLedger", "RunLedger"):
        dynamodb.create_table(TableName=name, **_LEDGER)
        outputs[f"{name}Name"] = name
    return outputs


_LEDGER: dict[str, Any] = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": "S"}
        for name in ("dataset", "entry", "dataset_status", "received_at")
    ],
    "KeySchema": [
        {"AttributeName": "dataset", "KeyType": "HASH"},
        {"AttributeName": "entry", "KeyType": "RANGE"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by_status",
            "KeySchema": [
                {"AttributeName": "dataset_status", "KeyType": "HASH"},
                {"AttributeName": "received_at", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}
