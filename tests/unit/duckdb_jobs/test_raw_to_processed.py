"""The job as the function calls it: manifest, contract and files from S3, the result where the gate looks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contracts import model
from contracts.errors import NeedsSpark, PermanentError
from duckdb_jobs import raw_to_processed
from duckdb_jobs.database import open_database
from duckdb_jobs.engine import Engine, engine
from duckdb_jobs.tables.iceberg_tables import DuckDbTables
from duckdb_jobs.tables.local_files import LocalFiles
from pipeline.job_arguments import LoadingArguments
from pipeline.run_documents import LoadResult, Manifest, store
from sample_data.sales_rows import COLUMNS
from tests import run_samples
from tests.hadoop_catalog import HadoopCatalog

DATASET, RUN = "sales_records", "20240501T100000-00000001"
RAW, PROCESSED = "raw", "processed"
ROW = (
    "Asia,India,Baby Food,Online,H,1/2/2024,300000001,1/9/2024,2,255.28,159.42,510.56,318.84,191.72"
)
MEMORY_BYTES, LIMIT_BYTES = 512 * 1024 * 1024, 64 * 1024 * 1024


class LocalCatalog(HadoopCatalog):
    """Tables lie where this catalog keeps them, whatever location they should have."""

    def create_table(self, *given: Any, **options: Any) -> Any:
        return super().create_table(*given, **options | {"location": None})


def given(**changes: str) -> LoadingArguments:
    """What the function gives the job."""
    arguments: dict[str, Any] = {
        "dataset": DATASET, "run_id": RUN, "environment": "test", "processed_bucket": PROCESSED,
        "curated_bucket": "curated", "schema_change": "evolve", "pii_secret_arn": "",
    }  # fmt: skip
    return LoadingArguments(**arguments | changes)


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 with the buckets of the job, which keeps its tables in a directory."""

    @contextmanager
    def local_engine(contract: model.Contract) -> Iterator[Engine]:
        assert contract.table_format == "iceberg"
        with open_database(tmp_path, MEMORY_BYTES) as database:
            files = LocalFiles(tmp_path, LIMIT_BYTES)
            tables = DuckDbTables(database, LocalCatalog(tmp_path / "tables"), files)
            yield Engine(database=database, tables=tables, folder=tmp_path, read_bytes=LIMIT_BYTES)

    monkeypatch.setattr(raw_to_processed, "engine", local_engine)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("s3")
        for bucket in (RAW, PROCESSED):
            client.create_bucket(Bucket=bucket)
        yield client


def test_the_job_reads_its_manifest_and_files_and_writes_the_result_for_the_gate(s3: Any) -> None:
    content = f"{','.join(COLUMNS)}\n{ROW}\n{ROW.replace('300000001', 'x')}\n".encode()
    s3.put_object(Bucket=RAW, Key="a/b.csv", Body=content)
    file = run_samples.manifest_file("a" * 64, raw_uri=f"s3://{RAW}/a/b.csv", header=list(COLUMNS))
    manifest = run_samples.manifest(file, dataset=DATASET, run_id=RUN)
    store.write(s3, Manifest.from_json(manifest), bucket=PROCESSED)
    result = raw_to_processed.run(given())
    kept = store.read(s3, LoadResult, bucket=PROCESSED, dataset=DATASET, run_id=RUN)
    assert kept == result
    assert result.engine == "duckdb"
    (loaded,) = result.files
    assert (loaded.rows_read, loaded.rows_loaded, loaded.rows_quarantined) == (2, 1, 1)


def test_the_engine_opens_no_tables_of_a_format_that_it_does_not_write() -> None:
    with (
        pytest.raises(NeedsSpark, match="tables of format delta"),
        engine(replace(model.load(DATASET), table_format="delta")),
    ):
        raise RuntimeError("opened")


def test_a_contract_with_tokens_needs_a_secret(s3: Any) -> None:
    contract = model.load("superstore")
    file = run_samples.manifest_file("a" * 64)
    manifest = run_samples.manifest(file, dataset=contract.dataset, run_id=RUN)
    store.write(s3, Manifest.from_json(manifest), bucket=PROCESSED)
    with pytest.raises(PermanentError, match="--pii_secret_arn is empty"):
        raw_to_processed.run(given(dataset=contract.dataset))
