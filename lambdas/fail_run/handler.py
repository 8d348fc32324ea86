"""Entry point: the failure path of the state machine, and executions that ended without one."""

from __future__ import annotations

import functools
import os
from datetime import UTC, datetime
from typing import Any

import boto3

from lambdas.fail_run.failures import parse
from lambdas.fail_run.service import FailRun
from lambdas.fail_run.settings import Settings
from pipeline.alerts import Announcer
from pipeline.aws_errors import retryable
from pipeline.environment import read_settings
from pipeline.ledger import FileLedger, RunLedger


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {dataset, execution_arn, machine, state} from a Catch, or an execution's status change."""
    return _service().fail(parse(event))


@functools.cache
def _service() -> FailRun:
    settings = read_settings(Settings, os.environ)
    dynamodb = boto3.resource("dynamodb")
    return FailRun(
        environment=settings.environment,
        files=FileLedger(dynamodb.Table(settings.file_ledger)),
        runs=RunLedger(dynamodb.Table(settings.run_ledger)),
        announcer=Announcer(
            stepfunctions=boto3.client("stepfunctions"),
            machine_arn=settings.announce_state_machine_arn,
        ),
        prices=settings.engine_prices,
        now=lambda: datetime.now(UTC),
    )
