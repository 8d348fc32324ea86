"""Entry point: an SQS batch of S3 events in, the messages to be delivered again out."""

from __future__ import annotations

import functools
import os
from datetime import UTC, datetime
from typing import Any, Protocol

import boto3

from contracts import model
from lambdas.intake.arrival_notices import ArrivalNotices
from lambdas.intake.completion import Completion
from lambdas.intake.incomplete import Incomplete
from lambdas.intake.redelivery import Redelivery
from lambdas.intake.registration import Registration
from lambdas.intake.rejection import Rejection
from lambdas.intake.returning import Returning
from lambdas.intake.runs import RunStarter
from lambdas.intake.service import Intake
from lambdas.intake.settings import Settings
from lambdas.intake.storage import Storage
from pipeline.alerts import Announcer
from pipeline.bursts import Bursts
from pipeline.environment import read_settings
from pipeline.ledger import FileLedger
from pipeline.ledger.transfers import TransferLedger


class Context(Protocol):
    """The part of Lambda's context that is used here."""

    def get_remaining_time_in_millis(self) -> int:
        """Until Lambda ends the function."""


def handle(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Source: Lambda developer guide, "Reporting batch item failures for Lambda functions with an SQS trigger"."""
    intake, records = _intake(), event["Records"]
    intake.redelivery.hide_while_running(records, context.get_remaining_time_in_millis())
    failed = intake.handle_batch(records, context.get_remaining_time_in_millis)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


@functools.cache
def _intake() -> Intake:
    settings = read_settings(Settings, os.environ)
    dynamodb = boto3.resource("dynamodb")
    files = FileLedger(dynamodb.Table(settings.file_ledger))
    storage, stepfunctions = Storage(boto3.client("s3")), boto3.client("stepfunctions")
    bursts = Bursts(table=dynamodb.Table(settings.bursts_table), now=lambda: datetime.now(UTC))
    announcer = Announcer(
        stepfunctions=stepfunctions, machine_arn=settings.announce_state_machine_arn
    )
    contracts = [model.load(dataset) for dataset in model.datasets()]
    return Intake(
        contracts=contracts,
        schema_change=settings.schema_change,
        storage=storage,
        registration=Registration(raw_bucket=settings.raw_bucket, files=files, storage=storage),
        rejection=Rejection(
            environment=settings.environment,
            burst_seconds=settings.burst_seconds,
            files=files,
            storage=storage,
            bursts=bursts,
            announcer=announcer,
        ),
        notices=ArrivalNotices(
            environment=settings.environment,
            collect_seconds=settings.arrived_seconds,
            bursts=bursts,
            announcer=announcer,
        ),
        completion=Completion(
            contracts=contracts,
            transfers=TransferLedger(dynamodb.Table(settings.file_ledger)),
            incomplete=Incomplete(
                environment=settings.environment,
                burst_seconds=settings.burst_seconds,
                files=files,
                bursts=bursts,
                announcer=announcer,
            ),
            now=lambda: datetime.now(UTC),
        ),
        returning=Returning(raw_bucket=settings.raw_bucket, files=files, storage=storage),
        runs=RunStarter(stepfunctions=stepfunctions, state_machine_arn=settings.state_machine_arn),
        redelivery=Redelivery(sqs=boto3.client("sqs"), queue_url=settings.queue_url),
    )
