"""Alarms fire: a real cause in the deployed application, a message through topic policy and key, and OK again.

That these are all alarms of every environment, with the same thresholds, is in tests/infrastructure/test_alarms.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from local_cloud.session import LocalCloud
from slipway.__main__ import main as command
from slipway.reading import alarms
from tests.end_to_end import listening
from tests.end_to_end.alarm_causes import (
    CAUSES,
    HOUR,
    MINUTE,
    Stage,
    dead_letters,
    measure,
    status,
)
from tests.end_to_end.pipeline import Pipeline

LISTENER = "alarm-listener"
EVENTS = "alarm-events"
CHANGES = {"source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm State Change"]}
RANGE_SECONDS = (
    17 * MINUTE
)  # three periods of five minutes, and what is left of a minute at both ends


def read(pipeline: Pipeline, url: str) -> list[Any]:
    return listening.read(pipeline.deployment, url)


@pytest.fixture(scope="module")
def listener(pipeline: Pipeline) -> Iterator[str]:
    """A queue that is subscribed to the topic of alarms, as an address would be."""
    topic = pipeline.deployment.output("AlarmsTopicArn")
    with listening.subscribed(pipeline.deployment, topic, LISTENER) as url:
        yield url


@pytest.fixture(scope="module")
def events(pipeline: Pipeline) -> Iterator[str]:
    """A queue that gets the events of changed alarms by a rule."""
    rules = pipeline.deployment.client("events")
    rule = rules.put_rule(Name=EVENTS, EventPattern=json.dumps(CHANGES))["RuleArn"]
    url, arn = listening.queue(pipeline.deployment, EVENTS, "events.amazonaws.com", rule)
    rules.put_targets(Rule=EVENTS, Targets=[{"Id": "queue", "Arn": arn}])
    yield url
    rules.remove_targets(Rule=EVENTS, Ids=["queue"])
    rules.delete_rule(Name=EVENTS)


@pytest.fixture(scope="module")
def stage(pipeline: Pipeline, cloud: LocalCloud) -> Stage:
    stage = Stage(pipeline.deployment, cloud)
    stage.pass_time(RANGE_SECONDS)  # what other stories caused is over
    return stage


@pytest.fixture(scope="module")
def descriptions(stage: Stage) -> dict[str, str]:
    """What each deployed alarm says, by its name in the templates."""
    pages = stage.client("cloudwatch").get_paginator("describe_alarms").paginate()
    return {
        name_of(each["AlarmName"]): each["AlarmDescription"]
        for page in pages
        for each in page["MetricAlarms"]
    }


def name_of(physical: str) -> str:
    found = alarms.NAME.match(physical)
    assert found
    return found["what"]


def changed(stage: Stage, since: int) -> list[tuple[str, str]]:
    """Alarms and their new states, without those that found data for the first time."""
    return [
        (name_of(each["alarm"]), each["after"])
        for each in stage.changes[since:]
        if (each["before"], each["after"]) != ("INSUFFICIENT_DATA", "OK")
    ]


@pytest.mark.parametrize("pattern", CAUSES)
def test_each_alarm_fires_by_a_real_cause_is_told_and_is_over(
    stage: Stage, pipeline: Pipeline, listener: str, descriptions: dict[str, str], pattern: str
) -> None:
    names = [name for name in descriptions if re.fullmatch(pattern, name)]
    assert names
    read(pipeline, listener)
    since = len(stage.changes)
    with CAUSES[pattern](stage, names):
        stage.pass_time(2 * MINUTE)
        assert sorted(changed(stage, since)) == sorted((name, "ALARM") for name in names)
        told = [json.loads(each["Message"]) for each in read(pipeline, listener)]
        assert {name_of(each["AlarmName"]): each["AlarmDescription"] for each in told} == {
            name: descriptions[name] for name in names
        }
        assert {each["NewStateValue"] for each in told} == {"ALARM"}
        assert command(["alarms"]) == 1
        since = len(stage.changes)
    stage.pass_time(RANGE_SECONDS if "Logins" not in pattern else 4 * HOUR)
    assert sorted(changed(stage, since)) == sorted((name, "OK") for name in names)
    assert read(pipeline, listener) == []  # no alarm tells of its end
    assert command(["alarms"]) == 0


def test_each_deployed_alarm_has_a_cause(descriptions: dict[str, str]) -> None:
    assert len(descriptions) > 30
    assert [name for name in descriptions if not any(re.fullmatch(p, name) for p in CAUSES)] == []


def test_ages_that_are_no_longer_measured_are_told(
    stage: Stage, pipeline: Pipeline, listener: str, descriptions: dict[str, str]
) -> None:
    stale = sorted(name for name in descriptions if name.startswith("Stale"))
    for _ in range(2):
        measure(stage)
        stage.pass_time(HOUR)
    read(pipeline, listener)
    since = len(stage.changes)
    stage.pass_time(5 * HOUR)
    assert sorted(changed(stage, since)) == [(name, "INSUFFICIENT_DATA") for name in stale]
    told = [each["Subject"] for each in read(pipeline, listener)]
    assert len(told) == len(stale)
    assert all(
        subject.startswith('INSUFFICIENT_DATA: "Slipway-Local-Monitoring-Stale') for subject in told
    )


def test_a_failed_job_is_told_by_its_rule(stage: Stage, pipeline: Pipeline, listener: str) -> None:
    read(pipeline, listener)
    job = stage.output("CareJobName")
    run_id = stage.client("glue").start_job_run(
        JobName=job, Arguments={"--extra-py-files": "s3://no-such-bucket/packages.zip"}
    )["JobRunId"]
    told: list[Any] = []

    def has_come() -> bool:
        told.extend(read(pipeline, listener))
        return bool(told)

    stage.wait(has_come)
    [message] = told
    text = json.loads(message["Message"])  # EventBridge sends the quotes of its template, too
    assert text.startswith(f"Slipway local: job {job} ended as FAILED: ")
    assert text.endswith(f"Its log stream begins with {run_id}.")


def test_a_change_is_told_in_the_words_of_cloudwatch_and_as_an_event(
    stage: Stage, pipeline: Pipeline, listener: str, events: str, capsys: pytest.CaptureFixture[str]
) -> None:
    read(pipeline, listener)
    read(pipeline, events)
    announce, states = stage.output("AnnounceStateMachineArn"), stage.client("stepfunctions")
    execution = states.start_execution(
        stateMachineArn=announce, input=json.dumps({"topic": "nothing that is told"})
    )["executionArn"]
    stage.wait(lambda: status(states, execution) == "FAILED")
    stage.pass_time(2 * MINUTE)
    on = stage.changes[-1]
    assert on["reason"].startswith("Threshold Crossed: 1 out of the last 1 datapoints [1.0 (")
    assert on["reason"].endswith(
        "was greater than or equal to the threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition)."
    )
    [envelope] = read(pipeline, listener)
    assert envelope["Subject"] == f'ALARM: "{on["alarm"]}" in US East (N. Virginia)'
    told = json.loads(envelope["Message"])
    assert (told["NewStateValue"], told["OldStateValue"]) == ("ALARM", "OK")
    assert told["Trigger"]["Dimensions"] == [{"name": "StateMachineArn", "value": announce}]
    [event] = read(pipeline, events)
    assert event["resources"] == [told["AlarmArn"]]
    assert event["detail"]["alarmName"] == on["alarm"]
    assert event["detail"]["state"]["value"] == "ALARM"
    assert event["detail"]["previousState"]["value"] == "OK"
    capsys.readouterr()
    assert command(["alarms"]) == 1
    assert "next: docs/runbook.md, FailedAnnouncements" in capsys.readouterr().out
    stage.pass_time(RANGE_SECONDS)


def test_an_alarm_that_the_topic_does_not_let_in_is_not_told(
    stage: Stage, pipeline: Pipeline, listener: str
) -> None:
    read(pipeline, listener)
    topic, sns = stage.output("AlarmsTopicArn"), stage.client("sns")
    policy = sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
    document = json.loads(policy)
    document["Statement"] = [
        each for each in document["Statement"] if each["Sid"] != "AlarmsOfThisAccount"
    ]
    sns.set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(document)
    )
    try:
        with dead_letters(stage, ["ScheduleDeadLetters"]):
            stage.pass_time(2 * MINUTE)
    finally:
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    assert stage.changes[-1]["after"] == "ALARM"
    assert read(pipeline, listener) == []
    denied = [each for each in stage.cloud.control("denials") if each["resource"] == topic]
    assert "sns:Publish" in [each["action"] for each in denied]
    stage.pass_time(RANGE_SECONDS)
