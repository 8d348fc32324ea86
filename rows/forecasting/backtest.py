"""Rolling-origin backtest: what a method would have said at every origin, beside what came.

Source of the measures: Hyndman and Koehler, "Another look at measures of forecast accuracy" (2006): MASE scales by
the mean absolute difference to the season before. WAPE is the sum of absolute errors over the sum of absolute values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, fsum, sqrt

from rows.forecasting.methods import Method, Values

MOST_ORIGINS = 60  # the newest ones: five years of months
LEAST_ERRORS = 4  # of one step: from fewer no band is made
LEVEL_SEASONS = 3  # of a level: years
LEVEL_PART = 12  # the largest one in so many values does not count; and at least so many values are looked at
WIDER = (
    1.959964 / 1.281552
)  # 95 % to 80 % of a normal distribution, where errors are too few for 95 %


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """Errors by step (the first period after an origin, the second, ...), and the values that they are errors of.

    The errors of each step are of the origins from `first_origin` on, one after the other.
    """

    first_origin: int
    errors: tuple[tuple[float, ...], ...]
    values: tuple[float, ...]

    @property
    def absolute_error(self) -> float:
        """Sum of all absolute errors."""
        return fsum(abs(error) for errors in self.errors for error in errors)

    @property
    def count(self) -> int:
        """Number of errors."""
        return len(self.values)

    @property
    def wape(self) -> float | None:
        """Sum of absolute errors by sum of absolute values; None where that is zero, or nothing was tested."""
        of = fsum(abs(value) for value in self.values)
        return self.absolute_error / of if of else None


def backtest(method: Method, values: Values, horizon: int, first_origin: int) -> Backtest:
    """Every origin from `first_origin` on, at most MOST_ORIGINS, as far as the values reach."""
    begin = max(first_origin, len(values) - MOST_ORIGINS)
    errors: list[list[float]] = [[] for _ in range(horizon)]
    known: list[float] = []
    for origin in range(begin, len(values)):
        steps = min(horizon, len(values) - origin)
        for step, forecast in enumerate(method.at(origin, steps)):
            errors[step].append(values[origin + step] - forecast)
            known.append(values[origin + step])
    return Backtest(first_origin=begin, errors=tuple(map(tuple, errors)), values=tuple(known))


def seasonal_scale(values: Values, season: int) -> float | None:
    """Mean absolute difference to the season before; None where there is none, or it is zero."""
    differences = [
        abs(now - before) for now, before in zip(values[season:], values[:-season], strict=True)
    ]
    return (fsum(differences) / len(differences) or None) if differences else None


def half_widths(tested: Backtest, values: Values, season: int) -> list[tuple[float, float] | None]:
    """Half the width of the band of 80 % and of 95 % for each step; None where errors are too few.

    Errors count in units of the level that the series had at their origin, since a series that has grown, or has had
    a break, errs by more than it did. Widths never shrink with the step, and a step with too few errors has the width
    of the one before.
    """
    begin = tested.first_origin
    levels = [level(values[:origin], season) for origin in range(begin, len(values) + 1)]
    widths: list[tuple[float, float] | None] = []
    for step, errors in enumerate(tested.errors, start=1):
        # Before an origin with nothing but zeros there is no size to measure an error by.
        sizes = sorted(abs(error) / at for error, at in zip(errors, levels, strict=False) if at)
        own = None
        if len(sizes) >= LEAST_ERRORS:
            narrow, wide = _half_width(sizes, step)
            own = (narrow * levels[-1], wide * levels[-1])
        before = widths[-1] if widths else None
        if own and before:
            own = (max(own[0], before[0]), max(own[1], before[1]))
        widths.append(own or before)
    return widths


def level(values: Values, season: int) -> float:
    """The mean size of the newest values without the largest ones, which may be absurd; 0 for nothing but zeros."""
    sizes = sorted(map(abs, values[-max(LEVEL_SEASONS * season, LEVEL_PART) :]))
    usual = sizes[: len(sizes) - len(sizes) // LEVEL_PART]
    return (fsum(usual) or fsum(sizes)) / len(usual) if usual else 0.0


def _half_width(sizes: Sequence[float], step: int) -> tuple[float, float]:
    """Errors of several steps ahead overlap, so there are fewer independent ones, which the tail is short of."""
    count = len(sizes)
    narrow, wide = _quantile(sizes, 0.80, count), _quantile(sizes, 0.95, count / sqrt(step))
    narrow = sizes[-1] if narrow is None else narrow
    return narrow, max(sizes[-1], narrow * WIDER) if wide is None else wide


def _quantile(ordered: Sequence[float], share: float, independent: float) -> float | None:
    """The value that the next one stays below with this probability; None where there are too few.

    Source: the rank n * share * (1 + 1/n) of split conformal prediction, between two ranks on the line; with the number
    of independent errors in the place of the second n.
    """
    rank = len(ordered) * share * (1 + 1 / independent)
    whole = floor(rank)
    if whole >= len(ordered):
        return ordered[-1] if rank == len(ordered) else None
    if whole < 1:
        return ordered[0]
    return ordered[whole - 1] + (rank - whole) * (ordered[whole] - ordered[whole - 1])
