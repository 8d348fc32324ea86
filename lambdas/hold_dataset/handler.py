"""Entry point: first task of the state machine of care."""

from __future__ import annotations

import functools
import os
from datetime import UTC, datetime
from typing import Any

import boto3

from contracts import model
from lambdas.hold_dataset import requests
from lambdas.hold_dataset.service import HoldDataset
from lambdas.hold_dataset.settings import Settings
from pipeline.aws_errors import retryable
from pipeline.environment import read_settings
from pipeline.ledger import FileLedger, RunLedger
from pipeline.locking import DatasetLock


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {dataset, request, execution_arn}; `request` is the execution's input."""
    request = requests.parse(event)
    return _service().hold(request, model.load(request.dataset))


@functools.cache
def _service() -> HoldDataset:
    settings = read_settings(Settings, os.environ)
    dynamodb = boto3.resource("dynamodb")
    return HoldDataset(
        lock=DatasetLock(
            files=FileLedger(dynamodb.Table(settings.file_ledger)),
            runs=RunLedger(dynamodb.Table(settings.run_ledger)),
            lease_seconds=settings.claim_lease_seconds,
            now=lambda: datetime.now(UTC),
        ),
        s3=boto3.client("s3"),
        processed_bucket=settings.processed_bucket,
    )
