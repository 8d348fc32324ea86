"""Entry point: last task of care that succeeded.

After care that failed it only starts the files that wait; and after a run whose gate set files aside, the others.
"""

from __future__ import annotations

import functools
import json
import os
from datetime import UTC, datetime
from typing import Any

import boto3

from lambdas.release_dataset import forecast_rollback
from lambdas.release_dataset.service import ReleaseDataset
from lambdas.release_dataset.settings import Settings
from lambdas.release_dataset.waiting import WaitingFiles
from pipeline import costs, serving
from pipeline.alerts import Announcer
from pipeline.aws_errors import retryable
from pipeline.environment import read_settings
from pipeline.ledger import FileLedger, RunLedger
from pipeline.run_documents import MaintenanceRequest, MaintenanceResult, serve_result, store


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {dataset, run_id, execution_arn, state}; `run_id` is null when the care failed, and `state` left out.

    Or the status change of an execution that failed with QuarantineLimitExceeded.
    """
    if "detail" in event:
        return _go_on(event["detail"])
    dataset, run_id, execution_arn = event["dataset"], event["run_id"], event["execution_arn"]
    if run_id is None:
        return {
            "dataset": dataset,
            "run_id": None,
            "started": _service().waiting.start(dataset, execution_arn),
        }
    s3, place = (
        _s3(),
        {"bucket": _settings().processed_bucket, "dataset": dataset, "run_id": run_id},
    )
    request = store.read(s3, MaintenanceRequest, **place)
    return _service().release(
        request,
        forecast_rollback.result(request, event["state"]["forecast_rollback"]["done"])
        if request.forecast
        else store.read(s3, MaintenanceResult, **place),
        execution_arn=execution_arn,
        worker_seconds=costs.of_steps(event["state"], ("care",)),
        serve=[
            *map(serve_result, event["state"]["serve"]),
            *serving.of_forecast(event["state"].get("forecast")),
        ],
    )


def _go_on(detail: dict[str, Any]) -> dict[str, Any]:
    """Load what the gate left waiting. This ends: each such failure takes at least one file out of the queue."""
    dataset = json.loads(detail["input"])["dataset"]
    _service().waiting.start_anyway(dataset, detail["executionArn"])
    return {"dataset": dataset, "run_id": None, "started": True}


@functools.cache
def _settings() -> Settings:
    return read_settings(Settings, os.environ)


@functools.cache
def _s3() -> Any:
    return boto3.client("s3")


@functools.cache
def _service() -> ReleaseDataset:
    settings = _settings()
    dynamodb, stepfunctions = boto3.resource("dynamodb"), boto3.client("stepfunctions")
    files = FileLedger(dynamodb.Table(settings.file_ledger))
    return ReleaseDataset(
        environment=settings.environment,
        files=files,
        runs=RunLedger(dynamodb.Table(settings.run_ledger)),
        announcer=Announcer(
            stepfunctions=stepfunctions, machine_arn=settings.announce_state_machine_arn
        ),
        waiting=WaitingFiles(
            files=files, stepfunctions=stepfunctions, state_machine_arn=settings.state_machine_arn
        ),
        prices=settings.engine_prices,
        now=lambda: datetime.now(UTC),
    )
