"""An alarm on one metric, read from what the emulator keeps; what is not evaluated here is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from local_cloud.adapters.cloudwatch import emitted

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
MissingData = Literal["missing", "ignore", "breaching", "notBreaching"]
Comparison = Literal[
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
]
Statistic = Literal["SampleCount", "Average", "Sum", "Minimum", "Maximum"]

MINUTE = 60
DAY_SECONDS = 24 * 60 * 60
# Properties that change how an alarm is evaluated, and are not followed here.
NOT_EVALUATED = (
    *("Metrics", "ExtendedStatistic", "ThresholdMetricId", "EvaluateLowSampleCountPercentile"),
    *("Unit", "WarmUpConfiguration", "EvaluationCriteria", "EvaluationInterval"),
)


class NotEvaluated(ValueError):
    """An alarm of a kind that the embedded AWS does not evaluate, so it does not take it either."""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """What decides about the state of an alarm; times are in seconds, `datapoints_to_alarm` is M of N."""

    name: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: Statistic
    period: int
    evaluation_periods: int
    datapoints_to_alarm: int
    threshold: float
    comparison: Comparison
    missing_data: MissingData


def read(kept: Mapping[str, Any]) -> Alarm:
    """The alarm that a template or a request describes. Raises NotEvaluated."""
    name = str(kept.get("AlarmName"))
    for each in NOT_EVALUATED:
        if kept.get(each):
            raise NotEvaluated(_refusal(name, f"{each} ({kept[each]!r})"))
    periods = int(kept["EvaluationPeriods"])
    alarm = Alarm(
        name=name,
        namespace=str(kept["Namespace"]),
        metric=str(kept["MetricName"]),
        dimensions={each["Name"]: str(each["Value"]) for each in kept.get("Dimensions") or []},
        statistic=_one_of(Statistic, name, "Statistic", kept["Statistic"]),
        period=int(kept["Period"]),
        evaluation_periods=periods,
        datapoints_to_alarm=int(kept.get("DatapointsToAlarm") or periods),
        threshold=float(kept["Threshold"]),
        comparison=_one_of(Comparison, name, "ComparisonOperator", kept["ComparisonOperator"]),
        missing_data=_one_of(
            MissingData, name, "TreatMissingData", kept.get("TreatMissingData") or "missing"
        ),
    )
    _check(alarm)
    return alarm


def _check(alarm: Alarm) -> None:
    """Short periods are evaluated every ten seconds, long ranges once an hour: neither is done here.

    Source: CloudWatch user guide, "Alarm evaluation".
    """
    if alarm.period < MINUTE or alarm.period % MINUTE:
        raise NotEvaluated(_refusal(alarm.name, f"Period ({alarm.period} s): whole minutes are"))
    if alarm.period * alarm.evaluation_periods > DAY_SECONDS:
        raise NotEvaluated(_refusal(alarm.name, "Period x EvaluationPeriods of more than a day"))
    if not 1 <= alarm.datapoints_to_alarm <= alarm.evaluation_periods:
        raise NotEvaluated(_refusal(alarm.name, f"DatapointsToAlarm ({alarm.datapoints_to_alarm})"))
    if not emitted.is_emitted(alarm.namespace, alarm.metric, alarm.dimensions):
        what = f"metric {alarm.namespace} {alarm.metric} by {', '.join(alarm.dimensions) or 'none'}"
        raise NotEvaluated(_refusal(alarm.name, f"{what}, which nothing emits here"))


def _one_of(kind: Any, name: str, field: str, value: Any) -> Any:
    if value not in get_args(kind):
        raise NotEvaluated(_refusal(name, f"{field} ({value!r})"))
    return value


def _refusal(name: str, what: str) -> str:
    return (
        f"alarm {name}: {what} is not evaluated by the embedded AWS; change the alarm, or teach "
        "local_cloud/adapters/cloudwatch to evaluate it"
    )
