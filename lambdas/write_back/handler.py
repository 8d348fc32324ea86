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

LOCAL = "local"  # the environment whose database is on this machine (decision 1)


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {dataset, run_id}, run_id null by hand. The answer: a DatabaseServed.

    Raises DatabaseUnprepared, WriteBackFailed, PermanentError, or RetryableError.
    """
    settings = _settings()
    login = sessions.Login(
        host=settings.database_host,
        port=settings.database_port,
        database=settings.database_name,
        username=users.WRITER,
        # Signed with the role of this function, good for 15 minutes: no call is made for it.
        password=_rds().generate_db_auth_token(
            DBHostname=settings.database_host,
            Port=settings.database_port,
            DBUsername=users.WRITER,
        ),
        needs_tls=settings.environment != LOCAL,
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
