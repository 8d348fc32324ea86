"""Entry point: one run of a mart, or the report that it failed. Wiring only."""

from __future__ import annotations

import functools
import os
from datetime import UTC, datetime
from typing import Any

import boto3

from contracts import marts
from duckdb_jobs import mart_run
from duckdb_jobs.mart_run import Place
from lambdas.run_mart import messages
from lambdas.run_mart.service import RunMart
from lambdas.run_mart.settings import Settings
from pipeline.alerts import Announcer
from pipeline.aws_errors import retryable
from pipeline.environment import read_settings
from pipeline.ledger.marts import MartLedger
from rows.marts import MartResult, RolledBack

NOBODY = "none"  # in the settings, where no consumer is deployed
ROLLBACK = "rollback"  # the mode of a request; any other computes the mart


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`{execution, request}` runs a mart or rolls it back; with `closing` ends a run that was served.

    With `failure`, or as EventBridge's event, it ends a run that failed.
    """
    if "failure" in event or "detail-type" in event:
        failure = messages.parse(event)
        return _run_mart(failure.mart).fail(failure) if failure else {"told": False, "again": False}
    if "closing" in event:
        closing = event["closing"]
        return _run_mart(closing["mart"]).close(closing)
    request = event["request"]
    runner = _run_mart(request["mart"])
    act = runner.roll_back if request.get("mode") == ROLLBACK else runner.run
    return act(event["execution"], trigger=request["trigger"])


def _run_mart(name: str) -> RunMart:
    settings = _settings()
    mart = marts.load(name)

    place = Place(
        environment=settings.environment,
        processed_bucket=settings.processed_bucket,
        curated_bucket=settings.curated_bucket,
    )

    def compute(run_id: str) -> MartResult:
        return mart_run.run(mart, run_id, place)

    def undo(run_id: str, version: int) -> RolledBack:
        return mart_run.roll_back(mart, run_id, place, undone=version)

    return RunMart(
        mart=mart,
        environment=settings.environment,
        ledger=MartLedger(table=boto3.resource("dynamodb").Table(settings.run_ledger), mart=name),
        announcer=Announcer(
            stepfunctions=boto3.client("stepfunctions"),
            machine_arn=settings.announce_state_machine_arn,
        ),
        serving=tuple(each for each in settings.serving.split(",") if each != NOBODY),
        compute=compute,
        undo=undo,
        now=lambda: datetime.now(UTC),
    )


@functools.cache
def _settings() -> Settings:
    return read_settings(Settings, os.environ)
