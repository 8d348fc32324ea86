"""The job forecast on DuckDB: wiring only."""

from __future__ import annotations

from datetime import UTC, datetime

from contracts import model
from duckdb_jobs.engine import engine
from duckdb_jobs.forecasting import DuckDbForecasting
from pipeline.job_arguments import CuratingArguments
from pipeline.run_documents import ForecastServed
from rows import forecast_run, table_definitions


def run(given: CuratingArguments) -> ForecastServed:
    """Make and publish the forecasts that the contract asks for; what was made.

    Raises NeedsSpark when the engine cannot read the tables; nothing is published then.
    """
    contract = model.load(given.dataset)
    wanted = contract.forecast_models
    with engine(contract) as opened:
        tables = forecast_run.run(
            forecast_run.ForecastRun(
                contract=contract,
                run_id=given.run_id,
                today=datetime.now(UTC).date(),
                processed=table_definitions.processed(
                    contract, given.environment, given.processed_bucket
                ),
                curated={
                    found.name: table_definitions.curated(
                        found, given.environment, given.curated_bucket
                    )
                    for found in wanted
                },
                forecasts={
                    found.name: table_definitions.forecast(
                        found, given.environment, given.curated_bucket
                    )
                    for found in wanted
                },
                tables=opened.tables,
                engine=DuckDbForecasting(opened.database),
            )
        )
    return ForecastServed(served="forecast", tables=tables)
