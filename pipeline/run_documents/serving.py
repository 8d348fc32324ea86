"""What the step Serve gave: one answer of each machine that served, in the state of the execution.

A new kind of consumer is one more class of the union, and then one more case wherever the union is matched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import ClassVar, Literal

from contracts.errors import PermanentError
from pipeline.run_documents.json_form import JsonDocument

LoadExtent = Literal["none", "periods", "everything"]
RefreshState = Literal["started", "joined", "not started"]


@dataclass(frozen=True, kw_only=True)
class ServedTotal(JsonDocument):
    """A money column on both sides; the load has compared them."""

    lake: Decimal
    """Sum over the table in the lake."""
    warehouse: Decimal
    """Sum over the table in the warehouse."""


@dataclass(frozen=True, kw_only=True)
class WarehouseTable(JsonDocument):
    """A curated table that the contract marks for the warehouse."""

    table: str
    """The table."""
    mode: LoadExtent
    """What this run loaded of it, whichever attempt did; none: the warehouse held it already."""
    loaded_rows: int
    """Rows that this run merged."""
    rows: int
    """Rows of the table in the warehouse."""
    totals: Mapping[str, ServedTotal]
    """By column that the model conserves."""
    lake_bytes: int | None = None
    """Bytes of the lake that the load scanned; left out where the database does not tell."""


@dataclass(frozen=True, kw_only=True)
class WarehouseServed(JsonDocument):
    """What the warehouse holds after a load."""

    WRITTEN_BY: ClassVar[str] = "warehouse_load"

    served: Literal["warehouse"]
    """Which consumer it is."""
    tables: tuple[WarehouseTable, ...]
    """Every table that the contract marks."""


@dataclass(frozen=True, kw_only=True)
class WrittenTotal(JsonDocument):
    """A money column on both sides, over the periods that were written; the write-back has compared them."""

    lake: Decimal
    """Sum over the rows of the lake."""
    database: Decimal
    """Sum over the rows of the database."""


@dataclass(frozen=True, kw_only=True)
class DatabaseTable(JsonDocument):
    """A processed table in schema silver of the internal database."""

    table: str
    """The table."""
    mode: LoadExtent
    """What this run wrote of it, whichever attempt did; none: the database held it already."""
    loaded_rows: int
    """Rows that this run inserted or changed."""
    removed_rows: int
    """Rows that this run took out, because the lake has them no more."""
    rows: int
    """Rows of the table in the database, as many as in the lake."""
    totals: Mapping[str, WrittenTotal]
    """By control column, over the periods that were written last; over all where the mode was everything."""


@dataclass(frozen=True, kw_only=True)
class DatabaseServed(JsonDocument):
    """What the internal database holds after a write-back."""

    WRITTEN_BY: ClassVar[str] = "write_back"

    served: Literal["database"]
    """Which consumer it is."""
    tables: tuple[DatabaseTable, ...]
    """The processed table; empty where nothing was published yet, or the database did not wake up."""
    problem: str | None = None
    """Why nothing was written, so that the table is as before, and what to type; left out where it was."""


@dataclass(frozen=True, kw_only=True)
class DashboardsServed(JsonDocument):
    """What the dashboards show after a refresh that was waited for, as a rollback and an erasure do."""

    WRITTEN_BY: ClassVar[str] = "dashboard_refresh"

    served: Literal["dashboards"]
    """Which consumer it is."""
    data_sets: int
    """SPICE datasets that were refreshed; 0: the dataset has no dashboard."""
    rows: int
    """Rows that they took in."""


@dataclass(frozen=True, kw_only=True)
class RefreshOrdered(JsonDocument):
    """What a run did about dashboards: it does not wait for their refresh, which has a message of its own."""

    WRITTEN_BY: ClassVar[str] = "dashboard_refresh"

    served: Literal["dashboard_refresh"]
    """Which consumer it is."""
    refresh: RefreshState
    """joined: a refresh that has not begun will show the run, too."""
    problem: str | None = None
    """Why it was not started; left out where it was."""


@dataclass(frozen=True, kw_only=True)
class QueriesOrdered(JsonDocument):
    """Which saved queries are asked again: nothing waits for their results, which have a message of their own."""

    WRITTEN_BY: ClassVar[str] = "query_refresh"

    served: Literal["queries"]
    """Which consumer it is."""
    queries: int
    """How many; 0: the settings name none of the dataset."""
    problem: str | None = None
    """Why they are not asked; left out where they are."""


@dataclass(frozen=True, kw_only=True)
class ForecastTable(JsonDocument):
    """A curated table that the contract has forecast."""

    table: str
    """The table of the forecast."""
    series: int
    """Series that were forecast; 0: there is no complete period yet."""
    better_than_naive: int
    """Series whose method beat seasonal naive in the backtest; the others are naive, a mean, or ended."""
    horizon: int
    """Periods ahead."""
    trained_through: date | None
    """First day of the last period that was known."""
    wape: Decimal | None
    """Backtest over all series: sum of absolute errors by sum of absolute values."""
    naive_wape: Decimal | None
    """The same of seasonal naive, at the same origins."""


@dataclass(frozen=True, kw_only=True)
class ForecastServed(JsonDocument):
    """What was forecast, or why not: a forecast never fails a run."""

    WRITTEN_BY: ClassVar[str] = "forecast"

    served: Literal["forecast"]
    """Which consumer it is."""
    tables: tuple[ForecastTable, ...]
    """Every table that the contract has forecast."""
    problem: str | None = None
    """Why it was not made, so that tables have the forecast from before; left out where it was."""


ServeResult = (
    WarehouseServed
    | DatabaseServed
    | DashboardsServed
    | RefreshOrdered
    | QueriesOrdered
    | ForecastServed
)
_KINDS: dict[str, type[ServeResult]] = {
    "warehouse": WarehouseServed,
    "database": DatabaseServed,
    "dashboards": DashboardsServed,
    "dashboard_refresh": RefreshOrdered,
    "queries": QueriesOrdered,
    "forecast": ForecastServed,
}


def serve_result(data: object) -> ServeResult:
    """One answer of a machine that serves.

    Raises PermanentError when no machine of that kind is known, or the answer is not as its kind.
    """
    kind = data.get("served") if isinstance(data, dict) else data
    if not isinstance(kind, str) or kind not in _KINDS:
        known = ", ".join(_KINDS)
        raise PermanentError(f"result of Serve: served is {kind!r}, expected one of {known}")
    return _KINDS[kind].from_json(data, place=f"result of Serve ({kind})")
