"""A run of a mart on DuckDB: wiring only."""

from __future__ import annotations

from contracts import model
from contracts.errors import NeedsSpark, PermanentError
from contracts.marts import Mart
from duckdb_jobs.engine import engine
from duckdb_jobs.marts import DuckDbMarts
from rows import marts, table_definitions
from rows.marts import MartResult


def run(
    mart: Mart, *, run_id: str, environment: str, processed_bucket: str, curated_bucket: str
) -> MartResult:
    """Compute the mart and publish it, as rows.marts.run does, with the same errors.

    Raises PermanentError when the inputs are more than this engine can hold: no other computes a mart.
    """
    contracts = [model.load(dataset) for dataset in mart.datasets]
    try:
        with engine(*contracts) as opened:
            return marts.run(
                marts.MartRun(
                    mart=mart,
                    run_id=run_id,
                    table=table_definitions.mart(mart, environment, curated_bucket),
                    inputs={
                        each.dataset: table_definitions.processed(
                            each, environment, processed_bucket
                        )
                        for each in contracts
                    },
                    tables=opened.tables,
                    engine=DuckDbMarts(opened.database),
                )
            )
    except NeedsSpark as error:
        raise PermanentError(
            f"{error}; marts are computed on DuckDB only: raise `duckdb.memory_megabytes` in config/{environment}.yaml"
        ) from error
