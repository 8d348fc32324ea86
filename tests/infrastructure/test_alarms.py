"""Every alarm of every environment fires in a story, is what fired there, and is quiet while nothing has happened."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from ministack.services import cloudwatch

from contracts import model
from lambdas.measure_freshness.service import MeasureFreshness
from local_cloud.adapters.cloudwatch import alarm as alarms
from local_cloud.adapters.cloudwatch import emitted, evaluation, log_lines, metrics
from local_cloud.adapters.cloudwatch.clock import Clock
from tests.end_to_end.alarm_causes import CAUSES
from tests.infrastructure.support import Assembly, Resource, flat

EVERY_ASSEMBLY = pytest.mark.parametrize("name", ["prod", "local", "comprehensive"])
HOUR = 60 * 60


@pytest.fixture
def assembly(request: pytest.FixtureRequest, name: str) -> Assembly:
    found: Assembly = request.getfixturevalue(name)
    return found


def alarms_of(assembly: Assembly) -> dict[str, Resource]:
    """Properties by the name in the template, without the CDK's hash."""
    return {
        re.sub(r"[0-9A-F]{8}$", "", place.partition("/")[2]): resource["Properties"]
        for place, resource in assembly.resources("AWS::CloudWatch::Alarm").items()
    }


def evaluated(name: str, properties: Resource) -> alarms.Alarm:
    """The alarm as the embedded AWS reads it."""
    dimensions = [
        {"Name": each["Name"], "Value": flat(each["Value"])}
        for each in properties.get("Dimensions", [])
    ]
    return alarms.read(properties | {"AlarmName": name, "Dimensions": dimensions})


# Not on the embedded AWS as shipped: a dataset of tests, a rule that is there with EMR Serverless, what watches an
# instance of the internal database, and what optional features refresh. Alarms of their kind are there, built by the
# same lines (StaleSalesRecords, LostMonitoringFailedJobs, IntakeDeadLetters, FailedRuns; FilesNotTaken and
# IntakeErrors, whose windows are shorter).
OF_AN_INSTANCE = {"DatabaseAwake", "FailedSweeps"}
ALARMS_OF_OTHERS = {
    *("StaleTiny", "LostMonitoringFailedEmrJobs"),
    *("LostDatabaseSweepDatabase", "RestDatabaseDeadLetters"),
    *OF_AN_INSTANCE,
    *(
        f"{end}{what}"
        for end in ("Failed", "TimedOut", "Aborted")
        for what in ("Dashboards", "Queries")
    ),
}


@EVERY_ASSEMBLY
def test_every_alarm_fires_in_a_story(assembly: Assembly) -> None:
    """A new alarm needs a cause in tests/end_to_end/alarm_causes.py."""
    found = {
        each: [pattern for pattern in CAUSES if re.fullmatch(pattern, each)]
        for each in alarms_of(assembly)
        if each not in OF_AN_INSTANCE
    }
    assert {each for each, patterns in found.items() if len(patterns) != 1} == set()


@EVERY_ASSEMBLY
def test_an_alarm_of_any_environment_is_the_one_that_fires_on_the_embedded_aws(
    assembly: Assembly, local: Assembly
) -> None:
    """Alike but for what tells environments apart: names, tags, the contracts of comprehensive, and EMR."""
    there = alarms_of(local)
    for name, properties in alarms_of(assembly).items():
        if name in ALARMS_OF_OTHERS:
            continue
        assert _without_environment(properties) == _without_environment(there[name])


def _without_environment(properties: Resource) -> str:
    kept = {
        **{key: value for key, value in properties.items() if key != "Tags"},
        "Dimensions": [
            (each["Name"], flat(each["Value"])) for each in properties.get("Dimensions", [])
        ],
        "AlarmActions": [flat(each) for each in properties["AlarmActions"]],
        "InsufficientDataActions": [
            flat(each) for each in properties.get("InsufficientDataActions", [])
        ],
    }
    return re.sub(r"\b(prod|local)\b", "ENV", json.dumps(kept, sort_keys=True))


@EVERY_ASSEMBLY
def test_a_new_deployment_is_quiet(assembly: Assembly) -> None:
    """Without any value nobody is told: an alarm becomes OK, of which nobody is told, or stays as it began."""
    for name, properties in alarms_of(assembly).items():
        alarm = evaluated(name, properties)
        nothing = [None] * evaluation.range_of(alarm)
        state = evaluation.state_of(alarm, nothing, "INSUFFICIENT_DATA")
        assert state in ("OK", "INSUFFICIENT_DATA"), name
        assert "OKActions" not in properties


def test_a_dataset_is_stale_once_its_first_delivery_is_overdue(
    prod: Assembly, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the lines that the function writes each hour, and the alarm of prod."""
    monkeypatch.setattr(cloudwatch, "_metrics", {})
    alarm = evaluated("Stale", alarms_of(prod)["StaleSalesRecords"])
    contract = model.load("sales_records")
    deployed = datetime(
        2026, 11, 2, 8, 20, tzinfo=UTC
    )  # a Monday; hours without files do not count
    ledger = SimpleNamespace(
        newest_first=lambda _dataset: [], first_seen=lambda *_, **__: deployed.isoformat()
    )
    states: dict[int, str] = {}
    state: alarms.State = "INSUFFICIENT_DATA"
    for hour in range(1, contract.freshness_hours + 4):
        now, out = deployed + timedelta(hours=hour), io.StringIO()
        measured = MeasureFreshness(environment="prod", runs=ledger, now=lambda now=now: now)  # type: ignore[arg-type,misc]
        measured.measure([contract], out)
        for line in out.getvalue().splitlines():
            for value in log_lines.values(line, now.timestamp(), []):
                metrics.record(
                    value.namespace, value.metric, value.value, value.dimensions, at=value.at
                )
        clock = Clock(lambda now=now: now.timestamp() + 90)  # type: ignore[misc]
        state = evaluation.state_of(alarm, metrics.values(alarm, clock)[0], state)
        states[hour] = state
    first = min(hour for hour, each in states.items() if each == "ALARM")
    assert first == contract.freshness_hours + 2  # older than that, and measured twice
    assert {each for hour, each in states.items() if hour < first} == {"OK"}


@EVERY_ASSEMBLY
def test_each_metric_of_a_widget_is_one_that_something_emits(assembly: Assembly) -> None:
    bodies = [
        json.loads(_joined(board["Properties"]["DashboardBody"]))
        for board in assembly.resources("AWS::CloudWatch::Dashboard").values()
    ]
    shown = [
        metric
        for body in bodies
        for widget in body["widgets"]
        for metric in widget["properties"]["metrics"]
    ]
    assert len(shown) > 15
    ours = _own_metrics(assembly)
    for namespace, metric, *rest in shown:
        dimensions = [each for each in rest if isinstance(each, str)][::2]
        if namespace.startswith("AWS/"):
            assert emitted.is_emitted(namespace, metric, dimensions), (namespace, metric)
        else:
            assert (namespace, metric, sorted(dimensions)) in ours


def _own_metrics(assembly: Assembly) -> list[tuple[str, str, list[str]]]:
    """What metric filters count, and what measure_freshness writes."""
    counted = [
        (
            each["MetricNamespace"],
            each["MetricName"],
            sorted(dimension["Key"] for dimension in each.get("Dimensions", [])),
        )
        for found in assembly.resources("AWS::Logs::MetricFilter").values()
        for each in found["Properties"]["MetricTransformations"]
    ]
    function = MeasureFreshness(environment="e", runs=None, now=lambda: datetime.now(UTC))  # type: ignore[arg-type]
    line = json.dumps(function._line("d", 1.0, datetime.now(UTC)))
    written = [
        (each.namespace, each.metric, sorted(each.dimensions))
        for each in log_lines.values(line, 0, [])
    ]
    return [*counted, *written]


def _joined(body: Any) -> str:
    """A dashboard's text, its references as names."""
    return flat(body) if isinstance(body, dict) else str(body)
