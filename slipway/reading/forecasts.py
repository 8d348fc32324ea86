"""The forecasts that are published for a dataset, as Athena has them, with the history that they go on from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from contracts import naming
from contracts.model import Contract, CuratedModel
from contracts.model import Forecast as Wanted
from dashboards.page_data import Forecast, ForecastPoint, ForecastSeries, ReviewedPeriod
from slipway.deployment import Deployment
from slipway.reading import lake

BOUNDS = ("lower_80", "upper_80", "lower_95", "upper_95")
NO_COLUMN = "COLUMN_NOT_FOUND"  # begins Athena's reason; Trino documentation, StandardErrorCode
FIGURES = ("value", *BOUNDS, "method", "wape", "mase", "trained_through")


def of_dataset(deployment: Deployment, contract: Contract) -> tuple[Forecast, ...]:
    """The forecast of each curated table that the contract marks, as far as there is one.

    Raises QueryFailed with Athena's reason.
    """
    found = (
        _of_model(deployment, model, model.forecast)
        for model in contract.forecast_models
        if model.forecast is not None
    )
    return tuple(forecast for forecast in found if forecast is not None)


def _of_model(deployment: Deployment, model: CuratedModel, wanted: Wanted) -> Forecast | None:
    rows = lake.rows_if_loaded(deployment, forecast_query(model, wanted))
    if not rows:
        return None
    trained_through = _day(rows[0][-1])
    history = lake.rows(deployment, history_query(model, wanted, trained_through))
    forecast = built(wanted, rows, [(_day(day), amount) for day, amount in history])
    return replace(forecast, reviewed=reviewed(_review_rows(deployment, model)))


def _review_rows(deployment: Deployment, model: CuratedModel) -> list[tuple[Any, ...]]:
    """None of a table that was last written before it had what came."""
    try:
        return lake.rows(deployment, review_query(model))
    except lake.QueryFailed as error:
        if NO_COLUMN in str(error):
            return []
        raise


def forecast_query(model: CuratedModel, wanted: Wanted) -> str:
    """Trino SQL for the rows of a forecast: series, period, FIGURES."""
    columns = [*wanted.by, model.period_column, *FIGURES]
    order = ", ".join(_quoted(name) for name in (*wanted.by, model.period_column))
    table = naming.forecast_table(model.name)
    newest = f"trained_through = (select max(trained_through) from curated.{table})"  # noqa: S608 - names of a valid contract
    return f"select {', '.join(map(_quoted, columns))} from curated.{table} where {newest} order by {order}"  # noqa: S608 - as above


def review_query(model: CuratedModel) -> str:
    """Trino SQL for the last forecast of each series in periods that are over: period, value, band, what came."""
    period, table = _quoted(model.period_column), naming.forecast_table(model.name)
    return (
        f"select {period}, value, lower_80, upper_80, actual from curated.{table} "  # noqa: S608 - as above
        f"where actual is not null order by {period}"
    )


def reviewed(rows: Sequence[tuple[Any, ...]]) -> tuple[ReviewedPeriod, ...]:
    """Rows as `review_query` gives them, added up by period."""
    periods: dict[date, list[tuple[Any, ...]]] = {}
    for day, *figures in rows:
        periods.setdefault(_day(day), []).append(tuple(figures))
    return tuple(_reviewed(day, figures) for day, figures in sorted(periods.items()))


def _reviewed(day: date, rows: Sequence[tuple[Any, ...]]) -> ReviewedPeriod:
    value, lower, upper, actual = zip(*rows, strict=True)
    return ReviewedPeriod(
        period=day,
        value=_sum(value) or Decimal(0),
        lower_80=_sum(lower),
        upper_80=_sum(upper),
        actual=_sum(actual) or Decimal(0),
        series=len(rows),
        inside=sum(low is not None and low <= came <= high for _, low, high, came in rows),
    )


def _sum(values: Sequence[Decimal | None]) -> Decimal | None:
    """None where one of them is."""
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if len(known) == len(values) else None


def history_query(model: CuratedModel, wanted: Wanted, until: date) -> str:
    """Trino SQL for the sums of all series by period, up to `until`."""
    period, of = _quoted(model.period_column), _quoted(wanted.of)
    return (
        f"select {period}, sum({of}) from curated.{model.name} where {period} <= date '{until}'"  # noqa: S608 - as above
        f" group by {period} order by {period}"
    )


def built(
    wanted: Wanted,
    rows: Sequence[tuple[Any, ...]],
    history: Iterable[tuple[date, Decimal]],
) -> Forecast:
    """The forecast from its rows as `forecast_query` gives them; there is at least one."""
    width = len(wanted.by)
    names = (*(f"by_{number}" for number in range(width)), "period", *FIGURES)
    told = [dict(zip(names, row, strict=True)) for row in rows]
    series: dict[tuple[Any, ...], dict[str, Any]] = {}
    periods: dict[date, list[dict[str, Any]]] = {}
    for row, values in zip(rows, told, strict=True):
        series.setdefault(row[:width], values)  # the first period of each comes first
        periods.setdefault(_day(values["period"]), []).append(values)
    by = f" by {', '.join(wanted.by)}" if wanted.by else ""
    return Forecast(
        title=f"{wanted.of}{by}".replace("_", " "),
        trained_through=_day(rows[0][-1]),
        history=tuple(history),
        points=tuple(_point(day, values) for day, values in sorted(periods.items())),
        series=tuple(_series(key, values) for key, values in series.items()),
    )


def _point(day: date, rows: Sequence[dict[str, Any]]) -> ForecastPoint:
    bounds = {name: [row[name] for row in rows] for name in BOUNDS}
    return ForecastPoint(
        period=day,
        value=sum((row["value"] for row in rows), Decimal(0)),
        **{
            name: None if None in values else sum(values, Decimal(0))
            for name, values in bounds.items()
        },
    )


def _series(key: tuple[Any, ...], first: dict[str, Any]) -> ForecastSeries:
    shown = ("method", "value", "lower_80", "upper_80", "wape", "mase")
    return ForecastSeries(
        name=", ".join(map(str, key)) or "all", **{name: first[name] for name in shown}
    )


def _day(value: Any) -> date:
    return value.date() if isinstance(value, datetime) else value  # pandas gives either


def _quoted(name: str) -> str:
    return f'"{name}"'
