"""Entry point: first task of the state machine."""

from __future__ import annotations

import functools
import os
from datetime import UTC, datetime
from typing import Any

import boto3

from contracts import model
from lambdas.claim_batch import requests
from lambdas.claim_batch.engines import EngineLimits, LargeBatch, SmallBatch
from lambdas.claim_batch.resuming import Resumption
from lambdas.claim_batch.selection import Selector
from lambdas.claim_batch.service import ClaimBatch
from lambdas.claim_batch.settings import Settings
from pipeline.aws_errors import retryable
from pipeline.environment import read_settings
from pipeline.ledger import FileLedger, RunLedger
from pipeline.locking import DatasetLock


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {dataset, request, execution_arn}; `request` is the execution's input."""
    request = requests.parse(event)
    return _service().claim(request, model.load(request.dataset))


@functools.cache
def _service() -> ClaimBatch:
    settings = read_settings(Settings, os.environ)
    dynamodb, s3 = boto3.resource("dynamodb"), boto3.client("s3")
    files, runs = (
        FileLedger(dynamodb.Table(settings.file_ledger)),
        RunLedger(dynamodb.Table(settings.run_ledger)),
    )
    return ClaimBatch(
        lock=DatasetLock(
            files=files,
            runs=runs,
            lease_seconds=settings.claim_lease_seconds,
            now=lambda: datetime.now(UTC),
        ),
        selector=Selector(
            files=files, s3=s3, raw_bucket=settings.raw_bucket, max_files=settings.max_files_per_run
        ),
        resumption=Resumption(runs=runs, s3=s3, processed_bucket=settings.processed_bucket),
        engines=_limits(settings),
        s3=s3,
        raw_bucket=settings.raw_bucket,
        processed_bucket=settings.processed_bucket,
    )


def _limits(settings: Settings) -> EngineLimits:
    rows, megabytes = settings.emr_above_rows, settings.emr_above_megabytes
    return EngineLimits(
        small=SmallBatch(
            max_rows=settings.duckdb_max_rows, max_megabytes=settings.duckdb_max_megabytes
        ),
        large=None
        if rows is None or megabytes is None
        else LargeBatch(above_rows=rows, above_megabytes=megabytes),
    )
