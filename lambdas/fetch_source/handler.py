"""Entry point: one call of a fetch, or the report that it failed."""

from __future__ import annotations

import functools
import os
import time
from datetime import UTC, datetime
from typing import Any, Protocol

import boto3
from botocore.exceptions import ClientError

from contracts import model
from lambdas.fetch_source import messages
from lambdas.fetch_source.landing import Landing
from lambdas.fetch_source.service import FetchSource, Request
from lambdas.fetch_source.settings import Settings
from pipeline.alerts import Announcer
from pipeline.aws_errors import code, retryable
from pipeline.environment import read_settings
from sources import model as sources
from sources.client import Client
from sources.errors import SourceFailed
from sources.fetches import FetchLedger

LOCAL = "local"


class Context(Protocol):
    """The part of Lambda's context that is used here."""

    def get_remaining_time_in_millis(self) -> int:
        """Until Lambda ends the function."""


@retryable
def handle(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """`{execution, request}` takes pages; `{execution, failure}` ends the fetch and tells people."""
    fetch = _fetch(context)
    if "failure" not in event:
        request = event["request"]
        return fetch.step(Request(execution=event["execution"], since=request.get("since")))
    failure = messages.caught(event)
    fetch.give_up(failure.execution, failure.detail)
    settings = _settings()
    announcer = Announcer(
        stepfunctions=boto3.client("stepfunctions"),
        machine_arn=settings.announce_state_machine_arn,
    )
    told = messages.tell(announcer, fetch.source, failure, environment=settings.environment)
    return {"told": told}


def _fetch(context: Context) -> FetchSource:
    settings = _settings()
    source = sources.load(settings.source)
    contract = model.load(source.dataset)
    client = Client(
        source=source,
        url=settings.source_url,
        loopback=settings.environment == LOCAL,
        shows_answers=not contract.protected_columns,
        read_secret=_read_secret,
    )
    return FetchSource(
        source=source,
        contract=contract,
        client=client,
        ledger=FetchLedger(
            table=boto3.resource("dynamodb").Table(settings.source_ledger), source=source.name
        ),
        landing=Landing(s3=boto3.client("s3"), bucket=settings.landing_bucket),
        now=lambda: datetime.now(UTC),
        pause=time.sleep,
        millis_left=context.get_remaining_time_in_millis,
    )


@functools.cache
def _settings() -> Settings:
    return read_settings(Settings, os.environ)


def _read_secret(name: str) -> str:
    try:
        found = boto3.client("secretsmanager").get_secret_value(SecretId=name)
    except ClientError as error:
        if code(error) != "ResourceNotFoundException":
            raise
        raise SourceFailed(
            f"there is no secret {name!r}; make it, as docs/sources.md shows"
        ) from error
    return str(found.get("SecretString", ""))
