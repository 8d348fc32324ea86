"""One series in, its forecast out: how it is treated, what is gated, and with which band.

Holt-Winters is published only where the history passes a test of seasonality, and it then beats every simple answer at
the same origins by a margin: seasonal naive, the last value, means, and itself without a season. All else is naive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, assert_never

from rows.forecasting.backtest import Backtest, backtest, half_widths, seasonal_scale
from rows.forecasting.methods import (
    HoltWinters,
    Mean,
    Method,
    MethodName,
    Predicted,
    SeasonalNaive,
    Values,
)
from rows.forecasting.seasonality import has_season
from rows.money import EXACT

VERSION = "statistics-2"  # goes up when the same history would give other figures
# Of the error of every simple answer. Measured on 2,400 histories of noise, half of them around a trend, of 36 to 90
# months: with this and the test of seasonality none passed; without the test, one in thirty at 36 months.
MARGIN = 0.90
INTERMITTENT_SHARE = (
    0.5  # of the periods of the last two seasons: with fewer values than this, a mean
)

# new: less than a season. ended: nothing for a whole season. intermittent: mostly nothing. regular: all others.
Treatment = Literal["new", "ended", "intermittent", "regular"]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How amounts are written: their decimals, and the largest that the column holds."""

    decimals: int
    largest: Decimal


@dataclass(frozen=True, kw_only=True)
class Point:
    """The forecast of one period. Bounds are None where the errors of the past are too few for a band."""

    value: Decimal
    lower_80: Decimal | None
    upper_80: Decimal | None
    lower_95: Decimal | None
    upper_95: Decimal | None


@dataclass(frozen=True, kw_only=True)
class SeriesForecast:
    """The forecast of a series with the method that gave it, and the method's errors in the backtest.

    `absolute_error` and `tested` are the sums that WAPE is the quotient of, and `naive_error` that of
    seasonal naive at the same origins; all zero where nothing could be tested.
    """

    method: MethodName
    points: tuple[Point, ...]
    wape: float | None
    mase: float | None
    absolute_error: float
    naive_error: float
    tested: float


def treatment(values: Values, season: int) -> Treatment:
    """How a history is treated; it begins with the first period that has a value."""
    if not any(values[-max(season, 2) :]):
        return "ended"
    if len(values) < season:
        return "new"
    last = values[-2 * season :]
    is_sparse = sum(1 for value in last if value) < INTERMITTENT_SHARE * len(last)
    return "intermittent" if is_sparse else "regular"


def forecast(
    amounts: Sequence[Decimal],
    *,
    season: int,
    horizon: int,
    scale: Scale,
    predicted: Predicted | None = None,
) -> SeriesForecast:
    """The next `horizon` periods of a history without gaps; zeros stand for periods without a row.

    `predicted` is what a trained model says of the series: one more method, which has to pass the same gate.
    Raises ValueError for a history without a value.
    """
    if not amounts:
        raise ValueError("a series without a period has no forecast")
    values = [float(amount) for amount in amounts]
    match treatment(values, season):
        case "ended":
            return _ended(horizon, scale)
        case "new" | "intermittent":
            chosen: Method = Mean(values, 2 * season)
            return _of_method("mean", chosen, 2, values, season, horizon, scale)
        case "regular":
            return _gated(values, season, horizon, scale, predicted)
        case _ as unknown:
            assert_never(unknown)


def _ended(horizon: int, scale: Scale) -> SeriesForecast:
    nothing = _amount(0.0, scale)
    point = Point(
        value=nothing, lower_80=nothing, upper_80=nothing, lower_95=nothing, upper_95=nothing
    )
    return SeriesForecast(
        method="ended",
        points=(point,) * horizon,
        wape=None,
        mase=None,
        absolute_error=0.0,
        naive_error=0.0,
        tested=0.0,
    )


def _gated(
    values: Values, season: int, horizon: int, scale: Scale, predicted: Predicted | None
) -> SeriesForecast:
    name, method = chosen(values, season, horizon, predicted)
    return _of_method(name, method, method.needs, values, season, horizon, scale)


def chosen(
    values: Values, season: int, horizon: int, predicted: Predicted | None = None
) -> tuple[MethodName, Method]:
    """Seasonal naive, unless a model passes the gate; where both do, the one with less error at the same origins."""
    models: list[tuple[MethodName, Method]] = [("holt_winters", HoltWinters(values, season))]
    if predicted is not None and len(values) - predicted.needs >= season:
        models.append(("gradient_boosting", predicted))
    if has_season(values, season):
        models = [model for model in models if _beats(model[1], values, season, horizon)]
    else:
        models = []
    first = max((method.needs for _, method in models), default=0)
    return min(
        models,
        key=lambda model: backtest(model[1], values, horizon, first).absolute_error,
        default=("seasonal_naive", SeasonalNaive(values, season)),
    )


def _beats(model: Method, values: Values, season: int, horizon: int) -> bool:
    """Whether the model is better than each simple answer by the margin."""
    own = backtest(model, values, horizon, model.needs).absolute_error
    simple: tuple[Method, ...] = (
        SeasonalNaive(values, season),
        SeasonalNaive(values, 1),
        Mean(values, season),
        Mean(values, len(values)),
        HoltWinters(values, 1),
    )
    errors = (backtest(other, values, horizon, model.needs).absolute_error for other in simple)
    return all(own < MARGIN * error for error in errors)


def _of_method(
    name: MethodName,
    method: Method,
    first_origin: int,
    values: Values,
    season: int,
    horizon: int,
    scale: Scale,
) -> SeriesForecast:
    tested = backtest(method, values, horizon, first_origin)
    naive = backtest(SeasonalNaive(values, season), values, horizon, max(first_origin, season))
    unit = seasonal_scale(values, season)
    is_comparable = naive.count == tested.count
    return SeriesForecast(
        method=name,
        points=_points(method.at(len(values), horizon), tested, values, season, scale),
        wape=tested.wape,
        mase=tested.absolute_error / tested.count / unit if tested.count and unit else None,
        absolute_error=tested.absolute_error,
        naive_error=naive.absolute_error if is_comparable else tested.absolute_error,
        tested=sum(map(abs, tested.values)),
    )


def _points(
    forecasts: Sequence[float], tested: Backtest, values: Values, season: int, scale: Scale
) -> tuple[Point, ...]:
    """Forecasts with their bands; what was never below zero is not forecast below it."""
    least = 0.0 if min(values) >= 0 else float("-inf")

    def amount(value: float) -> Decimal:
        return _amount(max(value, least), scale)

    points = []
    for value, width in zip(forecasts, half_widths(tested, values, season), strict=True):
        narrow, wide = width or (None, None)
        points.append(
            Point(
                value=amount(value),
                lower_80=None if narrow is None else amount(value - narrow),
                upper_80=None if narrow is None else amount(value + narrow),
                lower_95=None if wide is None else amount(value - wide),
                upper_95=None if wide is None else amount(value + wide),
            )
        )
    return tuple(points)


def _amount(value: float, scale: Scale) -> Decimal:
    """To the last decimal of the column, within what it holds."""
    within = min(max(Decimal(value), -scale.largest), scale.largest)
    return EXACT.quantize(within, Decimal(1).scaleb(-scale.decimals))
