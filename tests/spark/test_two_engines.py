"""Whole runs on both engines, each with tables of its own: every row and every document is the same."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rows.expressions.protection import needs_key
from rows.tables import Table
from tests.spark import hostile_files
from tests.spark.duckdb_lake import DuckDbLake
from tests.spark.hostile_files import EXAMPLES, Example
from tests.spark.lake import Lake

KEY = b"a key that nobody may ever see, at least 32 bytes"
OWN = {"engine", "duration_seconds", "snapshots"}  # what is another engine's, or another table's
OWN_CURATED = {"snapshot", "before"}
SEEDS = int(
    os.environ.get("SLIPWAY_SEEDS", "0")
)  # of each example, 9 runs each; 0: one of the first
WHOLE_RUNS = [(example, seed) for seed in range(1, SEEDS + 1) for example in EXAMPLES]


@pytest.fixture
def both(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Both:
    """Two empty lakes; the contract is still to be chosen."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # a client is made, and never used
    return Both(lake, tmp_path / "second")


class Both:
    """The same runs in a lake of each engine."""

    def __init__(self, lake: Lake, folder: Path) -> None:
        self.lake, self.folder = lake, folder
        folder.mkdir()
        self.runs = 0

    def choose(self, example: Example) -> None:
        """Take the contract of an example."""
        contract = example.contract
        self.lake.contract, self.lake.pii_key = contract, KEY if needs_key(contract) else None
        self.second = DuckDbLake(
            spark=self.lake.spark,
            folder=self.folder,
            environment=self.lake.environment,
            contract=contract,
            pii_key=self.lake.pii_key,
        )

    def run(self, mode: str, *files: dict[str, Any]) -> None:
        """One run of both jobs in each lake; what they left must be equal."""
        self.runs += 1
        run_id = f"20240501T10{self.runs:02d}00-0000000{self.runs}"
        first = self.lake.load(*files, run_id=run_id, mode=mode)
        second = self.second.load(*files, run_id=run_id, mode=mode)
        assert _without(second, OWN) == _without(first, OWN), f"run {self.runs}, {mode}"
        ours, theirs = self.lake.curate(run_id), self.second.curate(run_id)
        assert list(_models(theirs)) == list(_models(ours)), f"run {self.runs}, {mode}"
        for table in self.tables():
            names = [column.name for column in table.columns]
            held, wanted = self.second.rows(table, *names), self.spark_rows(table)
            assert _differences(held, wanted) == {}, f"run {self.runs}, {mode}, {table.name}"

    def tables(self) -> Iterator[Table]:
        """Every table of the contract."""
        yield from (self.lake.processed, self.lake.quarantine)
        if self.lake.contract.history:
            yield self.lake.history
        yield from (self.lake.curated(one.name) for one in self.lake.contract.curated)
        quality = self.lake.quality
        timeless = tuple(column for column in quality.columns if column.name != "checked_at")
        yield replace(quality, columns=timeless)

    def spark_rows(self, table: Table) -> list[tuple[Any, ...]]:
        """The published rows of a table."""
        names = (column.name for column in table.columns)
        return [tuple(row) for row in self.lake.tables.read(table).select(*names).collect()]

    def put(self, example: Example, seed: int, rows: int) -> list[dict[str, Any]]:
        """Five files, received one after the other."""
        made = hostile_files.files(example, seed, 5, rows, self.folder)
        return [
            self.lake.put(content, name, minute)
            for minute, (name, content) in enumerate(made, start=1)
        ]

    def put_corrections(self, example: Example, seed: int, of: dict[str, Any]) -> dict[str, Any]:
        """A file that corrects the first records of another that were refused."""
        refused = self.lake.rows(self.lake.quarantine, "_source_sha256", "_source_row")
        records = [row for sha256, row in refused if sha256 == of["sha256"]][:5]
        content = hostile_files.corrections(example, seed, records, self.folder)
        return self.lake.put(content, "corrections.csv", 10, replay_of=of["sha256"])


def _without(document: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


def _models(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for one in document["models"]:
        yield _without(one, OWN_CURATED) | {"is_published": one["snapshot"] is not None}


def _differences(held: list[tuple[Any, ...]], wanted: list[tuple[Any, ...]]) -> dict[str, int]:
    """Rows that only one side has, each with how many more of them it has."""
    ours, theirs = Counter(map(repr, wanted)), Counter(map(repr, held))
    return {**{f"only Spark: {row}": n for row, n in (ours - theirs).items()},
            **{f"only DuckDB: {row}": n for row, n in (theirs - ours).items()}}  # fmt: skip


def every_mode(both: Both, example: Example, seed: int, rows: int) -> None:
    """Load, overlap, the same again, two files, backfill, replay, corrections, and all of it once more."""
    both.choose(example)
    files = both.put(example, seed, rows)
    both.run("load", *files[:2])
    both.run("load", files[2])
    both.run("load", *files[:2])
    both.run("load", *files[3:])
    both.run("backfill", *files[1:3])
    both.run("replay", files[0])
    both.run("load", both.put_corrections(example, seed, files[0]))
    both.run("replay", *files[:2])
    both.run("backfill", files[0])


@pytest.mark.deep
@pytest.mark.parametrize(
    ("example", "seed"),
    WHOLE_RUNS or [(EXAMPLES[0], 1)],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_both_engines_leave_the_same_in_every_mode(both: Both, example: Example, seed: int) -> None:
    every_mode(both, example, seed=seed, rows=40)
