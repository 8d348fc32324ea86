"""Which engine does the jobs of a run, and why: chosen once, when the run's manifest is written.

Small batches go to DuckDB in a function, where they take seconds; the limits are the environment's, and an operator may
name either engine. If DuckDB then cannot do a job, the job goes on with Spark (state_machines/job_run.asl.json).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.model import Contract, TableFormat
from pipeline.engines import Engine
from pipeline.ledger import Item

MEGABYTE = 1_000_000
WRITTEN_BY_DUCKDB: tuple[TableFormat, ...] = ("iceberg",)  # duckdb_jobs/engine.py


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An engine, and one sentence why."""

    engine: Engine
    reason: str


@dataclass(frozen=True, kw_only=True)
class SmallBatch:
    """Up to which size DuckDB does the jobs of a run; 0 of either: never, unless it is asked for."""

    max_rows: int
    max_megabytes: int

    def choose(self, contract: Contract, files: Sequence[Item], asked: Engine | None) -> Choice:
        """The engine for the claimed entries of the file ledger: Spark, whoever asks, where only Spark can."""
        if contract.table_format not in WRITTEN_BY_DUCKDB:
            reason = f"only Spark writes tables of format {contract.table_format}"
            return Choice(engine="spark", reason=reason)
        if asked is not None:
            return Choice(engine=asked, reason="the request named it")
        if not self.max_rows or not self.max_megabytes:
            return Choice(engine="spark", reason="DuckDB is switched off for this environment")
        rows = sum(int(file["row_count"]) for file in files)
        size = sum(int(file["size_bytes"]) for file in files)
        batch = f"{rows:,} rows in {size / MEGABYTE:,.1f} MB"
        limits = f"{self.max_rows:,} rows and {self.max_megabytes:,} MB"
        if rows > self.max_rows or size > self.max_megabytes * MEGABYTE:
            return Choice(engine="spark", reason=f"{batch} are more than DuckDB's {limits}")
        return Choice(engine="duckdb", reason=f"{batch} are within DuckDB's {limits}")
