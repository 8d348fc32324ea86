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

LOCAL = "local"  # the environment whose database is on this machine (decision 1)


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Needs nothing. The answer: {user}, who may write back from now on.

    Raises DatabaseUnprepared when the master user is refused, PermanentError, or RetryableError.
    """
    settings = _settings()
    login = sessions.Login(
        host=settings.database_host,
        port=settings.database_port,
        database=settings.database_name,
        username=users.MASTER,
        # Signed with the role of this function, good for 15 minutes: no call is made for it.
        password=_rds().generate_db_auth_token(
            DBHostname=settings.database_host,
            Port=settings.database_port,
            DBUsername=users.MASTER,
        ),
        needs_tls=settings.environment != LOCAL,
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
