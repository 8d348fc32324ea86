"""A run of a mart on DuckDB: wiring only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from contracts import model
from contracts.errors import NeedsSpark, PermanentError
from contracts.marts import Mart
from duckdb_jobs.engine import engine
from duckdb_jobs.marts import DuckDbMarts
from duckdb_jobs.workspace import workspace
from rows import marts, table_definitions
from rows.marts import MartResult, MartRun, RolledBack

KEPT = timedelta(days=7)  # as long as a contract's snapshotDays as it ships
LEAST_VERSIONS = 5  # to roll back to, however old they are


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where tables are."""

    environment: str
    processed_bucket: str
    curated_bucket: str


def run(mart: Mart, run_id: str, place: Place) -> MartResult:
    """Compute the mart and publish it, as rows.marts.run does, with the same errors.

    Raises PermanentError when the inputs are more than this engine can hold: no other computes a mart.
    """
    with _opened(mart, run_id, place) as work:
        # First, so that what fails here has published nothing.
        work.tables.expire(work.table, datetime.now(UTC) - KEPT, LEAST_VERSIONS)
        return marts.run(work)


def roll_back(mart: Mart, run_id: str, place: Place, *, undone: int) -> RolledBack:
    """Publish the version before `undone` again, as rows.marts.roll_back does, with the same errors."""
    with _opened(mart, run_id, place) as work:
        return marts.roll_back(work, undone=undone)


@contextmanager
def _opened(mart: Mart, run_id: str, place: Place) -> Iterator[MartRun[str]]:
    contracts = [model.load(dataset) for dataset in mart.datasets]
    try:
        with workspace(), engine(*contracts) as opened:
            yield MartRun(
                mart=mart,
                run_id=run_id,
                table=table_definitions.mart(mart, place.environment, place.curated_bucket),
                inputs={
                    each.dataset: table_definitions.processed(
                        each, place.environment, place.processed_bucket
                    )
                    for each in contracts
                },
                tables=opened.tables,
                engine=DuckDbMarts(opened.database),
            )
    except NeedsSpark as error:
        raise PermanentError(
            f"{error}; marts are computed on DuckDB only: if it is for memory or size, raise"
            f" `duckdb.memory_megabytes` in config/{place.environment}.yaml; else change the SQL of the mart"
        ) from error
