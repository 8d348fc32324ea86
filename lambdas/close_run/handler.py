"""Entry point: last task of a run that succeeded."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import boto3

from contracts import model
from lambdas.close_run.comparison import Written
from lambdas.close_run.service import CloseRun
from lambdas.close_run.settings import Settings
from pipeline import costs, serving
from pipeline.alerts import Announcer
from pipeline.aws_errors import retryable
from pipeline.environment import read_settings
from pipeline.ledger import FileLedger, RunLedger
from pipeline.run_documents import (
    CurateResult,
    JobResult,
    LoadResult,
    Manifest,
    serve_result,
    store,
)

JOBS = ("raw_to_processed", "processed_to_curated")


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {dataset, run_id, state}; `state` has what the jobs cost and what Serve gave."""
    dataset, run_id, state = event["dataset"], event["run_id"], event["state"]
    written = _written(dataset, run_id, state)
    return _service().close(
        dataset,
        run_id,
        written,
        model.load(dataset),
        worker_seconds=costs.of_steps(state, JOBS),
        jobs={name: JobResult.from_json(state[name]) for name in JOBS if name in state},
    )


def _written(dataset: str, run_id: str, state: Mapping[str, Any]) -> Written:
    serve, forecast = state.get("serve"), serving.of_forecast(state.get("forecast"))
    s3, place = (
        _s3(),
        {"bucket": _settings().processed_bucket, "dataset": dataset, "run_id": run_id},
    )
    return Written(
        manifest=store.read(s3, Manifest, **place),
        processed=store.read(s3, LoadResult, **place),
        curated=store.read(s3, CurateResult, **place),
        serve=None if serve is None else [*map(serve_result, serve), *forecast],
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
            stepfunctions=boto3.client("stepfunctions"),
            machine_arn=settings.announce_state_machine_arn,
        ),
        prices=settings.engine_prices,
        now=lambda: datetime.now(UTC),
    )
