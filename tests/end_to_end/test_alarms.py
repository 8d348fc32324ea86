"""Alarms fire: a real cause in the deployed application, a message through topic policy and key, and OK again.

What each alarm of the templates needs to fire is in tests/infrastructure/test_alarms.py.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from local_cloud.session import LocalCloud
from slipway.__main__ import main as command
from tests.end_to_end.pipeline import Pipeline

LISTENER = "alarm-listener"
EVENTS = "alarm-events"
CHANGES = {"source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm State Change"]}
RANGE_MINUTES = 17  # three periods of five minutes, and what is left of a minute at both ends
PATIENCE_SECONDS = 20


def queue(pipeline: Pipeline, name: str, service: str, source: str) -> tuple[str, str]:
    """URL and ARN of a queue into which a service may put what comes from `source`."""
    sqs = pipeline.deployment.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": source}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


def read(pipeline: Pipeline, url: str) -> list[Any]:
    """Everything in a queue, taken out."""
    sqs, found = pipeline.deployment.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(message["Body"]))
    return found


@pytest.fixture(scope="module")
def listener(pipeline: Pipeline) -> Iterator[str]:
    """A queue that is subscribed to the topic of alarms, as an address would be."""
    topic = pipeline.deployment.output("AlarmsTopicArn")
    url, arn = queue(pipeline, LISTENER, "sns.amazonaws.com", topic)
    sns = pipeline.deployment.client("sns")
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
    yield url
    sns.unsubscribe(SubscriptionArn=subscription)


@pytest.fixture(scope="module")
def events(pipeline: Pipeline) -> Iterator[str]:
    """A queue that gets the events of changed alarms by a rule."""
    rules = pipeline.deployment.client("events")
    rule = rules.put_rule(Name=EVENTS, EventPattern=json.dumps(CHANGES))["RuleArn"]
    url, arn = queue(pipeline, EVENTS, "events.amazonaws.com", rule)
    rules.put_targets(Rule=EVENTS, Targets=[{"Id": "queue", "Arn": arn}])
    yield url
    rules.remove_targets(Rule=EVENTS, Ids=["queue"])
    rules.delete_rule(Name=EVENTS)


def after(cloud: LocalCloud, minutes: int, what: str) -> list[dict[str, Any]]:
    """How alarms of one name change their state while time passes."""
    changes = cloud.control(f"pass-time/{minutes * 60}")
    return [each for each in changes if what in each["alarm"]]


def test_a_failed_execution_is_told_and_is_over(
    cloud: LocalCloud,
    pipeline: Pipeline,
    listener: str,
    events: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    after(cloud, RANGE_MINUTES, "")  # what other stories left
    read(pipeline, listener), read(pipeline, events)
    announce = pipeline.deployment.output("AnnounceStateMachineArn")
    stepfunctions = pipeline.deployment.client("stepfunctions")
    execution = stepfunctions.start_execution(
        stateMachineArn=announce, input=json.dumps({"topic": "nothing that is told"})
    )["executionArn"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while stepfunctions.describe_execution(executionArn=execution)["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.1)

    [on] = after(cloud, 2, "FailedAnnouncements")
    assert (on["before"], on["after"]) == ("OK", "ALARM")
    assert on["reason"].startswith("Threshold Crossed: 1 out of the last 1 datapoints [1.0 (")
    assert on["reason"].endswith(
        "was greater than or equal to the threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition)."
    )
    [envelope] = [each for each in read(pipeline, listener) if "FailedAnnounce" in each["Subject"]]
    assert envelope["Subject"] == f'ALARM: "{on["alarm"]}" in US East (N. Virginia)'
    told = json.loads(envelope["Message"])
    assert told["AlarmDescription"] == (
        "A message about a run or files failed: the input of the execution holds it; "
        "a redrive of the execution sends it"
    )
    assert (told["NewStateValue"], told["OldStateValue"]) == ("ALARM", "OK")
    assert told["Trigger"]["Dimensions"] == [{"name": "StateMachineArn", "value": announce}]
    [event] = [
        each for each in read(pipeline, events) if each["detail"]["alarmName"] == on["alarm"]
    ]
    assert event["resources"] == [told["AlarmArn"]]
    assert event["detail"]["state"]["value"] == "ALARM"
    assert event["detail"]["previousState"]["value"] == "OK"

    capsys.readouterr()
    assert command(["alarms"]) == 1
    assert "next: docs/runbook.md, FailedAnnouncements" in capsys.readouterr().out
    [off] = after(cloud, RANGE_MINUTES, "FailedAnnouncements")
    assert (off["before"], off["after"]) == ("ALARM", "OK")
    assert command(["alarms"]) == 0


def test_a_dead_letter_is_told_until_it_is_gone(
    cloud: LocalCloud, pipeline: Pipeline, listener: str
) -> None:
    read(pipeline, listener)
    sqs = pipeline.deployment.client("sqs")
    url = pipeline.deployment.output("IntakeDeadLetterQueueUrl")
    sqs.send_message(QueueUrl=url, MessageBody="what intake could not take")
    [on] = after(cloud, 2, "IntakeDeadLetters")
    [envelope] = read(pipeline, listener)
    told = json.loads(envelope["Message"])
    assert told["AlarmName"] == on["alarm"]
    assert told["AlarmDescription"] == (
        "Messages that Intake could not handle wait; redrive them once the cause is gone"
    )
    assert after(cloud, 60, "IntakeDeadLetters") == []  # it goes on, and says nothing twice
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    [off] = after(cloud, RANGE_MINUTES, "IntakeDeadLetters")
    assert off["after"] == "OK"


def test_an_alarm_that_the_topic_does_not_let_in_is_not_told(
    cloud: LocalCloud, pipeline: Pipeline, listener: str
) -> None:
    read(pipeline, listener)
    topic = pipeline.deployment.output("AlarmsTopicArn")
    sns, sqs = (pipeline.deployment.client(name) for name in ("sns", "sqs"))
    policy = sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
    document = json.loads(policy)
    document["Statement"] = [
        each for each in document["Statement"] if each["Sid"] != "AlarmsOfThisAccount"
    ]
    url = pipeline.deployment.output("ScheduleDeadLetterQueueUrl")
    sns.set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(document)
    )
    try:
        sqs.send_message(QueueUrl=url, MessageBody="what could not be started")
        [on] = after(cloud, 2, "ScheduleDeadLetters")
    finally:
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
        sqs.purge_queue(QueueUrl=url)
    assert on["after"] == "ALARM"
    assert read(pipeline, listener) == []
    denied = [each["action"] for each in cloud.control("denials") if each["resource"] == topic]
    assert "sns:Publish" in denied
