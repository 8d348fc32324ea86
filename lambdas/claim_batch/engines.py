"""Which engine does the jobs of a run, and why: chosen once, when the run's manifest is written.

Small batches go to DuckDB in a function, where they take seconds; very large ones to EMR Serverless, where it is
deployed, since it has more workers; what is between to Spark on Glue. The limits are the environment's, and an operator
may name an engine. If DuckDB cannot do a job, or EMR Serverless does not begin one, it goes on with Spark on Glue
(state_machines/job_run.asl.json).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.errors import PermanentError
from contracts.model import Contract, TableFormat
from pipeline.engines import Engine
from pipeline.ledger import Item

MEGABYTE = 1_000_000
# Any other is Glue's alone: DuckDB does not write it, and no library for it is shipped to EMR Serverless.
WRITTEN_BY_ALL: tuple[TableFormat, ...] = ("iceberg",)
ASKED_FOR = "the request named it"
OFF = "EMR Serverless is not deployed in this environment"


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

    @property
    def is_off(self) -> bool:
        """Whether no run is small enough."""
        return not self.max_rows or not self.max_megabytes


@dataclass(frozen=True, kw_only=True)
class LargeBatch:
    """Above which size EMR Serverless does the jobs of a run: more rows than this, or more megabytes."""

    above_rows: int
    above_megabytes: int


@dataclass(frozen=True, kw_only=True)
class EngineLimits:
    """The sizes at which one engine ends and the next begins; without `large` there is no EMR Serverless."""

    small: SmallBatch
    large: LargeBatch | None = None

    def require_deployed(self, asked: Engine | None) -> None:
        """Raises PermanentError when a request names an engine that is not there."""
        if asked == "emr" and self.large is None:
            raise PermanentError(
                f"engine 'emr': {OFF}; set emr.enabled to true in its file of config/ and deploy,"
                " or leave the engine out"
            )

    def choose(self, contract: Contract, files: Sequence[Item], asked: Engine | None) -> Choice:
        """The engine for the claimed entries of the file ledger: Spark on Glue, whoever asks, where only it can.

        Raises PermanentError when the engine that is asked for is not deployed.
        """
        self.require_deployed(asked)
        if contract.table_format not in WRITTEN_BY_ALL:
            reason = f"only Spark on Glue writes tables of format {contract.table_format}"
            return Choice(engine="spark", reason=reason)
        if asked is not None:
            return Choice(engine=asked, reason=ASKED_FOR)
        return self._by_size(
            sum(int(file["row_count"]) for file in files),
            sum(int(file["size_bytes"]) for file in files),
        )

    def _by_size(self, rows: int, size: int) -> Choice:
        batch, small, large = f"{rows:,} rows in {size / MEGABYTE:,.1f} MB", self.small, self.large
        if large and (rows > large.above_rows or size > large.above_megabytes * MEGABYTE):
            limits = f"{large.above_rows:,} rows and {large.above_megabytes:,} MB"
            reason = f"{batch} are more than {limits}, above which EMR Serverless is used"
            return Choice(engine="emr", reason=reason)
        if small.is_off:
            return Choice(engine="spark", reason="DuckDB is switched off for this environment")
        limits = f"{small.max_rows:,} rows and {small.max_megabytes:,} MB"
        if rows > small.max_rows or size > small.max_megabytes * MEGABYTE:
            return Choice(engine="spark", reason=f"{batch} are more than DuckDB's {limits}")
        return Choice(engine="duckdb", reason=f"{batch} are within DuckDB's {limits}")

    def to_go_on(self, chosen: Engine | None, asked: Engine | None) -> Engine:
        """The engine with which a run is resumed at a later step: the one it had, unless a request names another, or
        it is not there any more.
        """
        self.require_deployed(asked)
        if asked is None and chosen == "emr" and self.large is None:
            return "spark"
        return asked or chosen or "spark"
