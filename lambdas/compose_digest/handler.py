"""Entry point: closes a burst of files and says what people are told of it; announce.asl.json publishes it."""

from __future__ import annotations

import functools
import os
from datetime import UTC, datetime
from typing import Any

import boto3

from contracts.texts import shortened
from lambdas.compose_digest.service import ComposeDigest
from lambdas.compose_digest.settings import Settings
from pipeline.alerts import BODY_LENGTH, message_attributes, subject_line
from pipeline.aws_errors import retryable
from pipeline.bursts import Bursts
from pipeline.environment import read_settings
from pipeline.ledger import FileLedger


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {digest, dataset, burst}; the answer is {subject, message, attributes} as SNS takes them."""
    # An execution that waited while a new version was deployed goes on with the machine of before, which told of
    # rejected files only and did not say so. Source: Step Functions developer guide, "Updating a workflow".
    kind = event.get("digest", "rejected")
    digest = _service().compose(kind, event["dataset"], event["burst"])
    return {
        "subject": subject_line(digest.subject),
        "message": shortened(digest.body, BODY_LENGTH),
        "attributes": message_attributes(digest.attributes),
    }


@functools.cache
def _service() -> ComposeDigest:
    settings = read_settings(Settings, os.environ)
    dynamodb = boto3.resource("dynamodb")
    return ComposeDigest(
        environment=settings.environment,
        files=FileLedger(dynamodb.Table(settings.file_ledger)),
        bursts=Bursts(table=dynamodb.Table(settings.bursts_table), now=lambda: datetime.now(UTC)),
    )
