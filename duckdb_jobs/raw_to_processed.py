"""The job raw_to_processed on DuckDB: wiring only."""

from __future__ import annotations

from functools import partial

import boto3

from contracts import model
from duckdb_jobs import loading, sources
from duckdb_jobs.engine import engine
from pipeline.job_arguments import LoadingArguments
from pipeline.run_documents import LoadResult, Manifest, store
from rows import pii_key, table_definitions


def run(given: LoadingArguments) -> LoadResult:
    """Load the files of a run on its branches and write the result for the gate, which is returned.

    Raises NeedsSpark when the run is none for this engine; nothing is published then.
    """
    s3, bucket = boto3.client("s3"), given.processed_bucket
    contract = model.load(given.dataset)
    manifest = store.read(s3, Manifest, bucket=bucket, dataset=given.dataset, run_id=given.run_id)
    tables = (
        define(contract, given.environment, bucket)
        for define in (
            table_definitions.processed,
            table_definitions.quarantine,
            table_definitions.quality,
            table_definitions.history,
        )
    )
    processed, quarantine, quality, history = tables
    with engine(contract) as opened:
        result = loading.run(
            loading.LoadRun(
                database=opened.database,
                contract=contract,
                manifest=manifest,
                processed=processed,
                quarantine=quarantine,
                quality=quality,
                history=history,
                tables=opened.tables,
                content=partial(sources.content, s3),
                folder=opened.folder,
                schema_change=given.schema_change,
                pii_key=pii_key.key_of(
                    contract, given.pii_secret_arn, partial(boto3.client, "secretsmanager")
                ),
            )
        )
    store.write(s3, result, bucket=bucket)
    return result
