"""Entry script of the job raw_to_processed: wiring only."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

import boto3
from pyspark.sql import SparkSession

from contracts import model
from glue_jobs import arguments, loading, session, storage
from glue_jobs.tables.formats import open_format
from pipeline.run_documents import LoadResult, Manifest
from rows import pii_key, table_definitions


def main(argv: Sequence[str]) -> None:
    """Load the files of a run on its branches and write the result for the gate."""
    given = arguments.parse_loading(argv)
    contract = model.load(given.dataset)
    manifest = storage.read(given.uri_of(Manifest), Manifest)
    spark = SparkSession.builder.appName(
        f"raw_to_processed {given.dataset} {given.run_id}"
    ).getOrCreate()
    session.require_version(spark, arguments.spark_version(argv))
    session.prepare(spark, manifest.size_bytes)
    result = loading.run(
        loading.LoadRun(
            spark=spark,
            contract=contract,
            manifest=manifest,
            processed=table_definitions.processed(
                contract, given.environment, given.processed_bucket
            ),
            quarantine=table_definitions.quarantine(
                contract, given.environment, given.processed_bucket
            ),
            quality=table_definitions.quality(contract, given.environment, given.processed_bucket),
            history=table_definitions.history(contract, given.environment, given.processed_bucket),
            tables=open_format(spark, contract).tables,
            staged_uri=given.staged_uri,
            schema_change=given.schema_change,
            pii_key=pii_key.key_of(
                contract, given.pii_secret_arn, partial(boto3.client, "secretsmanager")
            ),
        )
    )
    storage.write_json(given.uri_of(LoadResult), result.to_json())


if __name__ == "__main__":
    main(sys.argv[1:])
