"""Everything a page shows, as plain values: the dashboard, its figures, and how the pipeline fares.

Who collects it (slipway.showing.report) asks AWS; who draws it (dashboards.page) asks nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from dashboards.cube import Cube
from dashboards.model import Dashboard


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run. Counts are None until it has ended; `explanation` is empty unless it failed."""

    run_id: str
    status: str
    mode: str
    trigger: str
    started_at: datetime
    ended_at: datetime | None
    files: int
    rows_read: int | None
    rows_loaded: int | None
    rows_quarantined: int | None
    rows_deduplicated: int | None
    explanation: str


@dataclass(frozen=True, kw_only=True)
class File:
    """One delivery of a file and its fate. Counts are None where the file was not loaded.

    `samples` are refused values of a file that was set aside.
    """

    name: str
    status: str
    received_at: datetime
    rows: int | None
    rows_loaded: int | None
    rows_quarantined: int | None
    rows_deduplicated: int | None
    explanation: str
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """How many records in quarantine broke a rule, and the reason of one of them."""

    rule: str
    rows: int
    example: str


@dataclass(frozen=True, kw_only=True)
class Account:
    """One account of the same money: rows and one total per money column, None where it has no such figure."""

    label: str
    rows: int | None
    totals: tuple[Decimal | None, ...]


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """Accounts that must agree, and every sentence on where they do not. Without accounts nothing was proven."""

    columns: tuple[str, ...]
    accounts: tuple[Account, ...]
    differences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class EngineCost:
    """USD of the engines in the calendar month of `month`, at list prices, and of how many runs it is the sum."""

    month: date
    runs: int
    usd: Decimal


@dataclass(frozen=True, kw_only=True)
class FetchedSource:
    """A source of the dataset; `place` is its URL without scheme and parameters, for the page links to nowhere.

    `complete_at` is when the last complete fetch began: what its source had by then is delivered. Moments are None
    before there is such a fetch.
    """

    name: str
    place: str
    status: str
    changed_at: datetime | None
    complete_at: datetime | None
    explanation: str


@dataclass(frozen=True, kw_only=True)
class Health:
    """How the pipeline of the dataset fares. Runs and files are the newest ones, newest first.

    `fates` counts all deliveries by status; `last_loaded_at` is None before the first success; data is expected at
    least every `freshness_hours`. `cost` is None when no run of the month says what it cost; `sources` are those that
    are fetched in this environment.
    """

    runs: tuple[Run, ...]
    files: tuple[File, ...]
    fates: Mapping[str, int]
    refusals: tuple[Refusal, ...]
    refused_rows: int
    reconciliation: Reconciliation
    last_loaded_at: datetime | None
    freshness_hours: int
    cost: EngineCost | None
    sources: tuple[FetchedSource, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MartRun:
    """A run of a mart. `rows` is None and `totals` and `versions` (of its inputs) are empty unless it ended well."""

    started_at: datetime
    trigger: str
    outcome: str
    rows: int | None
    totals: Mapping[str, str]
    versions: Mapping[str, str]
    detail: str


@dataclass(frozen=True, kw_only=True)
class MartHealth:
    """How a mart fares: its newest runs, newest first; `conserved` are its sums and those that they equal, in words."""

    inputs: tuple[str, ...]
    conserved: tuple[str, ...]
    runs: tuple[MartRun, ...]


@dataclass(frozen=True, kw_only=True)
class ForecastPoint:
    """What is expected of a period, by its first day. Ends of bands are None where some series has none."""

    period: date
    value: Decimal
    lower_80: Decimal | None
    upper_80: Decimal | None
    lower_95: Decimal | None
    upper_95: Decimal | None


@dataclass(frozen=True, kw_only=True)
class ForecastSeries:
    """One series: its method with the errors of its backtest, and what is expected of the next period."""

    name: str
    method: str
    value: Decimal
    lower_80: Decimal | None
    upper_80: Decimal | None
    wape: Decimal | None
    mase: Decimal | None


@dataclass(frozen=True, kw_only=True)
class ReviewedPeriod:
    """A period that is over: its last forecast, over all series, and what came. Bands are None as for a ForecastPoint.

    `inside` is how many of `series` came within their own band of 80 %.
    """

    period: date
    value: Decimal
    lower_80: Decimal | None
    upper_80: Decimal | None
    actual: Decimal
    series: int
    inside: int


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A published forecast: history and points are sums over all series, history ends with `trained_through`.

    `reviewed` is what the last forecasts said of the newest periods that are over; empty before one is.
    """

    title: str
    trained_through: date
    history: tuple[tuple[date, Decimal], ...]
    points: tuple[ForecastPoint, ...]
    series: tuple[ForecastSeries, ...]
    reviewed: tuple[ReviewedPeriod, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PageData:
    """The content of one page. Moments are UTC. `data_through` is the newest date in the data, None without data."""

    dashboard: Dashboard
    cubes: tuple[Cube, ...]
    data_through: date | None
    written_at: datetime
    environment: str
    health: Health | MartHealth
    forecasts: tuple[Forecast, ...] = ()

    @property
    def has_data(self) -> bool:
        """Whether any table holds a row."""
        return any(cube.groups for cube in self.cubes)
