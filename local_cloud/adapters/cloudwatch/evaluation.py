"""Which state an alarm is in, by the values of its last periods: M of N, and values that are missing. Pure.

Source: CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data": its two tables are tests, and so
is its example of an evaluation range, two periods more than Evaluation Periods.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

from local_cloud.adapters.cloudwatch.alarm import Alarm, Comparison, State

EXTRA_PERIODS = 2  # AWS says that the number varies, and shows this one
BREACHES: dict[Comparison, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
Values = Sequence[float | None]  # one per period, the oldest first; None is missing


def range_of(alarm: Alarm) -> int:
    """How many periods are looked at."""
    return alarm.evaluation_periods + EXTRA_PERIODS


def state_of(alarm: Alarm, values: Values, current: State) -> State:
    """The state after looking at the values of the evaluation range."""
    breaches = [None if value is None else breaches_threshold(alarm, value) for value in values]
    known = [each for each in breaches if each is not None]
    if len(known) >= alarm.evaluation_periods:
        return _by_count(alarm, sum(known[-alarm.evaluation_periods :]))
    filled = alarm.evaluation_periods - len(known)
    match alarm.missing_data:
        case "notBreaching":
            return _by_count(alarm, sum(known))
        case "breaching":
            return _by_count(alarm, sum(known) + filled)
        case "missing":
            if not known:
                return "INSUFFICIENT_DATA"
            return "ALARM" if _is_old(alarm, breaches) else _by_count(alarm, sum(known))
        case "ignore":
            undecided = all(known) and len(known) < alarm.datapoints_to_alarm
            return (
                current if undecided or _is_old(alarm, breaches) else _by_count(alarm, sum(known))
            )


def breaches_threshold(alarm: Alarm, value: float) -> bool:
    """Whether one value is on the wrong side."""
    return BREACHES[alarm.comparison](value, alarm.threshold)


def _by_count(alarm: Alarm, breaching: int) -> State:
    return "ALARM" if breaching >= alarm.datapoints_to_alarm else "OK"


def _is_old(alarm: Alarm, breaches: Sequence[bool | None]) -> bool:
    """AWS's premature alarm: nothing but breaching values, the oldest of them M periods ago or more."""
    known = [place for place, each in enumerate(reversed(breaches), start=1) if each is not None]
    return all(each is not False for each in breaches) and max(known) >= alarm.datapoints_to_alarm
