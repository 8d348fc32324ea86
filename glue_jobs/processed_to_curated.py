"""Entry script of the job processed_to_curated: wiring only."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyspark.sql import SparkSession

from contracts import model
from glue_jobs import arguments, curating, session, storage
from glue_jobs.tables.iceberg.tables import IcebergTables
from rows import batch, table_definitions


def main(argv: Sequence[str]) -> None:
    """Recompute the curated tables of a run, publish all of its tables and write the result."""
    given = arguments.parse(argv)
    contract = model.load(given.dataset)
    files = batch.from_manifest(storage.read_json(given.manifest_uri))
    loaded = storage.read_json(given.loaded_uri)
    spark = SparkSession.builder.appName(f"processed_to_curated {given.dataset} {given.run_id}").getOrCreate()
    session.prepare(spark, files.size_bytes)
    result = curating.run(
        curating.Curating(
            spark=spark,
            contract=contract,
            run_id=given.run_id,
            processed=table_definitions.processed(contract, given.environment, given.processed_bucket),
            quarantine=table_definitions.quarantine(contract, given.environment, given.processed_bucket),
            curated={
                curated_model.name: table_definitions.curated(curated_model, given.environment, given.curated_bucket)
                for curated_model in contract.curated
            },
            tables=IcebergTables(spark),
            after={name: snapshots["after"] for name, snapshots in loaded["snapshots"].items()},
        )
    )
    storage.write_json(given.curated_uri, result)


if __name__ == "__main__":
    main(sys.argv[1:])
