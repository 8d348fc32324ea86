"""The job processed_to_curated on DuckDB: wiring only."""

from __future__ import annotations

import boto3

from contracts import model
from duckdb_jobs.curating import DuckDbCurating
from duckdb_jobs.engine import engine
from duckdb_jobs.proven_sql import require_proven
from pipeline.job_arguments import CuratingArguments
from pipeline.run_documents import CurateResult, LoadResult, store
from rows import curation, table_definitions


def run(given: CuratingArguments) -> CurateResult:
    """Recompute the curated tables of a run, publish all of its tables and write the result, which is returned.

    Raises NeedsSpark when the run is none for this engine; nothing is published then.
    """
    s3, contract, bucket = boto3.client("s3"), model.load(given.dataset), given.processed_bucket
    loaded = store.read(s3, LoadResult, bucket=bucket, dataset=given.dataset, run_id=given.run_id)
    with engine(contract) as opened:
        require_proven(opened.database, contract)
        result = curation.run(
            curation.CurationRun(
                contract=contract,
                run_id=given.run_id,
                processed=table_definitions.processed(contract, given.environment, bucket),
                quarantine=table_definitions.quarantine(contract, given.environment, bucket),
                history=table_definitions.history(contract, given.environment, bucket),
                curated={
                    found.name: table_definitions.curated(
                        found, given.environment, given.curated_bucket
                    )
                    for found in contract.curated
                },
                tables=opened.tables,
                engine=DuckDbCurating(opened.database),
                after=loaded.heads,
            )
        )
    store.write(s3, result, bucket=bucket)
    return result
