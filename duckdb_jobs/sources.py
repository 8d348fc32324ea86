"""Raw files of a run, whole and in memory: they are small, or the run would be Spark's."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def content(s3: Any, uri: str) -> bytes:
    """The bytes at s3://bucket/key, by a client of S3, or at file:///path.

    Raises botocore's ClientError, or FileNotFoundError, when there are none.
    """
    if uri.startswith("file:"):
        return Path(uri.removeprefix("file://")).read_bytes()
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    answer = s3.get_object(Bucket=bucket, Key=key)
    found: bytes = answer["Body"].read()
    return found
