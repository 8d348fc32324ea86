"""The comparison of forecasts: every method on the same series, and nothing of what came known to any of them."""

from __future__ import annotations

from threadpoolctl import threadpool_limits

from benchmarks import forecasts
from benchmarks.forecasts import HORIZON, Errors, Series


def test_errors_are_those_of_the_definitions() -> None:
    series = Series(kind="x", known=tuple(float(n % 12) for n in range(24)), came=(1.0, 3.0))
    errors = Errors()
    errors.add(series, [2.0, 1.0])
    assert (errors.error, errors.size, errors.scaled) == (3.0, 4.0, [])  # nothing to scale by
    uneven = Series(kind="x", known=(*[1.0] * 12, *[3.0] * 12), came=(1.0, 3.0))
    errors.add(uneven, [2.0, 1.0])
    assert errors.scaled == [3.0 / 2 / 2.0]
    assert str(errors) == "0.750 / 0.750"


def test_the_last_months_are_what_came_and_are_known_to_no_method() -> None:
    series = forecasts.generated(2, 60, 1)
    assert {(len(one.known), len(one.came)) for one in series} == {(60 - HORIZON, HORIZON)}
    lengths: list[int] = []

    def other(known: object) -> list[float]:
        lengths.append(len(known))  # type: ignore[arg-type]
        return [0.0] * HORIZON

    with threadpool_limits(limits=1, user_api="openmp"):
        lines = list(forecasts.compared(series, {"other": other}))
    assert set(lengths) == {60 - HORIZON}
    assert lines[0] == "| WAPE / MASE | season | promotions | breaks | noise | intermittent | all |"
    (of_other,) = [line for line in lines if line.startswith("| other |")]
    assert of_other.split(" | ")[-1].startswith("1.000 / ")  # it said nothing, so all is error
    assert len({line.count("|") for line in lines[2:]}) == 1
