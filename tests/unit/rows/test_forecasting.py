"""Forecasts of single series: what each kind of history gets, how wide its band is, and when naive gives way."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random

import pytest

from rows.forecasting import forecast
from rows.forecasting.backtest import Backtest, backtest, half_widths, level, seasonal_scale
from rows.forecasting.methods import HoltWinters, Mean, Method, Predicted, SeasonalNaive
from rows.forecasting.seasonality import has_season
from rows.forecasting.series import Scale, SeriesForecast

CENTS = Scale(decimals=2, largest=Decimal("9999999999999999.99"))
HORIZON, YEAR = 6, 12
Generated = Callable[[Random, int], list[Decimal]]


def cents(*values: float) -> list[Decimal]:
    return [Decimal(str(value)).quantize(Decimal("0.01")) for value in values]


def of(values: Sequence[Decimal], season: int = YEAR, horizon: int = HORIZON) -> SeriesForecast:
    return forecast(values, season=season, horizon=horizon, scale=CENTS)


def values_of(found: SeriesForecast) -> list[str]:
    return [str(point.value) for point in found.points]


def _season(random: Random, months: int, *, trend: float = 0.0, noise: float = 0.08) -> list[float]:
    base, phase = random.lognormvariate(12, 0.6), random.randrange(YEAR)
    return [
        base
        * (1 + trend * month)
        * (1 + 0.3 * math.sin(2 * math.pi * (month + phase) / YEAR))
        * random.lognormvariate(0, noise)
        for month in range(months)
    ]


def seasonal(random: Random, months: int) -> list[Decimal]:
    return cents(*_season(random, months))


def growing(random: Random, months: int) -> list[Decimal]:
    return cents(*_season(random, months, trend=0.005))


def uniform(random: Random, months: int) -> list[Decimal]:
    base = random.lognormvariate(12, 0.6)
    return cents(*(base * random.uniform(0.2, 1.8) for _ in range(months)))


def noisy(random: Random, months: int) -> list[Decimal]:
    base = random.lognormvariate(12, 0.6)
    return cents(*(base * random.lognormvariate(0, 0.12) for _ in range(months)))


def sparse(random: Random, months: int) -> list[Decimal]:
    base = random.lognormvariate(12, 0.6)
    return cents(
        *(base * random.lognormvariate(0, 0.2) * (random.random() < 0.35) for _ in range(months))
    )


KINDS: list[Generated] = [seasonal, growing, uniform, noisy, sparse]


# which kind of history gets what


def test_a_history_that_no_method_explains_better_gets_what_came_a_year_before() -> None:
    found = of(cents(*(100 + month % 7 * 3.01 for month in range(30))))
    assert found.method == "seasonal_naive"
    assert values_of(found) == ["112.04", "115.05", "118.06", "100.00", "103.01", "106.02"]


def test_a_horizon_longer_than_a_season_repeats_the_last_one() -> None:
    found = of(cents(*range(1, 9)), season=4, horizon=6)
    assert values_of(found) == ["5.00", "6.00", "7.00", "8.00", "5.00", "6.00"]


def test_a_new_series_gets_the_mean_of_what_there_is_and_no_band_before_there_are_errors() -> None:
    found = of(cents(10, 20, 31))
    assert (found.method, values_of(found)) == ("mean", ["20.33"] * HORIZON)
    assert {point.lower_80 for point in found.points} == {None}
    assert (found.wape is not None, found.mase) == (True, None)
    alone = of(cents(10))
    assert (values_of(alone)[0], alone.wape, alone.tested) == ("10.00", None, 0.0)


def test_an_ended_series_gets_nothing() -> None:
    found = of(cents(*[50] * 20, *[0] * YEAR))
    assert (found.method, values_of(found)) == ("ended", ["0.00"] * HORIZON)
    assert {point.upper_95 for point in found.points} == {Decimal("0.00")}
    assert of(cents(*[50] * 20, *[0] * (YEAR - 1))).method != "ended"


def test_an_intermittent_series_gets_a_mean_with_the_empty_periods_in_it() -> None:
    found = of(cents(*[0, 0, 30] * YEAR))
    assert (found.method, values_of(found)) == ("mean", ["10.00"] * HORIZON)
    assert all(point.lower_95 == 0 for point in found.points)


def test_a_gap_is_a_period_with_nothing() -> None:
    values = [*[100] * 20, 0, 0, *[100] * 8]
    found = of(cents(*values))
    assert (found.method, values_of(found)[2:5]) == (
        "seasonal_naive",
        ["0.00", "0.00", "100.00"][0:3],
    )


def test_negative_amounts_are_forecast_and_others_never_fall_below_zero() -> None:
    below = of(cents(*(-50 + month % YEAR for month in range(36))))
    assert values_of(below)[0] == "-50.00"
    few = of(cents(*[3, 0, 1, 90, 2, 1, 60, 1, 1, 2, 80, 1] * 3))
    assert all((point.lower_95 or 0) >= 0 for point in few.points)


def test_years_have_no_season_and_get_the_last_value() -> None:
    assert values_of(of(cents(5, 6, 9, 8), season=1, horizon=2)) == ["8.00", "8.00"]


def test_no_period_is_no_series() -> None:
    with pytest.raises(ValueError, match="without a period"):
        of([])


def test_nothing_is_larger_than_the_column() -> None:
    largest = Decimal("999.99")
    found = forecast(
        cents(*[999.99, 0.01] * 18),
        season=4,
        horizon=2,
        scale=Scale(decimals=2, largest=largest),
    )
    assert all((point.upper_95 or 0) <= largest for point in found.points)


# what a method may know


METHODS: list[Callable[[Sequence[float]], Method]] = [
    lambda values: SeasonalNaive(values, YEAR),
    lambda values: Mean(values, YEAR),
    lambda values: HoltWinters(values, YEAR),
    lambda values: HoltWinters(values, 1),
]


@pytest.mark.parametrize("method", METHODS)
def test_no_method_looks_behind_its_origin(method: Callable[[Sequence[float]], Method]) -> None:
    values = _season(Random(3), 60)
    other = [*values[:40], *(value * 3 for value in values[40:])]
    assert method(values).at(40, HORIZON) == method(other).at(40, HORIZON)
    assert method(values).at(40, HORIZON) == method(values[:40]).at(40, HORIZON)


def test_a_backtest_has_every_origin_with_as_many_steps_as_are_known() -> None:
    tested = backtest(SeasonalNaive([1.0, 2.0, 3.0, 5.0, 8.0], 2), [1.0, 2.0, 3.0, 5.0, 8.0], 2, 2)
    assert tested.errors == ((2.0, 3.0, 5.0), (3.0, 5.0))
    assert tested.wape == pytest.approx(18 / (3 + 5 + 8 + 5 + 8))
    assert seasonal_scale([1.0, 2.0, 3.0, 5.0, 8.0], 2) == pytest.approx(10 / 3)
    assert seasonal_scale([1.0, 1.0, 1.0], 1) is None


def test_a_band_never_narrows_with_the_distance() -> None:
    values = [1.0, 9.0] * 30
    widths = half_widths(backtest(Mean(values, 3), values, HORIZON, 4), values, YEAR)
    known = [width for width in widths if width]
    assert len(known) == HORIZON
    assert known == sorted(known)
    assert all(narrow <= wide for narrow, wide in known)


def test_a_level_is_the_usual_size_of_the_last_three_years() -> None:
    assert level([*[100.0] * 50, *[-2.0, 4.0] * 18], YEAR) == pytest.approx(96 / 33)
    assert level([*[3.0] * 30, 9e12, *[3.0] * 5], YEAR) == 3.0
    assert level([0.0] * 35 + [12.0], YEAR) == pytest.approx(12 / 33)  # mostly nothing, not nothing
    assert (level([5.0, 7.0], YEAR), level([0.0] * 40, YEAR), level([], YEAR)) == (6.0, 0.0, 0.0)
    assert level([1.0] * 11 + [99.0], 1) == 1.0  # of years: twelve of them


def widths_of(values: Sequence[float]) -> list[tuple[float, float] | None]:
    return half_widths(backtest(SeasonalNaive(values, YEAR), values, HORIZON, YEAR), values, YEAR)


def test_a_band_is_as_wide_as_errors_were_for_the_level_that_there_is_now() -> None:
    grown = [10.0] * 64 + [30.0] * 36
    tested = Backtest(first_origin=40, errors=((1.0, -1.0) * 12,), values=())
    assert half_widths(tested, grown, YEAR) == [pytest.approx((3.0, 3.0))]


def test_an_absurd_value_does_not_make_a_band_absurd() -> None:
    random = Random(4)
    plain = [100 * random.lognormvariate(0, 0.1) for _ in range(60)]
    absurd = [*plain[:40], 1e9, *plain[41:]]
    for before, now in zip(widths_of(plain), widths_of(absurd), strict=True):
        assert before is not None
        assert now is not None
        assert now[0] < 1.5 * before[0]


def test_the_tail_of_errors_further_ahead_is_taken_from_fewer_independent_ones() -> None:
    values = [10.0] * 100
    sizes = tuple(float(number) for number in range(1, 61))
    tested = Backtest(first_origin=40, errors=(sizes,) * 4, values=())
    widths = [width for width in half_widths(tested, values, YEAR) if width]
    assert [narrow for narrow, _ in widths] == pytest.approx([0.8 * 61] * 4)
    assert [wide for _, wide in widths] == pytest.approx(
        [0.95 * (60 + math.sqrt(step)) for step in range(1, 5)]
    )


def test_errors_from_before_there_was_any_size_count_for_nothing() -> None:
    values = [0.0] * 20 + [5.0] * 24
    tested = Backtest(first_origin=18, errors=((1e9, 1e9, 1e9, *[1.0] * 20),), values=())
    ((_, wide),) = filter(None, half_widths(tested, values, YEAR))
    assert wide < 100


# bands and the gate, over many series


@pytest.mark.parametrize("months", [36, 60])
@pytest.mark.parametrize("kind", KINDS)
def test_bands_hold_what_they_say(kind: Generated, months: int) -> None:
    random = Random(17)
    inside: Counter[int] = Counter()
    count = 0
    for _ in range(100):
        values = kind(random, months + HORIZON)
        found = of(values[:months])
        for point, actual in zip(found.points, values[months:], strict=True):
            count += 1
            for share in (80, 95):
                low, high = (getattr(point, f"{end}_{share}") for end in ("lower", "upper"))
                inside[share] += low <= actual <= high
    assert inside[80] / count == pytest.approx(0.80, abs=0.06)
    assert inside[95] / count == pytest.approx(0.95, abs=0.035)


@pytest.mark.parametrize("months", [24, 36, 48, 84])
@pytest.mark.parametrize("kind", [uniform, noisy, sparse])
def test_data_without_a_season_are_never_published_as_better_than_naive(
    kind: Generated, months: int
) -> None:
    random = Random(5)
    found = [of(kind(random, months)) for _ in range(60)]
    assert "holt_winters" not in {series.method for series in found}
    assert all(
        series.naive_error >= series.absolute_error or series.method == "mean" for series in found
    )


def test_where_a_season_is_learnt_the_forecast_is_better_than_naive_by_what_came() -> None:
    random, errors, naive = Random(11), Decimal(0), Decimal(0)
    methods: Counter[str] = Counter()
    for _ in range(60):
        values = growing(random, 84 + HORIZON)
        found = of(values[:84])
        methods[found.method] += 1
        for step, (point, actual) in enumerate(zip(found.points, values[84:], strict=True)):
            errors += abs(point.value - actual)
            naive += abs(values[84 - YEAR + step] - actual)
    assert methods["holt_winters"] >= 45
    assert errors < naive * Decimal("0.90")


def test_better_than_naive_is_said_only_with_the_errors_of_both() -> None:
    random = Random(11)
    for _ in range(20):
        found = of(growing(random, 84))
        if found.method == "holt_winters":
            assert found.absolute_error < found.naive_error


def test_a_line_is_no_season() -> None:
    assert not has_season([float(month) for month in range(60)], YEAR)
    assert has_season([float(month % YEAR) + month for month in range(60)], YEAR)


def test_one_absurd_value_stays_in_its_series() -> None:
    random = Random(2)
    plain, other = growing(random, 60), growing(random, 60)
    before = of(other)
    absurd = [*plain[:50], Decimal(10**13), *plain[51:]]
    assert of(absurd) != of(plain)
    assert of(other) == before


# what a trained model says of a series


def said(values: Sequence[Decimal], off: float = 1.0, origins: int = 24) -> Predicted:
    """A model that is wrong by a share; for what is to come it says a year before."""
    known = [float(value) for value in values]
    come = [*known, *known[-YEAR:]]
    first = len(known) - origins
    return Predicted(
        forecasts={
            origin: [come[origin + step] * off for step in range(HORIZON)]
            for origin in range(first, len(known) + 1)
        }
    )


def published(values: Sequence[Decimal], predicted: Predicted) -> SeriesForecast:
    return forecast(values, season=YEAR, horizon=HORIZON, scale=CENTS, predicted=predicted)


def test_a_trained_model_is_published_where_it_beats_every_other_method() -> None:
    values = seasonal(Random(1), 60)
    found = published(values, said(values, off=1.01))
    assert found.method == "gradient_boosting"
    assert found.wape == pytest.approx(0.01, abs=1e-6)
    assert found.absolute_error < found.naive_error
    naive = SeasonalNaive([float(value) for value in values], YEAR).at(60, HORIZON)
    expected = [1.01 * each for each in naive]
    assert [float(point.value) for point in found.points] == pytest.approx(expected, abs=0.01)


def test_a_trained_model_that_is_worse_changes_nothing() -> None:
    values = seasonal(Random(1), 60)
    assert published(values, said(values, off=1.4)) == of(values)


def test_of_two_models_that_pass_the_one_with_less_error_at_the_same_origins_is_published() -> None:
    values = growing(Random(1), 90)
    assert of(values).method == "holt_winters"
    assert published(values, said(values, off=1.01)).method == "gradient_boosting"
    assert published(values, said(values, off=1.10)).method == "holt_winters"


def test_a_series_without_a_season_is_never_published_by_a_model_however_good_it_seems() -> None:
    values = noisy(Random(3), 60)
    assert published(values, said(values, off=1.001)) == of(values)


def test_a_model_that_was_tested_for_less_than_a_season_is_not_published() -> None:
    values = seasonal(Random(1), 60)
    assert published(values, said(values, off=1.01, origins=YEAR - 1)) == of(values)
    assert published(values, said(values, off=1.01, origins=YEAR)).method == "gradient_boosting"


@pytest.mark.parametrize("values", [cents(*[50] * 20, *[0] * YEAR), cents(*[0, 0, 30] * YEAR)])
def test_what_has_a_treatment_of_its_own_keeps_it(values: list[Decimal]) -> None:
    assert published(values, said(values, off=1.0)) == of(values)
