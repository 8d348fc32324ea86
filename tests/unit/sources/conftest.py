"""One account in memory per module, one server per test; a table and a bucket that are empty when a test begins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.bucket_server import bucket_server
from tests.sftp_server import sftp_server
from tests.source_server import by_cursor, serving
from tests.unit.sources.fetching import Bench, BucketBench, SftpBench, record


@pytest.fixture(scope="module")
def account() -> Iterator[tuple[Any, Any]]:
    """(S3 client, table of a source)."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        with mock_aws():
            yield boto3.client("s3"), _table()


@pytest.fixture
def landing(account: tuple[Any, Any]) -> Iterator[tuple[Any, Any]]:
    """The account with a bucket and a table that are empty."""
    s3, table = account
    s3.create_bucket(Bucket="landing")
    versions = {"Status": "Enabled"}
    s3.put_bucket_versioning(Bucket="landing", VersioningConfiguration=versions)
    yield account
    _empty(s3, table)


@pytest.fixture
def bench(landing: tuple[Any, Any]) -> Iterator[Bench]:
    """Five records, two to a page."""
    s3, table = landing
    with serving(by_cursor([record(n) for n in range(1, 6)], size=2)) as server:
        yield Bench(server=server, s3=s3, table=table)


@pytest.fixture
def sftp(landing: tuple[Any, Any], tmp_path: Path) -> Iterator[SftpBench]:
    """An SFTP server with an empty folder."""
    s3, table = landing
    with sftp_server(tmp_path) as server:
        yield SftpBench(server=server, s3=s3, table=table)


@pytest.fixture
def bucket(landing: tuple[Any, Any]) -> Iterator[BucketBench]:
    """A bucket without objects."""
    s3, table = landing
    with bucket_server() as server:
        yield BucketBench(server=server, s3=s3, table=table)


def _empty(s3: Any, table: Any) -> None:
    listed = s3.list_object_versions(Bucket="landing")
    for item in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
        s3.delete_object(Bucket="landing", Key=item["Key"], VersionId=item["VersionId"])
    for item in table.scan()["Items"]:
        table.delete_item(Key={"source": item["source"], "entry": item["entry"]})


def _table() -> Any:
    names = (("source", "HASH"), ("entry", "RANGE"))
    return boto3.resource("dynamodb").create_table(
        TableName="source",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in names],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in names],
        BillingMode="PAY_PER_REQUEST",
    )
