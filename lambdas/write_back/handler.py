"""Entry point: the task of the state machine write_back. Wiring only."""

from __future__ import annotations

import functools
import os
from typing import Any

import boto3

from duckdb_jobs.write_back import job, sessions, users
from lambdas.write_back.settings import Settings
from pipeline.aws_errors import retryable
from pipeline.environment import read_settings


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {dataset, run_id}, run_id null by hand. The answer: a DatabaseServed.

    Raises DatabaseUnprepared, WriteBackFailed, PermanentError, or RetryableError.
    """
    settings = _settings()
    login = sessions.login_by_token(
        _rds(),
        host=settings.database_host,
        port=settings.database_port,
        database=settings.database_name,
        user=users.WRITER,
        environment=settings.environment,
    )
    order = job.Order(
        dataset=event["dataset"],
        run_id=event["run_id"],
        environment=settings.environment,
        processed_bucket=settings.processed_bucket,
    )
    return job.run(order, login).to_json()


@functools.cache
def _settings() -> Settings:
    return read_settings(Settings, os.environ)


@functools.cache
def _rds() -> Any:
    return boto3.client("rds")
