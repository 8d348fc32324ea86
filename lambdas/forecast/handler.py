"""Entry point: the step Forecast of a run or of care. Wiring only."""

from __future__ import annotations

import functools
import os
from typing import Any

from duckdb_jobs import forecast
from duckdb_jobs.workspace import workspace
from lambdas.forecast.settings import Settings
from pipeline.aws_errors import retryable
from pipeline.environment import read_settings
from pipeline.job_arguments import CuratingArguments
from pipeline.run_documents import ForecastRollback


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {dataset, run_id}. The answer: a ForecastServed. The run goes on whatever is raised.

    With a ForecastRollback as `rollback` that is done instead, and the answer is a ForecastRolledBack.
    """
    settings = _settings()
    given = CuratingArguments(
        dataset=event["dataset"],
        run_id=event["run_id"],
        environment=settings.environment,
        processed_bucket=settings.processed_bucket,
        curated_bucket=settings.curated_bucket,
    )
    with workspace():
        if "rollback" in event:
            wanted = ForecastRollback.from_json(event["rollback"])
            return forecast.roll_back(given, wanted).to_json()
        return forecast.run(given).to_json()


@functools.cache
def _settings() -> Settings:
    return read_settings(Settings, os.environ)
