"""The methods, each able to forecast from any origin of a series as if what came later were not known.

A method is made over a whole series once and then asked at many origins, so that a backtest costs one pass of the
smoothing instead of one for each origin. What `at` answers depends on the values before its origin only, but for one
bit: whether every value of the history is above zero, by which Holt-Winters multiplies its season or adds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import fsum
from typing import Literal, Protocol

MethodName = Literal["seasonal_naive", "holt_winters", "gradient_boosting", "mean", "ended"]
Values = Sequence[float]

# Of Holt-Winters: each combination is run, and at an origin the one with the least squared errors so far counts.
LEVELS, TRENDS, SEASONS = (0.05, 0.1, 0.2, 0.4), (0.0, 0.02, 0.1), (0.05, 0.15, 0.3)
DAMPING = 0.95  # of the trend, per period
SEASONS_TO_BEGIN = 2  # level, trend and season begin with these


class Method(Protocol):
    """A forecaster over a series; `needs` values must lie before an origin."""

    @property
    def needs(self) -> int:
        """Values before the first origin."""

    def at(self, origin: int, horizon: int) -> list[float]:
        """Forecasts of the `horizon` periods that begin with number `origin`, from the values before it."""


@dataclass(frozen=True)
class SeasonalNaive:
    """What came a season before; with a season of one period, the last value."""

    values: Values
    season: int

    @property
    def needs(self) -> int:
        """One season."""
        return self.season

    def at(self, origin: int, horizon: int) -> list[float]:
        """The last season before the origin, again and again."""
        last = self.values[origin - self.season : origin]
        return [last[step % self.season] for step in range(horizon)]


@dataclass(frozen=True)
class Mean:
    """The mean of the last `window` values, or of all while there are fewer."""

    values: Values
    window: int
    needs: int = 1

    def at(self, origin: int, horizon: int) -> list[float]:
        """The same mean for every period."""
        last = self.values[max(0, origin - self.window) : origin]
        return [fsum(last) / len(last)] * horizon


@dataclass(frozen=True)
class _State:
    """Level, trend and season after some values, and the squared errors of one step until there."""

    level: float
    trend: float
    season: tuple[float, ...]
    errors: float


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """What a trained model said at the newest origins, each time without having seen what came later.

    `forecasts` are by origin; the last is the number of all values, with what is to be published.
    """

    forecasts: Mapping[int, Sequence[float]]

    @property
    def needs(self) -> int:
        """The first origin."""
        return min(self.forecasts)

    def at(self, origin: int, horizon: int) -> list[float]:
        """As the model said. Raises KeyError for an origin at which it was not asked."""
        return list(self.forecasts[origin][:horizon])


class HoltWinters:
    """Exponential smoothing with a damped trend, and with a season unless that is one period long.

    The season multiplies where every value is above zero, and is added otherwise.
    """

    def __init__(self, values: Values, season: int) -> None:
        self._season = season
        self.needs = max(SEASONS_TO_BEGIN * season, 2)
        self._is_ratio = all(value > 0 for value in values)
        self._states: list[list[_State]] = []
        if len(values) >= self.needs:
            seasons = SEASONS if season > 1 else (0.0,)
            begin = self._begin(values[: self.needs])
            for level, trend, seasonal in product(LEVELS, TRENDS, seasons):
                self._states.append(self._passed(begin, values, (level, trend, seasonal)))

    def at(self, origin: int, horizon: int) -> list[float]:
        """Level and damped trend, with the season of each period."""
        after = (states[origin - self.needs] for states in self._states)
        state = min(after, key=lambda candidate: candidate.errors)
        forecasts, level, damped = [], state.level, state.trend
        for step in range(horizon):
            damped *= DAMPING
            level += damped
            forecasts.append(self._with_season(level, state.season[(origin + step) % self._season]))
        return forecasts

    def _begin(self, first: Values) -> _State:
        """Level and trend between the halves of the first seasons, the season as each half shows it."""
        half = len(first) // 2
        means = [fsum(part) / half for part in (first[:half], first[half:])]
        season = [
            fsum(
                self._without(first[position + number * self._season], mean)
                for number, mean in enumerate(means)
            )
            / len(means)
            for position in range(self._season)
        ]
        trend = (means[1] - means[0]) / half
        neutral = tuple(season) if self._season > 1 else (1.0 if self._is_ratio else 0.0,)
        # The mean of the second half lies in its middle; the state is that of its end.
        return _State(means[1] + trend * (half - 1) / 2, trend, neutral, 0.0)

    def _passed(
        self, begin: _State, values: Values, rates: tuple[float, float, float]
    ) -> list[_State]:
        """The state after each number of values, from those that it began with."""
        states, by_level, by_trend, by_season = [begin], *rates
        for number in range(self.needs, len(values)):
            before, value, position = states[-1], values[number], number % self._season
            damped, seasonal = before.trend * DAMPING, before.season[position]
            expected = before.level + damped
            level = by_level * self._without(value, seasonal) + (1 - by_level) * expected
            trend = by_trend * (level - before.level) + (1 - by_trend) * damped
            renewed = by_season * self._without(value, level) + (1 - by_season) * seasonal
            season = (*before.season[:position], renewed, *before.season[position + 1 :])
            error = value - self._with_season(expected, seasonal)
            states.append(
                _State(
                    level,
                    trend,
                    season if self._season > 1 else before.season,
                    before.errors + error * error,
                )
            )
        return states

    def _with_season(self, level: float, seasonal: float) -> float:
        return level * seasonal if self._is_ratio else level + seasonal

    def _without(self, value: float, part: float) -> float:
        """What is left of a value without one of its parts; all of it where a ratio has no meaning."""
        if not self._is_ratio:
            return value - part
        return value / part if part > 0 else value
