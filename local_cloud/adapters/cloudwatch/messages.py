"""What CloudWatch says when an alarm changes its state: the reason, the message to a topic, and the event.

Sources: CloudWatch user guide, "Acting on alarm changes" and "Alarm events and EventBridge", whose samples give the
fields; notifications that were posted in public issues give those of the message to SNS.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local_cloud.adapters.cloudwatch.alarm import Alarm, Comparison, State
from local_cloud.adapters.cloudwatch.evaluation import Values, breaches_threshold
from local_cloud.settings import ACCOUNT, REGION

REGION_NAMES = {"us-east-1": "US East (N. Virginia)"}
WORDS: dict[Comparison, str] = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
SUBJECT_LENGTH = 100


@dataclass(frozen=True, kw_only=True)
class Change:
    """An alarm went from one state to another at a moment (seconds since 1970); `data` is the reason for machines."""

    at: float
    before: State
    after: State
    reason: str
    data: str


def change(
    alarm: Alarm, values: Values, starts: Sequence[float], *, at: float, before: State, after: State
) -> Change:
    """The change with its reason, by the values of the evaluation range and the start of each period."""
    known = [
        (value, start) for value, start in zip(values, starts, strict=True) if value is not None
    ][-alarm.evaluation_periods :]
    if after == "INSUFFICIENT_DATA" or not known:
        reason = _of_missing(alarm, len(values), after)
    else:
        reason = _of_values(alarm, known, before, after)
    data = {
        "version": "1.0",
        "queryDate": stamp(at),
        **({"startDate": stamp(known[0][1])} if known else {}),
        "statistic": alarm.statistic,
        "period": alarm.period,
        "recentDatapoints": [value for value, _ in known],
        "threshold": alarm.threshold,
    }
    return Change(at=at, before=before, after=after, reason=reason, data=json.dumps(data))


def notification(kept: Mapping[str, Any], change: Change) -> tuple[str, str]:
    """Subject and body of the message to a topic."""
    region = REGION_NAMES.get(REGION, REGION)
    body = {
        "AlarmName": kept["AlarmName"],
        "AlarmDescription": kept.get("AlarmDescription") or None,
        "AWSAccountId": ACCOUNT,
        "AlarmConfigurationUpdatedTimestamp": stamp(kept["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": change.after,
        "NewStateReason": change.reason,
        "StateChangeTime": stamp(change.at),
        "Region": region,
        "AlarmArn": kept["AlarmArn"],
        "OldStateValue": change.before,
        **{
            name: list(kept.get(name) or [])
            for name in ("OKActions", "AlarmActions", "InsufficientDataActions")
        },
        "Trigger": {
            "MetricName": kept["MetricName"],
            "Namespace": kept["Namespace"],
            "StatisticType": "Statistic",
            "Statistic": kept["Statistic"].upper(),
            "Unit": kept.get("Unit"),
            "Dimensions": [
                {"value": each["Value"], "name": each["Name"]} for each in kept["Dimensions"]
            ],
            "Period": kept["Period"],
            "EvaluationPeriods": kept["EvaluationPeriods"],
            **_present(kept, "DatapointsToAlarm"),
            "ComparisonOperator": kept["ComparisonOperator"],
            "Threshold": kept["Threshold"],
            "TreatMissingData": kept["TreatMissingData"],
            "EvaluateLowSampleCountPercentile": "",
        },
    }
    subject = f'{change.after}: "{kept["AlarmName"]}" in {region}'[:SUBJECT_LENGTH]
    return subject, json.dumps(body)


def event(kept: Mapping[str, Any], change: Change, before: Mapping[str, Any]) -> dict[str, Any]:
    """The entry for EventBridge; `before` is the state that was left, as the event shows it."""
    metric = {
        "metric": {
            "namespace": kept["Namespace"],
            "name": kept["MetricName"],
            "dimensions": {each["Name"]: each["Value"] for each in kept["Dimensions"]},
        },
        "period": kept["Period"],
        "stat": kept["Statistic"],
    }
    metrics = [{"id": kept["AlarmName"], "metricStat": metric, "returnData": True}]
    detail = {
        "alarmName": kept["AlarmName"],
        "state": {
            "value": change.after,
            "reason": change.reason,
            "reasonData": change.data,
            "timestamp": stamp(change.at),
        },
        "previousState": before,
        "configuration": {"description": kept.get("AlarmDescription") or "", "metrics": metrics},
    }
    return {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Detail": json.dumps(detail),
        "Resources": [kept["AlarmArn"]],
    }


def stamp(seconds: float) -> str:
    """A moment as CloudWatch writes it: 2022-08-26T03:46:29.897+0000."""
    return (
        datetime.fromtimestamp(seconds, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "+0000")
    )


def _of_values(
    alarm: Alarm, known: Sequence[tuple[float, float]], before: State, after: State
) -> str:
    """`Threshold Crossed: 1 out of the last 1 datapoints [3.6 (26/08/22 03:40:00)] was ...`."""
    told = [each for each in known if breaches_threshold(alarm, each[0]) == (after == "ALARM")]
    points = ", ".join(
        f"{value} ({datetime.fromtimestamp(start, UTC):%d/%m/%y %H:%M:%S})"
        for value, start in reversed(told)
    )
    negation = "" if after == "ALARM" else "not "
    verb = "was" if len(told) == 1 else "were"
    needed = alarm.datapoints_to_alarm
    if after == "OK":
        needed = alarm.evaluation_periods - alarm.datapoints_to_alarm + 1
    return (
        f"Threshold Crossed: {len(told)} out of the last {alarm.evaluation_periods} datapoints [{points}] "
        f"{verb} {negation}{WORDS[alarm.comparison]} the threshold ({alarm.threshold}) "
        f"(minimum {needed} datapoint{'s' if needed > 1 else ''} for {before} -> {after} transition)."
    )


def _of_missing(alarm: Alarm, looked_at: int, after: State) -> str:
    if after == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {looked_at} datapoints were unknown."
    treated = "Breaching" if after == "ALARM" else "NonBreaching"
    return (
        f"Threshold Crossed: no datapoints were received for {alarm.evaluation_periods} "
        f"period{'s' if alarm.evaluation_periods > 1 else ''} and {alarm.evaluation_periods} missing "
        f"datapoint{'s were' if alarm.evaluation_periods > 1 else ' was'} treated as [{treated}]."
    )


def _present(kept: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {name: kept[name]} if name in kept else {}
