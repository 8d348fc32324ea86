"""The deployed pipeline as an experiment sees it: put things in, wait until nothing moves, look at everything.

What is read here is read past the application's own views, so that an experiment does not judge the pipeline by what
the pipeline says of itself.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from chaos.engines import Engines
from contracts import model, naming
from contracts.errors import PermanentError
from local_cloud import deployment, session
from local_cloud.session import LocalCloud
from rows.columns import RAW_TEXT, REASONS, RULE_IDS, SOURCE_FILE, SOURCE_ROW, SOURCE_SHA256
from slipway.acting.inbox import Inbox
from slipway.deployment import Deployment, connect
from slipway.reading import lake

DATASET = "sales_records"
PARTNER = "acme"
FOLDER = f"{naming.LANDING_PREFIX}{PARTNER}/sales_records/"
POLL_SECONDS = 0.5
QUIET_LOOKS = 3
PATIENCE_SECONDS = 45 * 60
Row = tuple[Any, ...]


class NeverQuiet(PermanentError):
    """Something was still moving when patience ran out."""


@dataclass(frozen=True, kw_only=True)
class Landed:
    """One object version in the landing bucket, as its event tells of it."""

    key: str
    size: int
    etag: str
    version_id: str


@dataclass(frozen=True, kw_only=True)
class World:
    """A running embedded AWS with the application in it."""

    cloud: LocalCloud
    deployment: Deployment

    @cached_property
    def inbox(self) -> Inbox:
        """Everything that people are told from now on."""
        return Inbox(self.deployment)

    def client(self, service: str) -> Any:
        """A boto3 client of the administrator."""
        return self.deployment.client(service)

    def put(self, key: str, body: bytes, *, metadata: Mapping[str, str] | None = None) -> Landed:
        """Put an object into the landing bucket, as a copy or another tool would."""
        bucket = self.deployment.output("LandingBucketName")
        put = self.client("s3").put_object
        answer = put(Bucket=bucket, Key=key, Body=body, Metadata=dict(metadata or {}))
        return Landed(
            key=key, size=len(body), etag=answer["ETag"].strip('"'), version_id=answer["VersionId"]
        )

    def physical_id(self, stack: str, logical_prefix: str, kind: str) -> str:
        """The one resource of a stack whose logical id starts so. LookupError when there is not exactly one."""
        name = naming.stack("local", stack)
        listed = self.client("cloudformation").describe_stack_resources(StackName=name)[
            "StackResources"
        ]
        found = [
            item["PhysicalResourceId"]
            for item in listed
            if item["LogicalResourceId"].startswith(logical_prefix) and item["ResourceType"] == kind
        ]
        if len(found) != 1:
            raise LookupError(
                f"{len(found)} resources {logical_prefix}* of type {kind} in {name}; expected one"
            )
        return str(found[0])

    @cached_property
    def intake_queue(self) -> str:
        """URL of the queue that intake reads."""
        return self.physical_id("Intake", "LandingEvents", "AWS::SQS::Queue")

    @cached_property
    def dead_letter_queues(self) -> list[str]:
        """URLs of every queue in which undelivered messages end."""
        return [
            url for url in self.client("sqs").list_queues()["QueueUrls"] if "DeadLetters" in url
        ]

    def queued(self, url: str) -> int:
        """Messages in a queue, those in flight included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)[
            "Attributes"
        ]
        return sum(int(found[name]) for name in names)

    @cached_property
    def engines(self) -> Engines:
        """Which engine does the runs."""
        return Engines(self.deployment)

    def start_run(self, dataset: str = DATASET) -> str:
        """Start a run as an operator does; the execution's ARN."""
        started = self.client("stepfunctions").start_execution(
            stateMachineArn=self.deployment.output("StateMachineArn"),
            input=json.dumps({"dataset": dataset, "trigger": "operator"}),
        )
        return str(started["executionArn"])

    def executions(self) -> list[dict[str, Any]]:
        """Executions of the state machine of runs."""
        pages = self.client("stepfunctions").get_paginator("list_executions")
        arn = self.deployment.output("StateMachineArn")
        return [item for page in pages.paginate(stateMachineArn=arn) for item in page["executions"]]

    def running(self) -> list[str]:
        """Executions that have not ended, but trainings of forecasts: those wait for their window, up to an hour."""
        client = self.client("stepfunctions")
        training = self.deployment.outputs.get("TrainingStateMachineArn")
        return [
            item["executionArn"]
            for machine in client.list_state_machines()["stateMachines"]
            if machine["stateMachineArn"] != training
            for item in client.list_executions(
                stateMachineArn=machine["stateMachineArn"], statusFilter="RUNNING"
            )["executions"]
        ]

    def wait_until_quiet(self, *, meanwhile: Callable[[], None] = lambda: None) -> float:
        """Return once no event is queued and nothing runs, on several looks in a row; the seconds that took.

        Raises NeverQuiet when that does not come within PATIENCE_SECONDS.
        """
        started, quiet = time.monotonic(), 0
        while quiet < QUIET_LOOKS:
            if time.monotonic() - started > PATIENCE_SECONDS:
                raise NeverQuiet(
                    f"{self.queued(self.intake_queue)} events queued, running: {self.running()}"
                )
            meanwhile()
            time.sleep(POLL_SECONDS)
            moving = self.queued(self.intake_queue) or self.running()
            quiet = 0 if moving else quiet + 1
        return time.monotonic() - started - QUIET_LOOKS * POLL_SECONDS

    def wait_for(self, execution_arn: str) -> str:
        """The status with which an execution ends."""
        client, deadline = self.client("stepfunctions"), time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            status = str(client.describe_execution(executionArn=execution_arn)["status"])
            if status != "RUNNING":
                return status
            time.sleep(POLL_SECONDS)
        raise NeverQuiet(f"{execution_arn} runs for more than {PATIENCE_SECONDS} s")

    def file_entries(self) -> list[dict[str, Any]]:
        """Every entry of the file ledger."""
        return _scan(self.deployment.file_ledger)

    def run_entries(self) -> list[dict[str, Any]]:
        """Every entry of the run ledger: runs, locks, announcements."""
        return _scan(self.deployment.run_ledger)

    def ask(self, sql: str) -> list[Row]:
        """Rows of one query by Athena, null as None; the zones' databases may be written `processed.t`, `curated.t`."""
        return lake.rows(self.deployment, sql)

    def tables(self) -> dict[str, list[Row]]:
        """Every row of the dataset's tables, without what differs from run to run, in a fixed order."""
        contract = model.load(DATASET)
        origin = [SOURCE_SHA256, SOURCE_FILE, SOURCE_ROW]
        wanted = {f"processed.{DATASET}": [*(column.name for column in contract.columns), *origin]}
        wanted[f"processed.{naming.quarantine_table(DATASET)}"] = [
            *origin, f"array_join({RULE_IDS}, ',')", f"array_join({REASONS}, '; ')", RAW_TEXT,
        ]  # fmt: skip
        for curated in contract.curated:
            wanted[f"curated.{curated.name}"] = [column.name for column in curated.columns]
        return {name: self.rows(name, columns) for name, columns in wanted.items()}

    def rows(self, table: str, columns: list[str]) -> list[Row]:
        """All rows of a table of the lake as text, in order; none while no run has made the table."""
        zone, name = table.split(".")
        glue = self.client("glue")
        try:
            glue.get_table(
                DatabaseName=naming.database(
                    "local", "curated" if zone == "curated" else "processed"
                ),
                Name=name,
            )
        except glue.exceptions.EntityNotFoundException:
            return []
        found = self.ask(f"select {', '.join(columns)} from {table}")  # noqa: S608 - names of a contract
        return sorted(tuple(map(str, row)) for row in found)

    def spark_starts(self) -> int:
        """Runs of every Glue job so far."""
        glue = self.client("glue")
        names = [job["Name"] for job in glue.get_jobs()["Jobs"]]
        return sum(len(glue.get_job_runs(JobName=name)["JobRuns"]) for name in names)


@contextmanager
def started(
    on_progress: session.Progress = print, *, application: Path | None = None
) -> Iterator[World]:
    """A fresh embedded AWS with the application deployed; it ends with the block, and with this process.

    `application` is the directory of one that was synthesized before, as `local_cloud.deployment.deploy` takes it.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-chaos-") as folder:
        cloud = session.start(Path(folder), owned=True, on_progress=on_progress)
        try:
            deployment.deploy(cloud, application=application, on_progress=on_progress)
            yield of(cloud)
        finally:
            cloud.stop()


def of(cloud: LocalCloud) -> World:
    """The world of an embedded AWS that runs; this process's AWS settings point at it from now on."""
    os.environ["SLIPWAY_STATE"] = str(cloud.state_dir)
    return World(cloud=cloud, deployment=connect("local"))


def _scan(table: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    page = table.scan(ConsistentRead=True)
    items += page["Items"]
    while "LastEvaluatedKey" in page:
        page = table.scan(ConsistentRead=True, ExclusiveStartKey=page["LastEvaluatedKey"])
        items += page["Items"]
    return items
