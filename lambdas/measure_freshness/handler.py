"""Entry point: one line per dataset in CloudWatch's embedded metric format, which becomes the metric AgeHours."""

from __future__ import annotations

import functools
import os
import sys
from datetime import UTC, datetime
from typing import Any

import boto3

from contracts import model
from lambdas.measure_freshness.service import MeasureFreshness
from lambdas.measure_freshness.settings import Settings
from pipeline.aws_errors import retryable
from pipeline.environment import read_settings
from pipeline.ledger import RunLedger


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, float]:  # noqa: ARG001 - Lambda's signature
    """The hours since each dataset was loaded last, or measured first if it never was."""
    contracts = [model.load(dataset) for dataset in model.datasets()]
    return _service().measure(contracts, sys.stdout)


@functools.cache
def _service() -> MeasureFreshness:
    settings = read_settings(Settings, os.environ)
    runs = RunLedger(boto3.resource("dynamodb").Table(settings.run_ledger))
    return MeasureFreshness(
        environment=settings.environment, runs=runs, now=lambda: datetime.now(UTC)
    )
