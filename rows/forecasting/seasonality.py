"""Whether a history repeats itself season by season, by the test that the M competitions use.

Source: Assimakopoulos and Nikolopoulos, "The theta model" (2000): the autocorrelation at the season against 1.645 of
its standard errors by Bartlett's formula. A trend would look like a season, so a straight line is taken out first.
"""

from __future__ import annotations

from math import fsum, sqrt

from rows.forecasting.methods import Values

LIMIT = 1.645


def has_season(values: Values, season: int) -> bool:
    """Whether what is left beside a straight line repeats itself after `season` periods."""
    if season < 2 or len(values) < 3 * season:
        return False
    rest = _without_line(values)
    square = fsum(value * value for value in rest)
    if not square:
        return False

    def correlation(lag: int) -> float:
        return fsum(now * then for now, then in zip(rest[lag:], rest, strict=False)) / square

    spread = 1 + 2 * fsum(correlation(lag) ** 2 for lag in range(1, season))
    return correlation(season) > LIMIT * sqrt(spread / len(values))


def _without_line(values: Values) -> list[float]:
    count = len(values)
    middle, mean = (count - 1) / 2, fsum(values) / count
    places = [number - middle for number in range(count)]
    slope = fsum(p * (v - mean) for p, v in zip(places, values, strict=True)) / fsum(
        place * place for place in places
    )
    return [v - mean - slope * p for p, v in zip(places, values, strict=True)]
