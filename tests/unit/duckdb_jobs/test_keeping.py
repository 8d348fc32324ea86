"""Columns that files lack: the table does not depend on order, grouping, repetition or retraction of deliveries."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.keeping import CONTRACT, Deliveries, deliveries, expected
from tests.spark.duckdb_lake import DuckDbLake

SEEDS = range(12)  # each of five faults tried in the engine was found by the sixth
MORE = range(len(SEEDS), 100)


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deliveries:
    """An empty table."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # a client is made, and never used
    lake = DuckDbLake(spark=None, folder=tmp_path, environment="test", contract=CONTRACT)  # type: ignore[arg-type]
    return Deliveries(lake)


@pytest.mark.parametrize(
    "seed", [*SEEDS, *(pytest.param(seed, marks=pytest.mark.deep) for seed in MORE)]
)
def test_the_table_does_not_depend_on_how_deliveries_came(table: Deliveries, seed: int) -> None:
    chance = random.Random(seed)
    left = deliveries(chance, 5)
    chance.shuffle(left)
    loaded = []
    while left:
        size = chance.randint(1, len(left))
        batch, left = left[:size], left[size:]
        table.run(*batch)
        loaded += batch
        assert table.rows == expected(loaded)
        if chance.random() < 0.4:  # an attempt that is made again, or a backfill
            table.run(chance.choice(loaded), mode=chance.choice(("load", "backfill")))
            assert table.rows == expected(loaded)
    gone = chance.choice(loaded)
    stay = [one for one in loaded if one is not gone]
    table.retract(gone, *(one for one in stay if one.minute < gone.minute))
    assert table.rows == expected(stay)
