"""Monthly histories of five stated kinds, from a seed: what forecasts are compared and tried on.

season: trend, a season of a year and noise of 10 %. promotions: the same, with two months of the year in which sales
jump in five of six years. breaks: the same, with two lasting jumps of the level at any time. noise: no trend and no
season. intermittent: the season, in one month of three.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Literal, get_args

Kind = Literal["season", "promotions", "breaks", "noise", "intermittent"]
KINDS: tuple[Kind, ...] = get_args(Kind)
YEAR = 12
NOISE, NOISE_ALONE = 0.10, 0.20  # spread of the logarithm
SHARE_OF_PROMOTIONS, SHARE_OF_MONTHS = 5 / 6, 1 / 3
JUMPS = (0.5, 0.7, 1.4, 1.8)


def history(kind: Kind, random: Random, months: int) -> list[float]:
    """Amounts of so many months, each with two decimals; the same random numbers give the same history."""
    base = random.lognormvariate(8, 1)
    slope, swing, phase = (
        random.gauss(0.004, 0.005),
        random.uniform(0.1, 0.4),
        random.randrange(YEAR),
    )
    own = [random.gauss(0, 0.05) for _ in range(YEAR)]
    promoted = random.sample(range(YEAR), 2)
    breaks = {random.randrange(YEAR, max(months, YEAR + 1)): random.choice(JUMPS) for _ in range(2)}
    level, amounts = 1.0, []
    for month in range(months):
        if kind == "breaks":
            level *= breaks.get(month, 1.0)
        season = 1 + swing * math.sin(2 * math.pi * (month + phase) / YEAR) + own[month % YEAR]
        amount = base * level * max(0.2, 1 + slope * month) * season
        if kind == "noise":
            amount = base * random.lognormvariate(0, NOISE_ALONE)
        else:
            amount *= random.lognormvariate(0, NOISE)
        if (
            kind == "promotions"
            and month % YEAR in promoted
            and random.random() < SHARE_OF_PROMOTIONS
        ):
            amount *= random.uniform(1.3, 1.9)
        if kind == "intermittent" and random.random() >= SHARE_OF_MONTHS:
            amount = 0.0
        amounts.append(round(amount, 2))
    return amounts


def histories(each: int, months: int, seed: int) -> list[tuple[Kind, Sequence[float]]]:
    """So many of each kind."""
    random = Random(seed)  # noqa: S311 - sample data
    return [(kind, history(kind, random, months)) for kind in KINDS for _ in range(each)]
