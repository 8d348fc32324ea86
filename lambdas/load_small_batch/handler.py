"""Entry point: the job raw_to_processed of a small batch, on DuckDB. Wiring only."""

from __future__ import annotations

import functools
import math
import os
import time
from typing import Any

from duckdb_jobs import raw_to_processed
from duckdb_jobs.workspace import workspace
from lambdas.load_small_batch.settings import NO_SECRET, Settings
from pipeline.aws_errors import retryable
from pipeline.environment import read_settings
from pipeline.job_arguments import LoadingArguments


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {dataset, run_id}. The answer: {seconds}. Raises NeedsSpark when this engine cannot do it."""
    began, settings = time.monotonic(), _settings()
    secret = settings.pii_secret_arn
    given = LoadingArguments(
        dataset=event["dataset"],
        run_id=event["run_id"],
        environment=settings.environment,
        processed_bucket=settings.processed_bucket,
        curated_bucket=settings.curated_bucket,
        schema_change=settings.schema_change,
        pii_secret_arn="" if secret == NO_SECRET else secret,
    )
    with workspace():
        raw_to_processed.run(given)
    return {"seconds": math.ceil(time.monotonic() - began)}


@functools.cache
def _settings() -> Settings:
    return read_settings(Settings, os.environ)
