"""Features for a trained model: each knows only what was known at its origin, in units of its own series."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from rows.forecasting import features
from rows.forecasting.features import (
    NAMES,
    Example,
    examples,
    is_learned,
    totals_by_moment,
    usual,
)
from sample_data.series import history

YEAR, HORIZON = 12, 3


def of(values: Sequence[float], totals: Sequence[Sequence[float]] = ()) -> list[Example]:
    return list(examples(values, YEAR, HORIZON, totals_by_moment(totals or [values], YEAR)))


def named(example: Example) -> dict[str, float]:
    return dict(zip(NAMES, example.features, strict=True))


def test_what_came_after_an_origin_is_in_no_feature_of_it() -> None:
    values = history("season", Random(1), 48)
    changed = [*values[:40], *(3 * value for value in values[40:])]
    before = [
        (left.moment, left.step, left.features, right.features)
        for left, right in zip(of(values), of(changed), strict=True)
        if left.moment + 48 <= 40
    ]
    assert len(before) == (40 - 24 + 1) * HORIZON
    assert all(left == right for *_, left, right in before)


def test_a_series_of_ten_times_the_size_gives_the_same_examples_in_another_unit() -> None:
    values = history("season", Random(2), 40)
    small, large = of(values), of([10 * value for value in values])
    for left, right in zip(small, large, strict=True):
        assert right.scale == pytest.approx(10 * left.scale)
        assert right.features == pytest.approx(left.features)
        assert (left.target is None) == (right.target is None)


def test_the_last_origin_asks_for_what_is_to_come_and_the_ones_before_have_what_came() -> None:
    values = [float(100 + month % YEAR) for month in range(30)]
    last = [example for example in of(values) if example.moment == 0]
    assert [(example.step, example.target) for example in last] == [(0, None), (1, None), (2, None)]
    assert last[0].scale == pytest.approx(sum(values[-12:]) / 12)
    one_before = [example for example in of(values) if example.moment == -1]
    assert [example.target is None for example in one_before] == [False, True, True]
    assert one_before[0].target == pytest.approx(values[29] / one_before[0].scale)


def test_lags_means_and_shares_are_those_of_the_calendar() -> None:
    values = [float(number) for number in range(1, 37)]
    totals = [values, [value * 3 for value in values]]
    first = next(example for example in of(values, totals) if example.moment == 0)
    told, scale = named(first), sum(range(25, 37)) / 12
    assert first.scale == scale
    assert told["step"] == 0.0
    assert told["same_period_last_season"] == 25 / scale
    assert told["same_period_before"] == 13 / scale
    assert (told["last"], told["last_but_one"], told["last_but_two"]) == (
        36 / scale,
        35 / scale,
        34 / scale,
    )
    assert told["mean_of_quarter"] == 35 / scale
    assert told["mean_of_half"] == 33.5 / scale
    assert told["mean_of_season_before"] == 18.5 / scale
    assert told["share"] == pytest.approx(0.25)
    assert NAMES[-1] == "holt_winters"  # the script averages with the last one


def test_series_of_different_length_share_their_calendar() -> None:
    long, short = history("season", Random(3), 60), history("season", Random(4), 36)
    angles = {(example.moment, example.step): named(example)["season_sin"] for example in of(long)}
    for example in of(short):
        assert named(example)["season_sin"] == pytest.approx(angles[example.moment, example.step])


@pytest.mark.parametrize(
    ("values", "season", "learned"),
    [
        ([1.0] * 25, YEAR, True),
        ([1.0] * 24, YEAR, False),
        ([1.0] * 30, 1, False),
        ([*[1.0] * 30, *[0.0] * YEAR], YEAR, False),
        ([1.0, 0.0, 0.0] * 20, YEAR, False),
    ],
)
def test_a_model_learns_from_histories_that_are_long_dense_and_not_ended(
    values: list[float], season: int, learned: bool
) -> None:
    assert is_learned(values, season) is learned


def test_an_origin_after_an_empty_season_gives_no_example() -> None:
    values = [*[5.0] * 24, *[0.0] * YEAR, *[5.0] * YEAR]
    moments = {example.moment for example in of(values)}
    assert -YEAR not in moments
    assert -YEAR + 1 in moments


def test_the_newest_sixty_origins_are_enough() -> None:
    values = history("season", Random(5), 120)
    assert min(example.moment for example in of(values)) == -60
    assert features.origins(120, YEAR) == 60
    assert features.origins(30, YEAR) == 6


def test_no_value_counts_for_more_than_ten_times_what_is_usual_before_it() -> None:
    values = [5.0] * 30
    assert usual([*values, 1e9, 49.0, -1e9, 5.0], YEAR) == [*values, 50.0, 49.0, -50.0, 5.0]
    assert usual([1.0, 1e9, *[1.0] * 20], YEAR)[1] == 1e9  # nothing is usual yet
    assert usual([*[0.0] * 20, 7.0], YEAR)[-1] == 7.0


def test_an_absurd_value_in_another_series_moves_a_share_by_no_more_than_ten_usual_ones() -> None:
    own, other = history("season", Random(6), 60), history("season", Random(7), 60)
    absurd = [*other[:50], 1e12, *other[51:]]
    tenfold = [*other[:50], usual(absurd, YEAR)[50], *other[51:]]
    assert of(own, [own, absurd]) == of(own, [own, tenfold])
    assert of(absurd) == of(tenfold)
    before, now = (of(own, [own, each])[-1] for each in (other, absurd))
    assert 0.4 * named(before)["share"] < named(now)["share"] < named(before)["share"]
