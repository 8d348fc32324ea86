"""Which engine makes the features of a training, and why: by the size of the tables that are forecast.

Small tables are read by DuckDB in a function; larger ones by Spark on Glue, very large ones on EMR Serverless, where it
is deployed. Each makes the same features by the same lines of Python (rows/forecasting/features.py). What the function
turns out not to be able to do goes on with Spark (state_machines/forecast_training.asl.json).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

from contracts.errors import NeedsSpark, PermanentError
from pipeline.engines import Engine

MEGABYTE = 1_000_000
ASKED_FOR = "the request named it"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An engine, one sentence why, and the size that it was chosen by: None where nobody could tell."""

    engine: Engine
    reason: str
    size_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class FeatureLimits:
    """Above how many megabytes of curated tables an engine begins; None: it is not there."""

    spark_above_megabytes: int
    emr_above_megabytes: int | None

    def choose(self, sizes: Callable[[], Mapping[str, int]], asked: str | None) -> Choice:
        """The engine for the tables of these sizes in bytes. Raises PermanentError for an engine that is not there."""
        try:
            by_table = sizes()
        except NeedsSpark as error:
            size, told = None, str(error)
        else:
            size, told = sum(by_table.values()), ""
        if asked is not None:
            return Choice(engine=self._deployed(asked), reason=ASKED_FOR, size_bytes=size)
        if size is None:
            return Choice(engine="spark", reason=told, size_bytes=None)
        return self._by_size(size)

    def _deployed(self, asked: str) -> Engine:
        there = [
            name
            for name in get_args(Engine)
            if name != "emr" or self.emr_above_megabytes is not None
        ]
        for name in there:
            if name == asked:
                return name  # type: ignore[no-any-return] # one of get_args(Engine)
        raise PermanentError(f"engine is {asked!r}; this environment has {', '.join(there)}")

    def _by_size(self, size: int) -> Choice:
        tables = f"the tables that are forecast have {size / MEGABYTE:,.1f} MB"
        above = self.emr_above_megabytes
        if above is not None and size > above * MEGABYTE:
            reason = f"{tables}, more than {above:,}, above which EMR Serverless is used"
            return Choice(engine="emr", reason=reason, size_bytes=size)
        limit = self.spark_above_megabytes
        if size > limit * MEGABYTE:
            reason = f"{tables}, more than the function's {limit:,}"
            return Choice(engine="spark", reason=reason, size_bytes=size)
        return Choice(
            engine="duckdb", reason=f"{tables}, within the function's {limit:,}", size_bytes=size
        )
