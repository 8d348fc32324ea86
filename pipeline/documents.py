"""Reads what the steps of a run wrote down for each other, with an S3 client that is handed in."""

from __future__ import annotations

import json
from typing import Any

from contracts.errors import PermanentError
from pipeline.aws_errors import code

MISSING = frozenset({"NoSuchKey", "404"})


def read_json(s3: Any, *, bucket: str, key: str, written_by: str) -> dict[str, Any]:
    """The JSON object at `key`.

    Raises PermanentError, naming who should have written it, when it is missing or no JSON object.
    """
    try:
        text = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.ClientError as error:
        if code(error) not in MISSING:
            raise
        raise PermanentError(f"s3://{bucket}/{key} is missing; {written_by} ended without writing it") from error
    try:
        document = json.loads(text)
    except ValueError as error:
        raise PermanentError(f"s3://{bucket}/{key}, written by {written_by}, is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise PermanentError(f"s3://{bucket}/{key}, written by {written_by}, is no JSON object")
    return document
