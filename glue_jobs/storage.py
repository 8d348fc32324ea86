"""Small JSON documents in S3: the manifest of a run and the results of its jobs.

The only module of the jobs that uses boto3. `AWS_ENDPOINT_URL` points it at the embedded AWS.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import boto3


def read_json(uri: str) -> dict[str, Any]:
    """The document at s3://bucket/key; botocore's ClientError when it is not there."""
    place = urlsplit(uri)
    found = boto3.client("s3").get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))
    document: dict[str, Any] = json.loads(found["Body"].read())
    return document


def write_json(uri: str, document: dict[str, Any]) -> None:
    """Write the document to s3://bucket/key, replacing what is there."""
    place = urlsplit(uri)
    boto3.client("s3").put_object(
        Bucket=place.netloc,
        Key=place.path.lstrip("/"),
        Body=json.dumps(document, indent=2).encode(),
        ContentType="application/json",
    )
