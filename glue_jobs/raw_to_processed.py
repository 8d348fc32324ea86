"""Entry script of the job raw_to_processed: wiring only."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyspark.sql import SparkSession

from contracts import model
from glue_jobs import arguments, loading, pii_key, session, storage
from glue_jobs.tables.iceberg.tables import IcebergTables
from rows import batch, table_definitions


def main(argv: Sequence[str]) -> None:
    """Load the files of a run on its branches and write the result for the gate."""
    given = arguments.parse_loading(argv)
    contract = model.load(given.dataset)
    files = batch.from_manifest(storage.read_json(given.manifest_uri))
    spark = SparkSession.builder.appName(f"raw_to_processed {given.dataset} {given.run_id}").getOrCreate()
    session.prepare(spark, files.size_bytes)
    result = loading.run(
        loading.Loading(
            spark=spark,
            contract=contract,
            batch=files,
            processed=table_definitions.processed(contract, given.environment, given.processed_bucket),
            quarantine=table_definitions.quarantine(contract, given.environment, given.processed_bucket),
            quality=table_definitions.quality(contract, given.environment, given.processed_bucket),
            tables=IcebergTables(spark),
            staged_uri=given.staged_uri,
            schema_change=given.schema_change,
            pii_key=pii_key.key_of(contract, given.pii_secret_arn),
        )
    )
    storage.write_json(given.loaded_uri, result)


if __name__ == "__main__":
    main(sys.argv[1:])
