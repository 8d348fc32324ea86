"""`slipway alarms`: alarms of this deployment that are on, since when, why, and the section of the runbook."""

from typing import Any

import boto3
import pytest

from slipway.reading import alarms
from tests.unit.slipway.conftest import REGION, Account

REASON = "Threshold Crossed: 1 out of the last 1 datapoints [1.0 (29/11/26 08:24:00)] was greater than ..."


def put(account: Account, name: str, state: str, *, topic: str | None = None) -> None:
    cloudwatch = boto3.client("cloudwatch", region_name=REGION)
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        AlarmDescription=f"{name} happened",
        Namespace="AWS/States",
        MetricName="ExecutionsFailed",
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        AlarmActions=[topic or account.deployment.output("AlarmsTopicArn")],
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason=REASON)


def test_alarms_that_are_on_are_shown_and_end_with_1(account: Account, capsys: Any) -> None:
    put(account, "Slipway-Dev-Monitoring-FailedRuns6F7FC7C6-Ab12", "ALARM")
    put(account, "Slipway-Dev-Monitoring-AbortedRunsC9339F6D-Ab12", "OK")
    put(
        account,
        "Slipway-Prod-Monitoring-FailedCare7DAFF5E3-Ab12",
        "ALARM",
        topic="arn:aws:sns:x:1:y",
    )
    assert account.slipway("alarms") == 1
    shown = capsys.readouterr().out
    assert "FailedRuns6F7FC7C6-Ab12 happened" in shown
    assert f"why:  {REASON}" in shown
    assert "next: docs/runbook.md, FailedRuns\n" in shown
    assert "AbortedRuns" not in shown
    assert "FailedCare" not in shown
    assert account.slipway("alarms", "--all") == 1
    assert "OK  Slipway-Dev-Monitoring-AbortedRuns" in capsys.readouterr().out


def test_without_an_alarm_it_says_so_and_ends_with_0(account: Account, capsys: Any) -> None:
    put(account, "Slipway-Dev-Monitoring-FailedRuns6F7FC7C6-Ab12", "OK")
    assert account.slipway("alarms") == 0
    assert capsys.readouterr().out == "none of 1 alarm is on\n"


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("Slipway-Local-Monitoring-FailedSourceSalesApi0D672FCF-198D5D240AD4B", "FailedSource"),
        ("Slipway-Local-Monitoring-StaleTiny5CD6C84B-1A2B3C4D5E6F", "Stale"),
        ("Slipway-Prod-Monitoring-IntakeDeadLettersC79D6A89-zzQ1", "IntakeDeadLetters"),
        ("Slipway-Local-Monitoring-IntakeWaits81E297DD-ADEBC1234567F", "IntakeWaits"),
        ("somebody's own", "somebody's own"),
    ],
)
def test_an_alarm_names_its_section(name: str, section: str) -> None:
    assert alarms.section_of(name) == section
