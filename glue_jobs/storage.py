"""What a run keeps beside the tables: its manifest and results as JSON in S3, and the staged rows of its one pass.

`AWS_ENDPOINT_URL` points boto3 at the embedded AWS.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError
from pyspark.sql import DataFrame

from pipeline.run_documents import StoredDocument

Kind = TypeVar("Kind", bound=StoredDocument)


def read_json(uri: str) -> dict[str, Any]:
    """The document at s3://bucket/key; botocore's ClientError when it is not there."""
    place = urlsplit(uri)
    found = boto3.client("s3").get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))
    document: dict[str, Any] = json.loads(found["Body"].read())
    return document


def read(uri: str, kind: type[Kind]) -> Kind:
    """The document of this kind at s3://bucket/key.

    Raises botocore's ClientError when it is not there, PermanentError when it is not as its kind.
    """
    return kind.from_json(read_json(uri), place=uri)


def find_json(uri: str) -> dict[str, Any] | None:
    """The document at s3://bucket/key, or None when there is none."""
    try:
        return read_json(uri)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return None


def write_json(uri: str, document: dict[str, Any]) -> None:
    """Write the document to s3://bucket/key, replacing what is there."""
    place = urlsplit(uri)
    boto3.client("s3").put_object(
        Bucket=place.netloc,
        Key=place.path.lstrip("/"),
        Body=json.dumps(document, indent=2).encode(),
        ContentType="application/json",
    )


def write_text(uri: str, lines: Iterable[str]) -> None:
    """Write lines, each with its end, to s3://bucket/key, replacing what is there."""
    place = urlsplit(uri)
    boto3.client("s3").put_object(
        Bucket=place.netloc, Key=place.path.lstrip("/"), Body="".join(lines).encode()
    )


def write_csv(rows: DataFrame, uri: str) -> None:
    """Write rows as CSV files with a header each, in the order of their partitions, replacing what the folder has."""
    rows.write.mode("overwrite").option("mapreduce.fileoutputcommitter.algorithm.version", "2").csv(
        uri, header=True
    )


def write_rows(rows: DataFrame, uri: str) -> None:
    """Write rows as Parquet to a folder, replacing what is there."""
    # Version 2 moves files into place as tasks commit. Only this run reads the folder, and only after the job ended.
    writer = rows.write.mode("overwrite").option(
        "mapreduce.fileoutputcommitter.algorithm.version", "2"
    )
    writer.parquet(uri)
