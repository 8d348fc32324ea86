"""The claims of tests/spark about loads in every mode, put to the DuckDB engine; no Spark is started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.spark import test_history, test_loading, test_modes
from tests.spark.duckdb_lake import DuckDbLake

OF_SPARK = {  # they look at tables through Spark; tests/unit/duckdb_jobs/test_iceberg_tables.py has their like
    "test_rows_and_money_of_each_file_are_accounted_for",
    "test_a_run_killed_half_way_disturbs_neither_the_tables_nor_the_next_run",
    "test_a_backfill_gives_the_tables_that_the_contract_would_have_given_from_the_start",
}
CLAIMS: dict[str, Callable[..., None]] = {
    name: claim
    for module in (test_loading, test_modes, test_history)
    for name, claim in vars(module).items()
    if name.startswith("test_") and name not in OF_SPARK
}


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DuckDbLake:
    """Empty raw zone, processed and curated databases."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # a client is made, and never used
    return DuckDbLake(spark=None, folder=tmp_path, environment="test")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CLAIMS)
def test_duckdb_does_what_is_claimed_of_spark(lake: DuckDbLake, name: str) -> None:
    CLAIMS[name](lake)
