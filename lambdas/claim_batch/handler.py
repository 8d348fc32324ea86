"""Entry point: first task of the state machine."""

from __future__ import annotations

import functools
import os
from datetime import UTC, datetime
from typing import Any

import boto3

from contracts import model
from contracts.aws_errors import retryable
from contracts.ledger import FileLedger, RunLedger
from lambdas.claim_batch.service import ClaimBatch, Request
from lambdas.claim_batch.settings import Settings


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {dataset, trigger, execution_arn}."""
    request = Request(dataset=event["dataset"], trigger=event["trigger"], execution_arn=event["execution_arn"])
    return _service().claim(request, model.load(request.dataset))


@functools.cache
def _service() -> ClaimBatch:
    settings = Settings.read(os.environ)
    dynamodb = boto3.resource("dynamodb")
    return ClaimBatch(
        files=FileLedger(dynamodb.Table(settings.file_ledger)),
        runs=RunLedger(dynamodb.Table(settings.run_ledger)),
        s3=boto3.client("s3"),
        raw_bucket=settings.raw_bucket,
        processed_bucket=settings.processed_bucket,
        max_files=settings.max_files_per_run,
        lease_seconds=settings.claim_lease_seconds,
        now=lambda: datetime.now(UTC),
    )
