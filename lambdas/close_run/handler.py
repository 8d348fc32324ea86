"""Entry point: last task of a run that succeeded."""

from __future__ import annotations

import functools
import os
from datetime import UTC, datetime
from typing import Any

import boto3

from contracts import model, naming
from lambdas.close_run.comparison import Written
from lambdas.close_run.service import CloseRun
from lambdas.close_run.settings import Settings
from pipeline import costs, documents
from pipeline.alerts import Announcer
from pipeline.aws_errors import retryable
from pipeline.environment import read_settings
from pipeline.ledger import FileLedger, RunLedger

JOBS = ("raw_to_processed", "processed_to_curated")


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {dataset, run_id, state}; `state` has what the jobs cost and what Serve gave."""
    dataset, run_id, state = event["dataset"], event["run_id"], event["state"]
    written = _written(dataset, run_id, state.get("serve"))
    return _service().close(dataset, run_id, written, model.load(dataset), worker_seconds=costs.of_steps(state, JOBS))


def _written(dataset: str, run_id: str, serve: list[dict[str, Any]] | None) -> Written:
    bucket, s3 = _settings().processed_bucket, _s3()

    def read(key: str, written_by: str) -> dict[str, Any]:
        return documents.read_json(s3, bucket=bucket, key=key, written_by=written_by)

    return Written(
        manifest=read(naming.manifest_key(dataset, run_id), "claim_batch"),
        processed=read(naming.result_key(dataset, run_id, "raw_to_processed"), "raw_to_processed"),
        curated=read(naming.result_key(dataset, run_id, "processed_to_curated"), "processed_to_curated"),
        serve=serve,
    )


@functools.cache
def _settings() -> Settings:
    return read_settings(Settings, os.environ)


@functools.cache
def _s3() -> Any:
    return boto3.client("s3")


@functools.cache
def _service() -> CloseRun:
    settings = _settings()
    dynamodb = boto3.resource("dynamodb")
    return CloseRun(
        environment=settings.environment,
        files=FileLedger(dynamodb.Table(settings.file_ledger)),
        runs=RunLedger(dynamodb.Table(settings.run_ledger)),
        announcer=Announcer(
            stepfunctions=boto3.client("stepfunctions"), machine_arn=settings.announce_state_machine_arn
        ),
        now=lambda: datetime.now(UTC),
    )
