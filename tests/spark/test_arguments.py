"""Arguments as Glue passes them, and small documents in S3. No Spark here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contracts import model
from contracts.errors import PermanentError
from contracts.personal_data import PiiTreatment
from glue_jobs import arguments, session, storage
from pipeline.job_arguments import CuratingArguments, JobArguments
from pipeline.run_documents import CurateResult, LoadResult, Manifest
from rows import pii_key
from tests import run_samples
from tests.spark.orders import ORDERS, column

GIVEN = {
    "dataset": "orders",
    "run_id": "20240501T100000-00000001",
    "environment": "dev",
    "processed_bucket": "processed",
    "curated_bucket": "curated",
}


def test_a_job_stops_under_another_spark_than_the_one_that_it_is_for() -> None:
    """AWS's builds add to the number; a job that is told none takes what there is."""
    for found, wanted in (("4.0.2-amzn-0", "4.0.2"), ("4.1.1", "4.1.1"), ("4.1.1", "")):
        session.require_version(SimpleNamespace(version=found), wanted)  # type: ignore[arg-type]
    other = SimpleNamespace(version="4.0.3-amzn-1")
    with pytest.raises(PermanentError, match=r"this is Spark 4\.0\.3-amzn-1, and .* for 4\.0\.2"):
        session.require_version(other, "4.0.2")  # type: ignore[arg-type]
    assert arguments.spark_version(["--dataset", "d", "--spark_version", "4.0.2"]) == "4.0.2"
    assert arguments.spark_version(["--dataset", "d"]) == ""


def not_asked() -> Any:
    pytest.fail("nothing needs a secret here")


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
    noise = [
        "--JOB_NAME",
        "x",
        "--enable-metrics",
        "--conf",
        "spark.a=1 --conf spark.b=2",
        "--job-bookmark-option=off",
    ]
    found = arguments.parse([*noise, *words, "--enable-job-insights"])
    assert found == JobArguments(**GIVEN)
    assert (
        found.uri_of(Manifest)
        == "s3://processed/runs/orders/20240501T100000-00000001/manifest.json"
    )
    assert found.staged_uri == "s3://processed/runs/orders/20240501T100000-00000001/staged/"
    assert found.uri_of(LoadResult).endswith("/raw_to_processed.json")
    assert found.uri_of(CurateResult).endswith("/processed_to_curated.json")


def test_each_job_gets_arguments_of_its_own_type() -> None:
    words = [f"--{name}={value}" for name, value in GIVEN.items()]
    assert arguments.parse_curating(words) == CuratingArguments(**GIVEN)


def test_all_missing_arguments_are_named_at_once() -> None:
    with pytest.raises(
        PermanentError, match=r"missing: --run_id, --processed_bucket, --curated_bucket; given:"
    ):
        arguments.parse(["--dataset=orders", "--environment", "dev", "--run_id", "--verbose"])


def test_what_only_loading_needs_is_read_with_it() -> None:
    words = [f"--{name}={value}" for name, value in {**GIVEN, "schema_change": "strict"}.items()]
    found = arguments.parse_loading([*words, "--pii_secret_arn", "arn:aws:secret"])
    assert (found.schema_change, found.pii_secret_arn) == ("strict", "arn:aws:secret")
    assert arguments.parse_loading([*words, "--pii_secret_arn", ""]).pii_secret_arn == ""
    assert arguments.parse_loading(words).pii_secret_arn == ""


def test_an_environment_that_allows_something_unknown_is_refused() -> None:
    words = [f"--{name}={value}" for name, value in GIVEN.items()]
    with pytest.raises(
        PermanentError, match="--schema_change is 'lax', none of reject, strict, evolve"
    ):
        arguments.parse_loading([*words, "--schema_change=lax"])
    with pytest.raises(PermanentError, match="missing: --schema_change"):
        arguments.parse_loading(words)


def contract_of(treatment: PiiTreatment) -> model.Contract:
    """A contract with one column of personal data."""
    return replace(ORDERS, columns=(column("email", pii=treatment),))


@pytest.mark.usefixtures("_bucket")
def test_the_key_is_read_only_for_a_contract_that_makes_tokens() -> None:
    secrets = boto3.client("secretsmanager")
    arn = secrets.create_secret(Name="key", SecretString="kéy")["ARN"]
    assert pii_key.key_of(contract_of("hash"), arn, lambda: secrets) == "kéy".encode()
    binary = secrets.create_secret(Name="binary", SecretBinary=b"\x00\xff")["ARN"]
    assert pii_key.key_of(contract_of("hash"), binary, lambda: secrets) == b"\x00\xff"
    for treatment in ("mask", "drop"):
        assert pii_key.key_of(contract_of(treatment), "no such secret", not_asked) is None


def test_tokens_without_a_named_secret_are_an_error_that_says_what_to_do() -> None:
    with pytest.raises(
        PermanentError,
        match=r"orders keeps email as tokens, but .* --pii_secret_arn is empty; deploy",
    ):
        pii_key.key_of(contract_of("hash"), "", not_asked)


@pytest.mark.usefixtures("_bucket")
def test_a_document_is_read_back_as_written() -> None:
    uri = "s3://processed/runs/orders/r/manifest.json"
    storage.write_json(uri, {"name": "São Tomé", "files": [1]})
    assert storage.read_json(uri) == {"name": "São Tomé", "files": [1]}


@pytest.mark.usefixtures("_bucket")
def test_a_document_is_read_as_its_kind_or_refused_with_its_place() -> None:
    uri, manifest = "s3://processed/runs/orders/r/manifest.json", run_samples.manifest()
    storage.write_json(uri, manifest)
    assert storage.read(uri, Manifest).to_json() == manifest
    storage.write_json(uri, {**manifest, "mode": "reload"})
    with pytest.raises(
        PermanentError,
        match=f"^{uri}, written by claim_batch: mode is 'reload', expected one of load",
    ):
        storage.read(uri, Manifest)
