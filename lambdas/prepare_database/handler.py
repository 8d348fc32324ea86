"""Entry point: the task of the state machine write_back that makes the user that writes. Wiring only."""

from __future__ import annotations

import functools
import os
import time
from typing import Any

import boto3

from duckdb_jobs.write_back import sessions, users
from lambdas.prepare_database.settings import Settings
from pipeline.aws_errors import retryable
from pipeline.environment import read_settings


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Needs nothing. The answer: {user}, who may write back from now on.

    Raises DatabaseUnprepared when the master user is refused, PermanentError, or RetryableError.
    """
    settings = _settings()
    login = sessions.login_by_token(
        _rds(),
        host=settings.database_host,
        port=settings.database_port,
        database=settings.database_name,
        user=users.MASTER,
        environment=settings.environment,
    )
    with sessions.connected(login, clock=time.monotonic, sleep=time.sleep) as session:
        users.prepare(session)
    return {"user": users.WRITER}


@functools.cache
def _settings() -> Settings:
    return read_settings(Settings, os.environ)


@functools.cache
def _rds() -> Any:
    return boto3.client("rds")
