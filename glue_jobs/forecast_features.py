"""Entry script of the job forecast_features, of a training whose tables are too large for the function: wiring only."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from pyspark.sql import SparkSession

from contracts import model, naming
from glue_jobs import arguments, features, session, storage
from glue_jobs.histories import SparkHistories
from glue_jobs.tables.formats import open_format
from pipeline.run_documents import TrainingPlan
from rows import forecast_training
from rows.forecast_run import HistoryRun


def main(argv: Sequence[str]) -> None:
    """Lay out a training: `run_id` is its name. The plan comes last, so that without it nothing counts."""
    given = arguments.parse_curating(argv)
    contract = model.load(given.dataset)
    spark = SparkSession.builder.appName(
        f"forecast_features {given.dataset} {given.run_id}"
    ).getOrCreate()
    session.require_version(spark, arguments.spark_version(argv))
    session.prepare(spark, 0)
    tables, today = open_format(spark, contract).tables, datetime.now(UTC).date()
    laid_out = forecast_training.lay_out(
        HistoryRun.opened(contract, given, today, tables, SparkHistories())
    )
    if laid_out.plan.tables:
        place = naming.run_prefix(given.dataset, given.run_id)
        features.write(spark, laid_out, f"s3://{given.processed_bucket}/{place}")
    storage.write_json(given.uri_of(TrainingPlan), laid_out.plan.to_json())


if __name__ == "__main__":
    main(sys.argv[1:])
