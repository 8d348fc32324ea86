"""What this engine cannot do for a mart is an error that says what to type, since no other engine computes marts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from contracts import marts
from contracts.errors import NeedsSpark, PermanentError
from contracts.model import Contract
from duckdb_jobs import mart_run
from duckdb_jobs.database import FOR_SPARK, open_database
from duckdb_jobs.mart_run import Place
from duckdb_jobs.workspace import workspace

MART = marts.load("superstore_cohorts")
PLACE = Place(environment="dev", processed_bucket="p", curated_bucket="c")


def too_much() -> None:
    raise NeedsSpark("superstore: 9 GB would be read, and 250 MB may be")


def out_of_memory() -> None:
    raise MemoryError("3 GiB are in use")


def otherwise() -> None:
    with workspace() as folder:
        open_database(folder, 2**27).execute(f"SELECT error('{FOR_SPARK}lower of a text')")


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (too_much, "9 GB would be read"),
        (out_of_memory, "3 GiB are in use"),
        (otherwise, "lower of a text"),
    ],
)
def test_what_would_need_spark_is_refused_for_good(
    monkeypatch: pytest.MonkeyPatch, cause: object, said: str
) -> None:
    @contextmanager
    def failing(*_: Contract) -> Iterator[None]:
        cause()  # type: ignore[operator]
        yield

    monkeypatch.setattr(mart_run, "engine", failing)
    message = f"{said}.*raise `duckdb.memory_megabytes` in config/dev.yaml; else change the SQL"
    with pytest.raises(PermanentError, match=message):
        mart_run.run(MART, "r", PLACE)
