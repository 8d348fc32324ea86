"""Forecasts of the curated tables of a dataset, and their publication, whatever the engine.

A forecast is made from what is published, under the dataset's lock, and replaces the one before as a whole: on a draft,
compared, then published in one commit. The snapshot remembers what it was made from, so the same again writes nothing.
Series are told apart at the finest level that the contract names and every figure has whole cents, so totals agree
however they are added up.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Generic, Protocol, Self, TypeVar

from contracts import model, naming
from contracts.errors import PermanentError, ReconciliationFailed
from pipeline.job_arguments import CuratingArguments
from pipeline.run_documents import ForecastTable
from rows import forecasting, periods, table_definitions
from rows.forecasting.methods import Predicted
from rows.forecasting.series import VERSION, Scale, SeriesForecast
from rows.table_operations import TableOperations
from rows.tables import Table

SOURCE_SNAPSHOT = "slipway.curated-snapshot"
FINGERPRINT = "slipway.forecast"
RUN = "slipway.run"
ENTRY = "slipway.forecast-"  # how the properties of a forecast's entry begin
TRAINED = ("holt_winters", "gradient_boosting")  # methods that had to beat seasonal naive
EVERY_ROW = "TRUE"
SEASON: dict[model.Period, int] = {"month": 12, "quarter": 4, "year": 1}  # periods of a year
MOST_SERIES = 5_000  # at 90 months one takes 10 ms of a small function, which has 110 s
MOST_ERROR = Decimal(99_999_999)  # what decimal(12,4) holds; no error measure is of use long before

Rows = TypeVar("Rows")
Read = TypeVar("Read", contravariant=True)  # rows of an engine that only reads
Key = tuple[object, ...]
Row = tuple[object, ...]


@dataclass(frozen=True, kw_only=True)
class Total:
    """What a series has in one period."""

    key: Key
    period: date
    amount: Decimal


class HistoryEngine(Protocol[Read]):
    """What reading histories asks of an engine besides its tables."""

    def name(self, column: str) -> str:
        """A column as SQL text."""

    def newest(self, rows: Read, column: str) -> date | None:
        """The newest date of a column; None without rows."""

    def totals(self, rows: Read, curated_model: model.CuratedModel) -> list[Total]:
        """The column to be forecast, added up for each series and period."""


class ForecastingEngine(HistoryEngine[Rows], Protocol[Rows]):
    """What forecasting asks of an engine besides its tables."""

    def rows(self, rows: Rows, columns: Sequence[str]) -> list[Row]:
        """All rows, with these columns."""

    def made(self, table: Table, rows: Sequence[Row]) -> Rows:
        """Rows in the order of the table's columns, as the engine keeps rows."""

    def count_and_sum(self, rows: Rows, column: str) -> tuple[int, Decimal]:
        """Number of rows, and the sum of a column (0 without rows)."""


@dataclass(frozen=True, kw_only=True)
class HistoryRun(Generic[Rows]):
    """What histories are read with. Rows with a date after `today`, in UTC, are taken for mistakes and left out.

    `curated` and `forecasts` are the tables by the name of the curated table.
    """

    contract: model.Contract
    run_id: str
    today: date
    processed: Table
    curated: Mapping[str, Table]
    forecasts: Mapping[str, Table]
    tables: TableOperations[Rows]
    engine: HistoryEngine[Rows]

    @classmethod
    def opened(
        cls,
        contract: model.Contract,
        given: CuratingArguments,
        today: date,
        tables: TableOperations[Rows],
        engine: HistoryEngine[Rows],
    ) -> Self:
        """For the tables of the environment that a job was started in."""
        wanted = contract.forecast_models
        environment, bucket = given.environment, given.curated_bucket
        return cls(
            contract=contract,
            run_id=given.run_id,
            today=today,
            processed=table_definitions.processed(contract, environment, given.processed_bucket),
            curated={
                found.name: table_definitions.curated(found, environment, bucket)
                for found in wanted
            },
            forecasts={
                found.name: table_definitions.forecast(found, environment, bucket)
                for found in wanted
            },
            tables=tables,
            engine=engine,
        )


@dataclass(frozen=True, kw_only=True)
class ForecastRun(HistoryRun[Rows]):
    """What forecasts are made and published with."""

    engine: ForecastingEngine[Rows]

    @property
    def branch(self) -> str:
        """Branch of this run."""
        return naming.branch(self.run_id)


def run(work: ForecastRun[Rows]) -> tuple[ForecastTable, ...]:
    """Make and publish the forecast of every model that asks for one; what was made.

    Raises PermanentError when a model has too many series; the tables of earlier models are published then.
    """
    return tuple(
        _update(work, wanted, wanted.forecast)
        for wanted in work.contract.forecast_models
        if wanted.forecast is not None
    )


def _update(
    work: ForecastRun[Rows], curated_model: model.CuratedModel, wanted: model.Forecast
) -> ForecastTable:
    found = newest(work, curated_model)
    made: dict[Key, SeriesForecast] = {}
    if found is not None:
        made = forecasts(curated_model, wanted, found)
        memory = memory_of(curated_model, wanted, found)
        rows = rows_of(work, curated_model.period, found.until, made)
        publish(work, curated_model, found, rows, memory, entry(work.contract, found.until, made))
    name, until = work.forecasts[curated_model.name].name, found.until if found else None
    return told(name, wanted, until, made)


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a forecast is made from: every series of a version of the curated table, until its last complete period."""

    version: int
    until: date
    series: Mapping[Key, Sequence[Decimal]]


def newest(work: HistoryRun[Rows], curated_model: model.CuratedModel) -> Known | None:
    """What is published now; None before the first complete period.

    Raises PermanentError when there are too many series.
    """
    source = work.curated[curated_model.name]
    head = work.tables.head(source) if work.tables.exists(source) else None
    until = _complete_until(work, curated_model, head) if head is not None else None
    return known_at(work, curated_model, head, until) if head is not None and until else None


def known_at(
    work: HistoryRun[Rows], curated_model: model.CuratedModel, version: int, until: date
) -> Known:
    """What a version of the curated table says until a period. Raises PermanentError when there are too many series."""
    rows = work.tables.read(work.curated[curated_model.name], version=version)
    series = histories(work.engine.totals(rows, curated_model), curated_model.period, until)
    _require_few(curated_model, series)
    return Known(version=version, until=until, series=series)


def forecasts(
    curated_model: model.CuratedModel,
    wanted: model.Forecast,
    found: Known,
    predicted: Mapping[Key, Predicted] | None = None,
) -> dict[Key, SeriesForecast]:
    """The forecast of each series; `predicted` is what a trained model says of some of them."""
    scale, season = _scale(curated_model.column(wanted.of)), SEASON[curated_model.period]
    return {
        key: forecasting.forecast(
            values,
            season=season,
            horizon=wanted.horizon,
            scale=scale,
            predicted=(predicted or {}).get(key),
        )
        for key, values in found.series.items()
    }


def memory_of(
    curated_model: model.CuratedModel, wanted: model.Forecast, found: Known
) -> dict[str, str]:
    """What the version of a forecast remembers, so that the same is not made again."""
    return {
        SOURCE_SNAPSHOT: str(found.version),
        FINGERPRINT: fingerprint(curated_model, wanted, found.until),
    }


def entry(
    contract: model.Contract,
    until: date,
    made: Mapping[Key, SeriesForecast],
    trained_version: str = VERSION,
) -> dict[str, str]:
    """What is kept of a forecast for whoever has to choose one: its lineage and how good it was in the backtest.

    It lies with the version of the table, so it is there as long as the version, and never says another one's figures.
    """
    methods = Counter(series.method for series in made.values())
    own, naive = _errors(made)
    known = {"wape": own, "naive-wape": naive}
    return {
        f"{ENTRY}contract-version": contract.version,
        f"{ENTRY}trained-through": until.isoformat(),
        f"{ENTRY}model-version": trained_version,
        f"{ENTRY}methods": json.dumps(methods, sort_keys=True),
        **{f"{ENTRY}{name}": str(value) for name, value in known.items() if value is not None},
    }


def _complete_until(
    work: HistoryRun[Rows], curated_model: model.CuratedModel, head: int
) -> date | None:
    """First day of the last period that the data cover to its end; None without any row."""
    tables, engine, unit = work.tables, work.engine, curated_model.period
    period, day = (
        engine.name(name) for name in (curated_model.period_column, curated_model.source_date)
    )
    past = tables.read(
        work.curated[curated_model.name], version=head, where=f"{period} <= DATE '{work.today}'"
    )
    newest_period = engine.newest(past, curated_model.period_column)
    if newest_period is None:
        return None
    newest_rows = f"{day} >= DATE '{newest_period}' AND {day} <= DATE '{work.today}'"
    rows = tables.read(work.processed, where=newest_rows)
    return last_complete(newest_period, engine.newest(rows, curated_model.source_date), unit)


def last_complete(newest_period: date, newest_day: date | None, unit: periods.Unit) -> date:
    """`newest_period` if the data reach its last day, else the one before.

    `newest_day` is None where its rows have passed their retention, so that it ended long ago.
    """
    last_day = periods.next_first_day(newest_period, unit) - timedelta(days=1)
    if newest_day is None or newest_day >= last_day:
        return newest_period
    return periods.first_day(newest_period - timedelta(days=1), unit)


def histories(totals: Iterable[Total], unit: periods.Unit, until: date) -> dict[Key, list[Decimal]]:
    """Each series from its first period to `until`, with 0 where it has no row, in the order of their keys."""
    known: dict[Key, dict[date, Decimal]] = {}
    for total in totals:
        if total.period <= until:
            known.setdefault(total.key, {})[total.period] = total.amount
    return {
        key: [amounts.get(day, Decimal(0)) for day in _days(min(amounts), unit, until)]
        for key, amounts in sorted(known.items(), key=lambda pair: _order(pair[0]))
    }


def _order(key: Key) -> tuple[tuple[bool, str], ...]:
    """Null before all, also before a text `None`: no two keys are alike, whatever the engine gave first."""
    return tuple((value is not None, str(value)) for value in key)


def _days(first: date, unit: periods.Unit, until: date) -> list[date]:
    days = [first]
    while days[-1] < until:
        days.append(periods.next_first_day(days[-1], unit))
    return days


def _require_few(curated_model: model.CuratedModel, series: Mapping[Key, object]) -> None:
    if len(series) > MOST_SERIES:
        raise PermanentError(
            f"{curated_model.name} has {len(series):,} series, and at most {MOST_SERIES:,} are forecast; name fewer "
            "columns in `by` of its property forecast"
        )


def _scale(column: model.Column) -> Scale:
    precision, decimals = column.precision_and_scale or (38, 0)
    return Scale(decimals=decimals, largest=Decimal(10**precision - 1).scaleb(-decimals))


def rows_of(
    work: ForecastRun[Rows],
    unit: periods.Unit,
    until: date,
    made: Mapping[Key, SeriesForecast],
    trained_version: str = VERSION,
) -> list[Row]:
    """In the order of the columns of table_definitions.forecast; `trained_version` is that of a trained model."""
    rows: list[Row] = []
    for key, series in made.items():
        day = until
        for point in series.points:
            day = periods.next_first_day(day, unit)
            band = (point.lower_80, point.upper_80, point.lower_95, point.upper_95)
            errors = (error_of(series.wape), error_of(series.mase))
            version = trained_version if series.method == "gradient_boosting" else VERSION
            origin = (until, version, work.run_id)
            rows.append((*key, day, point.value, *band, series.method, *errors, *origin, None))
    return rows


def error_of(measure: float | None) -> Decimal | None:
    """An error measure with four decimals; the largest one that the column holds stands for all above."""
    if measure is None:
        return None
    return min(Decimal(measure), MOST_ERROR).quantize(Decimal("0.0001"))


def publish(
    work: ForecastRun[Rows],
    curated_model: model.CuratedModel,
    found: Known,
    rows: Sequence[Row],
    memory: Mapping[str, str],
    noted: Mapping[str, str],
) -> None:
    """Replace the table by these rows and by what was forecast of periods that are over, unless it has them already.

    `noted` is an entry, kept with the version.
    """
    table = work.forecasts[curated_model.name]
    work.tables.ensure(table, may_evolve=True)
    if memory.items() <= work.tables.last_properties(table, SOURCE_SNAPSHOT).items():
        return
    work.tables.start_draft(table, work.branch)
    past = review(work, curated_model, found)
    publish_draft(work, table, [*past, *rows], {**memory, **noted})


def review(work: ForecastRun[Rows], curated_model: model.CuratedModel, found: Known) -> list[Row]:
    """The last forecast of each of the newest periods that are over, with what came; the table is there.

    As many periods as are forecast. A series that is known no more, as after an erasure, is reviewed no more.
    """
    wanted, table = curated_model.forecast, work.forecasts[curated_model.name]
    if wanted is None:
        return []
    period, unit = work.engine.name(curated_model.period_column), curated_model.period
    days = [found.until]
    while len(days) < wanted.horizon:
        days.append(periods.first_day(days[-1] - timedelta(days=1), unit))
    over = f"{period} >= DATE '{days[-1]}' AND {period} <= DATE '{found.until}'"
    columns = [column.name for column in table.columns]
    place = columns.index(curated_model.period_column)
    reviewed: list[Row] = []
    for row in work.engine.rows(work.tables.read(table, where=over), columns):
        history = found.series.get(tuple(row[:place]))
        if history is not None:
            back = days.index(_day(row[place]))
            actual = history[-1 - back] if back < len(history) else Decimal(0)
            reviewed.append((*row[:-1], actual))
    return reviewed


def _day(value: object) -> date:
    if not isinstance(value, date):
        raise PermanentError(f"a period of a forecast is {value!r}, expected a date")
    return value


def publish_draft(
    work: ForecastRun[Rows], table: Table, rows: Sequence[Row], properties: Mapping[str, str]
) -> None:
    """Fill the draft that was started, compare, and make it the table.

    Raises RetryableError when somebody else has started a draft since.
    """
    tables = work.tables
    made = work.engine.made(table, rows)
    tables.replace(table, work.branch, made, EVERY_ROW, {**properties, RUN: work.run_id})
    committed = work.engine.count_and_sum(tables.read(table, draft=work.branch), "value")
    if committed != work.engine.count_and_sum(made, "value"):
        raise ReconciliationFailed(
            f"{table.name}: {committed} rows and total were written, "
            f"{work.engine.count_and_sum(made, 'value')} were made; nothing was published"
        )
    head = tables.head(table, work.branch)
    if head is not None:
        tables.publish(table, work.branch, head)


def fingerprint(curated_model: model.CuratedModel, wanted: model.Forecast, until: date) -> str:
    """What a forecast depends on besides the rows of the curated table."""
    asked = f"{wanted.of}:{','.join(wanted.by)}:{wanted.horizon}:{curated_model.period}"
    return hashlib.sha256(f"{VERSION}\n{asked}\n{until}".encode()).hexdigest()


def told(
    table: str, wanted: model.Forecast, until: date | None, made: Mapping[Key, SeriesForecast]
) -> ForecastTable:
    """What is said of a forecast."""
    own, naive = _errors(made)
    return ForecastTable(
        table=table,
        series=len(made),
        better_than_naive=sum(series.method in TRAINED for series in made.values()),
        horizon=wanted.horizon,
        trained_through=until,
        wape=own,
        naive_wape=naive,
    )


def _errors(made: Mapping[Key, SeriesForecast]) -> tuple[Decimal | None, Decimal | None]:
    """WAPE over all series of the published methods and of seasonal naive; None where nothing was tested."""
    tested = sum(series.tested for series in made.values())
    own, naive = (
        sum(getattr(series, name) for series in made.values())
        for name in ("absolute_error", "naive_error")
    )
    return (error_of(own / tested), error_of(naive / tested)) if tested else (None, None)
