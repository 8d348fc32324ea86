"""Values of an alarm by period: exact dimensions, periods up to the last whole minute, and the clock that is moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ministack.services import cloudwatch

from local_cloud.adapters.cloudwatch import alarm as alarms
from local_cloud.adapters.cloudwatch import metrics, queues
from local_cloud.adapters.cloudwatch.clock import Clock
from tests.unit.local_cloud.test_alarm_evaluation import KEPT

NOON = 1_700_000_000 // 60 * 60
ADDED = {"Namespace": "N", "MetricName": "M", "EvaluationPeriods": 1, "Statistic": "Sum"}


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    cloudwatch._metrics.clear()
    yield
    cloudwatch._metrics.clear()


def put(at: float, value: float = 1, **dimensions: str) -> None:
    metrics.record("N", "M", value, dimensions, at=at)


def values(now: float, **changed: Any) -> list[float | None]:
    alarm = alarms.read(KEPT | ADDED | changed)
    return metrics.values(alarm, Clock(lambda: now))[0]


def test_a_period_ends_with_the_last_whole_minute() -> None:
    for at in (NOON - 901, NOON - 900, NOON - 300, NOON - 1, NOON):
        put(at, QueueName="q")
    assert values(NOON) == [1, None, 2]
    assert values(NOON + 59.9) == [1, None, 2]
    assert values(NOON + 60) == [None, 1, 2]  # each minute the periods slide by one


@pytest.mark.parametrize("other", [{"QueueName": "other"}, {}, {"QueueName": "q", "Zone": "a"}])
def test_a_value_of_other_dimensions_is_none_of_this_alarm(other: dict[str, str]) -> None:
    put(NOON - 1, **other)
    assert values(NOON) == [None, None, None]
    put(NOON - 1, QueueName="q")
    assert values(NOON) == [None, None, 1]


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [("Sum", 9), ("Average", 3), ("Minimum", 1), ("Maximum", 6), ("SampleCount", 3)],
)
def test_each_statistic_is_of_its_period(statistic: str, expected: float) -> None:
    for value in (1, 2, 6):
        put(NOON - 1, value, QueueName="q")
    assert values(NOON, Statistic=statistic)[-1] == expected


def test_the_emulator_s_own_api_writes_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudwatch.time, "time", lambda: NOON - 1.0)
    cloudwatch._store_datum(
        "N", "M", {"QueueName": "q"}, NOON - 1, "None", None, [4, 5], [2, 1], None
    )
    assert values(NOON)[-1] == 13


def clock(real: list[float]) -> tuple[Clock, Callable[[float], None]]:
    made = Clock(lambda: real[0])
    return made, lambda seconds: real.__setitem__(0, real[0] + seconds)


def test_what_was_stamped_before_a_move_is_older_after_it() -> None:
    real = [1000.0]
    made, sleep = clock(real)
    made.move(60)
    assert (made.now(), made.at(990)) == (1060, 990)
    sleep(10)
    made.move(3600)
    assert made.now() == 1010 + 3660
    assert made.at(1005) == 1065  # between the two moves
    sleep(5)
    assert made.at(1012) == 1012 + 3660


def test_the_oldest_message_is_as_old_as_the_moved_clock_says() -> None:
    real = [1000.0]
    made, sleep = clock(real)
    message = {"sent_at": 1000.0, "receive_count": 0}
    often = {"sent_at": 500.0, "receive_count": 3}  # left out, as SQS does
    sleep(5)
    made.move(3600)
    assert queues._oldest([message, often], made) == 3605
    assert queues._oldest([often], made) == 0
    sleep(1)
    assert queues._oldest([{"sent_at": 1005.5, "receive_count": 2}], made) == 0.5
