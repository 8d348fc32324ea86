"""Entry point: the job processed_to_curated of a small batch, on DuckDB. Wiring only."""

from __future__ import annotations

import functools
import math
import os
import time
from typing import Any

from duckdb_jobs import processed_to_curated
from duckdb_jobs.workspace import workspace
from lambdas.curate_small_batch.settings import Settings
from pipeline.aws_errors import retryable
from pipeline.environment import read_settings
from pipeline.job_arguments import CuratingArguments


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {dataset, run_id}. The answer: {seconds}. Raises NeedsSpark when this engine cannot do it."""
    began, settings = time.monotonic(), _settings()
    given = CuratingArguments(
        dataset=event["dataset"],
        run_id=event["run_id"],
        environment=settings.environment,
        processed_bucket=settings.processed_bucket,
        curated_bucket=settings.curated_bucket,
    )
    with workspace():
        processed_to_curated.run(given)
    return {"seconds": math.ceil(time.monotonic() - began)}


@functools.cache
def _settings() -> Settings:
    return read_settings(Settings, os.environ)
