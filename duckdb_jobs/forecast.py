"""The job forecast on DuckDB: wiring only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from contracts import model
from duckdb_jobs.engine import engine
from duckdb_jobs.forecasting import DuckDbForecasting
from pipeline.job_arguments import CuratingArguments
from pipeline.run_documents import ForecastRollback, ForecastRolledBack, ForecastServed
from rows import forecast_rollback, forecast_run, table_definitions
from rows.forecast_run import ForecastRun


def run(given: CuratingArguments) -> ForecastServed:
    """Make and publish the forecasts that the contract asks for; what was made.

    Raises NeedsSpark when the engine cannot read the tables; nothing is published then.
    """
    with opened(given) as work:
        tables = forecast_run.run(work)
    return ForecastServed(served="forecast", tables=tables)


def roll_back(given: CuratingArguments, wanted: ForecastRollback) -> ForecastRolledBack:
    """Publish a forecast from before again; what was done. Raises PermanentError as rows.forecast_rollback does."""
    contract = model.load(given.dataset)
    marked = {each.name: each for each in contract.forecast_models}
    table = table_definitions.forecast(
        marked[wanted.table], given.environment, given.curated_bucket
    )
    with engine(contract) as started:
        return forecast_rollback.roll_back(started.tables, table, wanted)


@contextmanager
def opened(given: CuratingArguments) -> Iterator[ForecastRun[str]]:
    """What forecasts of the dataset are made with, on the Glue Data Catalog. Raises NeedsSpark as `run` does."""
    contract = model.load(given.dataset)
    with engine(contract) as started:
        yield ForecastRun.opened(
            contract,
            given,
            datetime.now(UTC).date(),
            started.tables,
            DuckDbForecasting(started.database),
        )
