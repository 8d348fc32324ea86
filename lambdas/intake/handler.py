"""Entry point: an SQS batch of S3 events in, the messages to be delivered again out."""

from __future__ import annotations

import functools
import os
from typing import Any

import boto3

from contracts import model
from contracts.ledger import FileLedger
from lambdas.intake.registration import Registration
from lambdas.intake.rejection import Rejection
from lambdas.intake.runs import RunStarter
from lambdas.intake.service import Intake
from lambdas.intake.settings import Settings
from lambdas.intake.storage import Storage


def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Source: Lambda developer guide, "Reporting batch item failures for Lambda functions with an SQS trigger"."""
    failed = _intake().handle_batch(event["Records"])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


@functools.cache
def _intake() -> Intake:
    settings = Settings.read(os.environ)
    files = FileLedger(boto3.resource("dynamodb").Table(settings.file_ledger))
    storage = Storage(boto3.client("s3"))
    return Intake(
        contracts=[model.load(dataset) for dataset in model.datasets()],
        storage=storage,
        registration=Registration(raw_bucket=settings.raw_bucket, files=files, storage=storage),
        rejection=Rejection(
            environment=settings.environment,
            topic_arn=settings.file_rejected_topic_arn,
            files=files,
            storage=storage,
            sns=boto3.client("sns"),
        ),
        runs=RunStarter(stepfunctions=boto3.client("stepfunctions"), state_machine_arn=settings.state_machine_arn),
    )
