"""When an alarm is on: AWS's own tables about missing data, M of N, comparisons, and what is refused by name."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from local_cloud.adapters.cloudwatch import alarm as alarms
from local_cloud.adapters.cloudwatch.alarm import Alarm, MissingData, NotEvaluated
from local_cloud.adapters.cloudwatch.evaluation import state_of

TREATMENTS: tuple[MissingData, ...] = ("missing", "ignore", "breaching", "notBreaching")
KEPT: dict[str, Any] = {
    "AlarmName": "a",
    "Namespace": "AWS/SQS",
    "MetricName": "ApproximateNumberOfMessagesVisible",
    "Dimensions": [{"Name": "QueueName", "Value": "q"}],
    "Statistic": "Maximum",
    "Period": 300,
    "EvaluationPeriods": 3,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "missing",
}
KEEPS = "retain"


def alarm(**changed: Any) -> Alarm:
    return alarms.read(KEPT | changed)


def values(drawn: str) -> list[float | None]:
    """AWS's drawing: 0 is fine, X breaches, - is missing; the newest is the last."""
    return [{"0": 0.0, "X": 2.0, "-": None}[each] for each in drawn.split()]


# CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data", both tables: the state for missing,
# ignore, breaching and notBreaching.
ALL_OF_3 = {
    "0 - X - X": ("OK", "OK", "OK", "OK"),
    "0 - - - -": ("OK", "OK", "OK", "OK"),
    "- - - - -": ("INSUFFICIENT_DATA", KEEPS, "ALARM", "OK"),
    "0 X X - X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "- - X - -": ("ALARM", KEEPS, "ALARM", "OK"),
}
TWO_OF_3 = {
    "0 - X - X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "0 0 X 0 X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "0 - X - -": ("OK", "OK", "ALARM", "OK"),
    "- - - - 0": ("OK", "OK", "ALARM", "OK"),
    "- - - X -": ("ALARM", KEEPS, "ALARM", "OK"),
}
ROWS = [
    (needed, drawn, treatment, expected)
    for needed, table in ((3, ALL_OF_3), (2, TWO_OF_3))
    for drawn, states in table.items()
    for treatment, expected in zip(TREATMENTS, states, strict=True)
]


@pytest.mark.parametrize(("needed", "drawn", "treatment", "expected"), ROWS)
def test_the_tables_of_the_user_guide_hold(
    needed: int, drawn: str, treatment: MissingData, expected: str
) -> None:
    each = alarm(DatapointsToAlarm=needed, TreatMissingData=treatment)
    for current in get_args(alarms.State):
        wanted = current if expected == KEEPS else expected
        assert state_of(each, values(drawn), current) == wanted


@pytest.mark.parametrize("drawn", ["- - - - X", "- - - X -"])
def test_one_new_value_is_no_alarm_yet(drawn: str) -> None:
    """The guide's text about premature alarms: "the alarm does not go immediately into ALARM"."""
    assert state_of(alarm(), values(drawn), "OK") == "OK"


def test_a_single_value_keeps_an_alarm_of_one_period_on_until_it_leaves_the_range() -> None:
    """The guide's note: the last values are evaluated again for a time after the metric has stopped."""
    each = alarm(EvaluationPeriods=1, TreatMissingData="notBreaching")
    states = [state_of(each, values(drawn), "OK") for drawn in ("- - X", "- X -", "X - -", "- - -")]
    assert states == ["ALARM", "ALARM", "ALARM", "OK"]


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanOrEqualToThreshold", {1.0, 1.5}),
        ("GreaterThanThreshold", {1.5}),
        ("LessThanThreshold", {0.5}),
        ("LessThanOrEqualToThreshold", {0.5, 1.0}),
    ],
)
def test_each_comparison_has_its_edge(comparison: str, breaching: set[float]) -> None:
    each = alarm(EvaluationPeriods=1, ComparisonOperator=comparison)
    on = {
        value for value in (0.5, 1.0, 1.5) if state_of(each, [None, None, value], "OK") == "ALARM"
    }
    assert on == breaching


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"Metrics": [{"Id": "e"}]}, "Metrics"),
        ({"ExtendedStatistic": "p99"}, "ExtendedStatistic"),
        ({"ThresholdMetricId": "ad1"}, "ThresholdMetricId"),
        ({"EvaluateLowSampleCountPercentile": "ignore"}, "EvaluateLowSampleCountPercentile"),
        ({"Unit": "Count"}, "Unit"),
        ({"WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 5}}, "WarmUpConfiguration"),
        ({"Period": 10}, r"Period \(10 s\)"),
        ({"Period": 90}, r"Period \(90 s\)"),
        ({"Period": 3600, "EvaluationPeriods": 25}, "more than a day"),
        ({"DatapointsToAlarm": 4}, r"DatapointsToAlarm \(4\)"),
        ({"Statistic": "IQM"}, "Statistic"),
        ({"ComparisonOperator": "LessThanLowerOrGreaterThanUpperThreshold"}, "ComparisonOperator"),
        ({"TreatMissingData": "zero"}, "TreatMissingData"),
        ({"Namespace": "AWS/EC2"}, "AWS/EC2 ApproximateNumberOfMessagesVisible by QueueName"),
        ({"MetricName": "NumberOfMessagesSent"}, "AWS/SQS NumberOfMessagesSent"),
        ({"Dimensions": []}, "by none"),
    ],
)
def test_what_is_not_evaluated_is_refused_by_name(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(NotEvaluated, match=f"alarm a: .*{named}"):
        alarm(**changed)
