"""Entry script of the job processed_to_curated: wiring only."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyspark.sql import SparkSession

from contracts import model
from glue_jobs import arguments, session, storage
from glue_jobs.curating import SparkCurating
from glue_jobs.tables.formats import open_format
from pipeline.run_documents import CurateResult, LoadResult, Manifest
from rows import curation, table_definitions


def main(argv: Sequence[str]) -> None:
    """Recompute the curated tables of a run, publish all of its tables and write the result."""
    given = arguments.parse_curating(argv)
    contract = model.load(given.dataset)
    manifest = storage.read(given.uri_of(Manifest), Manifest)
    loaded = storage.read(given.uri_of(LoadResult), LoadResult)
    spark = SparkSession.builder.appName(
        f"processed_to_curated {given.dataset} {given.run_id}"
    ).getOrCreate()
    session.require_version(spark, arguments.spark_version(argv))
    session.prepare(spark, manifest.size_bytes)
    result = curation.run(
        curation.CurationRun(
            engine=SparkCurating(),
            contract=contract,
            run_id=given.run_id,
            processed=table_definitions.processed(
                contract, given.environment, given.processed_bucket
            ),
            quarantine=table_definitions.quarantine(
                contract, given.environment, given.processed_bucket
            ),
            history=table_definitions.history(contract, given.environment, given.processed_bucket),
            curated={
                curated_model.name: table_definitions.curated(
                    curated_model, given.environment, given.curated_bucket
                )
                for curated_model in contract.curated
            },
            tables=open_format(spark, contract).tables,
            after=loaded.heads,
        )
    )
    storage.write_json(given.uri_of(CurateResult), result.to_json())


if __name__ == "__main__":
    main(sys.argv[1:])
