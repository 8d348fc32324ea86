"""Data files count against the limit as long as they are kept, and no longer."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from pyiceberg.manifest import DataFile

from contracts.errors import NeedsSpark
from duckdb_jobs.tables.local_files import LocalFiles


def described(location: str, size: int) -> DataFile:
    return DataFile.from_args(file_path=location, file_size_in_bytes=size)


def test_what_is_forgotten_leaves_the_disk_and_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="lake")
        for key in ("a", "b"):
            s3.put_object(Bucket="lake", Key=key, Body=b"12345")
        files = LocalFiles(tmp_path, 8)
        [first] = files.fetched([described("s3://lake/a", 5)], "t")
        with pytest.raises(NeedsSpark, match="would read 10 bytes"):
            files.fetched([described("s3://lake/b", 5)], "t")
        files.forget()
        assert not first.exists()
        assert files.bytes_read == 0
        [second] = files.fetched([described("s3://lake/b", 5)], "t")
        assert second.read_bytes() == b"12345"


def test_a_lake_on_this_disk_stays_as_it_is(tmp_path: Path) -> None:
    place = tmp_path / "lake.parquet"
    place.write_bytes(b"12345")
    files = LocalFiles(tmp_path / "work", 8)
    files.fetched([described(f"file://{place}", 5)], "t")
    files.forget()
    assert place.exists()
    assert files.bytes_read == 0
