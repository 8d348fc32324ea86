"""Entry point: closes a burst of rejected files and says what people are told of it; announce.asl.json publishes it."""

from __future__ import annotations

import functools
import os
from datetime import UTC, datetime
from typing import Any

import boto3

from contracts.alerts import BODY_LENGTH, message_attributes, subject_line
from contracts.aws_errors import retryable
from contracts.bursts import Bursts
from contracts.environment import read_settings
from contracts.ledger import FileLedger
from contracts.texts import shortened
from lambdas.tell_rejections.service import TellRejections
from lambdas.tell_rejections.settings import Settings


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {dataset, burst}; the answer is {subject, message, attributes} as SNS takes them."""
    digest = _service().compose(event["dataset"], event["burst"])
    return {
        "subject": subject_line(digest.subject),
        "message": shortened(digest.body, BODY_LENGTH),
        "attributes": message_attributes(digest.attributes),
    }


@functools.cache
def _service() -> TellRejections:
    settings = read_settings(Settings, os.environ)
    dynamodb = boto3.resource("dynamodb")
    return TellRejections(
        environment=settings.environment,
        files=FileLedger(dynamodb.Table(settings.file_ledger)),
        bursts=Bursts(table=dynamodb.Table(settings.bursts_table), now=lambda: datetime.now(UTC)),
    )
