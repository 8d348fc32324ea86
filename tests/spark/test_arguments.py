"""Arguments as Glue passes them, and small documents in S3. No Spark here."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from contracts.errors import PermanentError
from glue_jobs import arguments, storage

GIVEN = {
    "dataset": "orders",
    "run_id": "20240501T100000-00000001",
    "environment": "dev",
    "processed_bucket": "processed",
    "curated_bucket": "curated",
}


@pytest.fixture
def _bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="processed")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield


def test_what_glue_adds_for_itself_is_ignored() -> None:
    words = [word for name, value in GIVEN.items() for word in (f"--{name}", value)]
    noise = ["--JOB_NAME", "x", "--enable-metrics", "--conf", "spark.a=1 --conf spark.b=2", "--job-bookmark-option=off"]
    found = arguments.parse([*noise, *words, "--enable-job-insights"])
    assert found == arguments.JobArguments(**GIVEN)
    assert found.manifest_uri == "s3://processed/runs/orders/20240501T100000-00000001/manifest.json"
    assert found.staged_uri == "s3://processed/runs/orders/20240501T100000-00000001/staged/"
    assert found.loaded_uri.endswith("/raw_to_processed.json")
    assert found.curated_uri.endswith("/processed_to_curated.json")


def test_all_missing_arguments_are_named_at_once() -> None:
    with pytest.raises(PermanentError, match=r"missing: --run_id, --processed_bucket, --curated_bucket; given:"):
        arguments.parse(["--dataset=orders", "--environment", "dev", "--run_id", "--verbose"])


@pytest.mark.usefixtures("_bucket")
def test_a_document_is_read_back_as_written() -> None:
    uri = "s3://processed/runs/orders/r/manifest.json"
    storage.write_json(uri, {"name": "São Tomé", "files": [1]})
    assert storage.read_json(uri) == {"name": "São Tomé", "files": [1]}
