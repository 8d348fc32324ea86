"""Entry point: one call of a fetch, or the report that it failed."""

from __future__ import annotations

import functools
import os
import time
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Protocol, assert_never

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from contracts import model
from contracts.model import Contract
from lambdas.fetch_source import messages
from lambdas.fetch_source.call import Surroundings
from lambdas.fetch_source.landing import Landing
from lambdas.fetch_source.service import FetchSource, Request
from lambdas.fetch_source.settings import Settings
from pipeline.alerts import Announcer
from pipeline.aws_errors import code, retryable
from pipeline.environment import read_settings
from sources import model as sources
from sources.buckets import AssumedRole, BucketFiles
from sources.client import Client
from sources.errors import SourceFailed
from sources.fetches import FetchLedger
from sources.files import RemoteFiles
from sources.model import BucketSource, HttpSource, PostgresSource, SftpSource, Source
from sources.tables import OpenTable, RemoteTable

LOCAL = "local"
# A name that no secret has is no ARN that a policy with one allows, so that AWS may say either.
NO_SECRET = ("ResourceNotFoundException", "AccessDeniedException")
CONNECT_SECONDS, READ_SECONDS = 10, 60  # of another's bucket; botocore tries a few times


class Context(Protocol):
    """The part of Lambda's context that is used here."""

    def get_remaining_time_in_millis(self) -> int:
        """Until Lambda ends the function."""


@retryable
def handle(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """`{execution, request}` takes pages; `{execution, failure}` ends the fetch and tells people; `{plan}` does nothing
    and says what the next fetch would do.
    """
    fetch = _fetch(context)
    if "plan" in event:
        since = event["plan"].get("since")
        return fetch.plan(Request(execution="plan", since=since)).to_json()
    if "failure" not in event:
        request = event["request"]
        return fetch.step(
            Request(
                execution=event["execution"],
                since=request.get("since"),
                accepts_deleted=bool(request.get("accepts_deleted")),
                plan=request.get("plan"),
            )
        )
    failure = messages.caught(event)
    fetch.give_up(failure.execution, failure.detail)
    settings = _settings()
    announcer = Announcer(
        stepfunctions=boto3.client("stepfunctions"),
        machine_arn=settings.announce_state_machine_arn,
    )
    told = messages.tell(announcer, fetch.around.source, failure, environment=settings.environment)
    return {"told": told}


def _fetch(context: Context) -> FetchSource:
    settings = _settings()
    source = sources.at(sources.load(settings.source), settings.source_url)
    contract = model.load(source.dataset)
    table = boto3.resource("dynamodb").Table(settings.source_ledger)
    around = Surroundings(
        source=source,
        contract=contract,
        ledger=FetchLedger(table=table, source=source.name),
        landing=Landing(s3=boto3.client("s3"), bucket=settings.landing_bucket),
        now=lambda: datetime.now(UTC),
        pause=time.sleep,
        millis_left=context.get_remaining_time_in_millis,
    )
    return FetchSource(around=around, client=_client(source, contract, settings))


def _client(
    source: Source, contract: Contract, settings: Settings
) -> Client | RemoteFiles | RemoteTable:
    match source:
        case HttpSource():
            return Client(
                source=source,
                url=source.url,
                loopback=settings.environment == LOCAL,
                shows_answers=not contract.protected_columns,
                read_secret=_read_secret,
            )
        case BucketSource():
            return BucketFiles(
                bucket=source.bucket,
                connect=lambda: _s3_of(source, settings.source_role),
                reader=settings.source_role,
            )
        case PostgresSource():
            is_local = settings.environment == LOCAL
            return RemoteTable(
                source=source, connect=lambda: _opened(source, contract, needs_tls=not is_local)
            )
        case SftpSource():
            # Only the functions of such sources have the layer with paramiko.
            from sources.sftp import SftpFiles

            return SftpFiles(
                server=source.sftp,
                loopback=settings.environment == LOCAL,
                read_secret=_read_secret,
            )
        case _:
            assert_never(source)


def _opened(
    source: PostgresSource, contract: Contract, *, needs_tls: bool
) -> AbstractContextManager[OpenTable]:
    # Its library is in a layer that only the functions of such sources have.
    from sources.database.client import opened

    secret = _read_secret(source.postgres.secret)
    return opened(source, contract, secret, needs_tls=needs_tls)


def _s3_of(source: BucketSource, reader: str) -> Any:
    """A client of S3 that may read the bucket of a source."""
    bucket = source.bucket
    config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS)
    if bucket.role is None or bucket.external_id is None:
        return boto3.client("s3", config=config)
    role = AssumedRole(
        sts=boto3.client("sts"), role=bucket.role, external_id=bucket.external_id, reader=reader
    )
    return boto3.client("s3", config=config, **role.credentials(f"slipway-{source.name}"))


@functools.cache
def _settings() -> Settings:
    return read_settings(Settings, os.environ)


def _read_secret(name: str) -> str:
    try:
        found = boto3.client("secretsmanager").get_secret_value(SecretId=name)
    except ClientError as error:
        if code(error) not in NO_SECRET:
            raise
        raise SourceFailed(
            f"there is no secret {name!r} that this source may read; make it, as docs/sources.md shows"
        ) from error
    return str(found.get("SecretString", ""))
