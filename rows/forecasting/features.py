"""Features of a series at an origin, for a model that is trained over many series: lags, calendar, shares, and what the
statistics would have said.

Each example knows only what was known at its origin. Amounts are divided by the mean of the last season, so that series
of any size are examples of the same thing. Moments count from the end of the history, which all series share.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import cos, pi, sin

from rows.forecasting.backtest import MOST_ORIGINS, level
from rows.forecasting.methods import HoltWinters, Values
from rows.forecasting.series import treatment

NAMES = (
    *("step", "season_sin", "season_cos"),
    *("same_period_last_season", "same_period_before", "last", "last_but_one", "last_but_two"),
    *("mean_of_quarter", "mean_of_half", "mean_of_season_before", "seasonal_index", "share"),
    *("without_season", "holt_winters"),
)
ABSURD = 10  # times the usual size
SEASONS_BEFORE = 2  # of history before an origin, as Holt-Winters needs


@dataclass(frozen=True, kw_only=True)
class Example:
    """What was known `step` periods ahead at a moment (0: after the whole history), and what came: None if unknown.

    Features and target are in units of `scale`, which is an amount.
    """

    moment: int
    step: int
    scale: float
    features: tuple[float, ...]
    target: float | None


def is_learned(values: Values, season: int) -> bool:
    """Whether a model is trained with the series; others have a treatment of their own (rows/forecasting/series.py)."""
    return (
        season > 1
        and len(values) > SEASONS_BEFORE * season
        and treatment(values, season) == "regular"
    )


def usual(values: Values, season: int) -> list[float]:
    """The values, of which none counts for more than ABSURD times the usual size of those before it.

    An absurd value would else be in the share of every other series, and in what the model learns.
    """
    kept: list[float] = []
    for place, value in enumerate(values):
        most = ABSURD * level(kept, season) if place >= season else 0.0
        kept.append(min(max(value, -most), most) if most else value)
    return kept


def totals_by_moment(histories: Sequence[Values], season: int) -> Mapping[int, float]:
    """The sum of all series as `usual`, by period; -1 is the last one that is known."""
    totals: dict[int, float] = {}
    for values in (usual(history, season) for history in histories):
        for place, value in enumerate(values):
            moment = place - len(values)
            totals[moment] = totals.get(moment, 0.0) + value
    return totals


def examples(
    values: Values, season: int, horizon: int, totals: Mapping[int, float]
) -> Iterator[Example]:
    """The newest origins of a series, oldest first, and last what is to be forecast."""
    history = _History(values, season, horizon, totals)
    for origin in range(len(values) - origins(len(values), season), len(values) + 1):
        yield from history.examples(origin)


def origins(length: int, season: int) -> int:
    """How many origins a history of so many periods has before what is to be forecast."""
    return min(length - SEASONS_BEFORE * season, MOST_ORIGINS)


class _History:
    """A series, with sums that make means of any stretch cheap."""

    def __init__(
        self, values: Values, season: int, horizon: int, totals: Mapping[int, float]
    ) -> None:
        values = usual(values, season)
        self._values, self._season, self._horizon, self._totals = values, season, horizon, totals
        self._sums = [0.0, *accumulate(values)]
        self._seasonal, self._flat = HoltWinters(values, season), HoltWinters(values, 1)

    def examples(self, origin: int) -> Iterator[Example]:
        """One for each step; none where the last season has nothing to compare with."""
        scale = self._mean(origin - self._season, origin)
        if scale <= 0:
            return
        moment = origin - len(self._values)
        common, seasonal, flat = (
            self._common(origin, scale),
            self._seasonal.at(origin, self._horizon),
            self._flat.at(origin, self._horizon),
        )
        for step in range(self._horizon):
            place = origin + step
            angle = 2 * pi * ((moment + step) % self._season) / self._season
            lags = self._same_period(origin, place)
            features = (
                *(float(step), sin(angle), cos(angle)),
                *(lag / scale for lag in lags),
                *common[:6],
                self._index(origin, place),
                common[6],
                *(flat[step] / scale, seasonal[step] / scale),
            )
            target = self._values[place] / scale if place < len(self._values) else None
            yield Example(moment=moment, step=step, scale=scale, features=features, target=target)

    def _common(self, origin: int, scale: float) -> tuple[float, ...]:
        """What is the same for every step: three lags, three means, the share of all series."""
        season, moment = self._season, origin - len(self._values)
        lags = (self._values[origin - back] / scale for back in (1, 2, 3))
        means = (self._mean(origin - max(1, season // part), origin) / scale for part in (4, 2))
        before = self._mean(origin - 2 * season, origin - season) / scale
        everything = sum(self._totals.get(at, 0.0) for at in range(moment - season, moment))
        share = scale * season / everything if everything else 0.0
        return (*lags, *means, before, share)

    def _same_period(self, origin: int, place: int) -> tuple[float, float]:
        """The newest value of the same part of a season that is known, and the one a season before."""
        newest = place - self._season
        while newest >= origin:
            newest -= self._season
        before = newest - self._season
        return self._values[newest], self._values[before if before >= 0 else newest]

    def _index(self, origin: int, place: int) -> float:
        """How the same part of earlier seasons compared with the season around it."""
        half = self._season // 2
        ratios: list[float] = []
        at = place - self._season
        while at >= half and len(ratios) < 3:
            if at + half <= origin and (around := self._mean(at - half, at + half)):
                ratios.append(self._values[at] / around)
            at -= self._season
        return sum(ratios) / len(ratios) if ratios else 1.0

    def _mean(self, begin: int, end: int) -> float:
        return (self._sums[end] - self._sums[begin]) / (end - begin)
