"""Entry script of the job care: wiring only."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from pyspark.sql import SparkSession

from contracts import model, naming
from glue_jobs import arguments, maintenance, session, storage
from glue_jobs.maintenance.work import MaintenanceRun
from glue_jobs.tables.formats import open_format
from pipeline.run_documents import MaintenanceRequest, MaintenanceResult
from rows import table_definitions


def main(argv: Sequence[str]) -> None:
    """Carry out the request of a care run and write what was done."""
    given = arguments.parse(argv)
    contract = model.load(given.dataset)
    request = storage.read(given.uri_of(MaintenanceRequest), MaintenanceRequest)
    spark = SparkSession.builder.appName(f"care {given.dataset} {given.run_id}").getOrCreate()
    session.prepare(spark, 0)
    opened = open_format(spark, contract)
    result = maintenance.run(
        MaintenanceRun(
            spark=spark,
            contract=contract,
            run_id=given.run_id,
            request=request,
            processed=table_definitions.processed(
                contract, given.environment, given.processed_bucket
            ),
            quarantine=table_definitions.quarantine(
                contract, given.environment, given.processed_bucket
            ),
            quality=table_definitions.quality(contract, given.environment, given.processed_bucket),
            history=table_definitions.history(contract, given.environment, given.processed_bucket),
            curated={
                curated_model.name: table_definitions.curated(
                    curated_model, given.environment, given.curated_bucket
                )
                for curated_model in contract.curated
            },
            forecasts=tuple(
                table_definitions.forecast(curated_model, given.environment, given.curated_bucket)
                for curated_model in contract.forecast_models
            ),
            tables=opened.tables,
            upkeep=opened.upkeep,
            runs_uri=f"s3://{given.processed_bucket}/{naming.RUNS_PREFIX}{given.dataset}/",
            now=datetime.now(UTC),
        )
    )
    storage.write_json(given.uri_of(MaintenanceResult), result.to_json())


if __name__ == "__main__":
    main(sys.argv[1:])
