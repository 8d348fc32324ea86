"""CloudWatch's alarms of a deployment, which are those that tell its topic Alarms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from slipway.deployment import Deployment

ON = "ALARM"
# CloudFormation names an alarm <stack>-<logical id>-<random>, and the CDK ends a logical id with a hash.
NAME = re.compile(r"^.+-(?P<what>[A-Za-z0-9]+)[0-9A-F]{8}-\w+$")
PER_NAME = (
    "Stale",
    "FailedSource",
    "TimedOutSource",
    "AbortedSource",
    "Lost",
)  # one section of the runbook for all of them


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One alarm; `section` is its heading in docs/runbook.md, `state` as CloudWatch says it."""

    section: str
    state: str
    since: datetime
    description: str
    reason: str


def every(deployment: Deployment) -> Iterator[Alarm]:
    """All alarms, the last change first."""
    pages = deployment.client("cloudwatch").get_paginator("describe_alarms")
    topic = deployment.output("AlarmsTopicArn")
    found = [
        alarm
        for page in pages.paginate(AlarmTypes=["MetricAlarm"], ActionPrefix=topic)
        for alarm in page["MetricAlarms"]
        if topic in alarm["AlarmActions"]  # the embedded AWS does not filter
    ]
    for alarm in sorted(found, key=lambda each: each["StateUpdatedTimestamp"], reverse=True):
        yield Alarm(
            section=section_of(alarm["AlarmName"]),
            state=alarm["StateValue"],
            since=alarm["StateUpdatedTimestamp"],
            description=alarm.get("AlarmDescription", ""),
            reason=alarm.get("StateReason", ""),
        )


def section_of(alarm_name: str) -> str:
    """The heading of docs/runbook.md that an alarm has."""
    found = NAME.match(alarm_name)
    what = found["what"] if found else alarm_name
    return next((each for each in PER_NAME if what.startswith(each)), what)
