"""Columns that files lack: the table does not depend on order, grouping, repetition or retraction of deliveries."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.model import Column
from tests.keeping import CONTRACT, Deliveries, deliveries, expected
from tests.spark.duckdb_lake import DuckDbLake
from tests.spark.orders import column

CASES = Path(__file__).parents[2] / "cases" / "63_fewer_columns"
KEYED_BY_ID: dict[str, Any] = {"key": ("id",), "partition_column": "time"}

SEEDS = range(8)  # each of five faults tried in the engine was found by the sixth
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


def test_a_status_update_with_fewer_columns_empties_none_of_them(table: Deliveries) -> None:
    """Earthquakes as a public feed publishes them, then a file about 30 of them with 8 of the 22 columns."""
    lake = table.lake
    quakes, update = (
        (CASES / f"quakes_{name}.csv").read_bytes() for name in ("1", "status_update")
    )
    names = quakes.decode().splitlines()[0].split(",")
    lake.contract = replace(CONTRACT, columns=tuple(map(quake_column, names)), **KEYED_BY_ID)
    columns = [one.name for one in lake.contract.columns if one.name != "status"]
    lake.run(lake.put(quakes, "quakes_1.csv", 1), run_id="20240501T100000-00000001")
    before = lake.rows(lake.processed, *columns)
    result = lake.run(lake.put(update, "update.csv", 2), run_id="20240501T100000-00000002")
    assert len(before) == 120
    assert lake.rows(lake.processed, *columns) == before
    [file] = result["files"]
    assert (file["rows_loaded"], file["rows_keeping"]) == (30, 30)
    assert len(file["keeping_columns"]) == 22 - 8


def quake_column(name: str) -> Column:
    known: dict[str, dict[str, str]] = {
        "id": {},
        "time": {"kind": "timestamp", "format": "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"},
    }
    if name in known:
        return column(name, required=True, **known[name])
    return column(name.lower(), source_name=name, absent="keep")
