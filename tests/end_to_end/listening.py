"""Hears what is published: a queue that a topic or a rule may fill, as an address would hear it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from slipway.deployment import Deployment


def queue(deployment: Deployment, name: str, service: str, source: str) -> tuple[str, str]:
    """URL and ARN of a queue into which a service may put what comes from `source`."""
    sqs = deployment.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = answer["Attributes"]["QueueArn"]
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


def read(deployment: Deployment, url: str) -> list[Any]:
    """Everything in a queue, taken out."""
    sqs, found = deployment.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(message["Body"]))
    return found


@contextmanager
def subscribed(deployment: Deployment, topic: str, name: str) -> Iterator[str]:
    """URL of a queue that is subscribed to a topic meanwhile."""
    url, arn = queue(deployment, name, "sns.amazonaws.com", topic)
    sns = deployment.client("sns")
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
    try:
        yield url
    finally:
        sns.unsubscribe(SubscriptionArn=subscription)


@contextmanager
def arrivals_told(deployment: Deployment, seconds: int) -> Iterator[None]:
    """Meanwhile intake has people told of files that it takes, as `alerts.arrived_seconds` would."""
    sqs, functions = deployment.client("sqs"), deployment.client("lambda")
    answer = sqs.get_queue_attributes(
        QueueUrl=deployment.output("IntakeQueueUrl"), AttributeNames=["QueueArn"]
    )
    arn = answer["Attributes"]["QueueArn"]
    (mapping,) = functions.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
    name = mapping["FunctionArn"]
    found = functions.get_function_configuration(FunctionName=name)
    deployed = found["Environment"]["Variables"]

    def use(variables: dict[str, str]) -> None:
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}
        )
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)

    use(deployed | {"ARRIVED_SECONDS": str(seconds)})
    try:
        yield
    finally:
        use(deployed)


@contextmanager
def stages_told(deployment: Deployment, stages: str) -> Iterator[None]:
    """Meanwhile runs tell of these stages, as `alerts.stages` would have them."""
    machines = deployment.client("stepfunctions")
    arn = deployment.output("StateMachineArn")
    deployed = machines.describe_state_machine(stateMachineArn=arn)["definition"]
    asked = "$split('none', ',')"
    assert asked in deployed
    machines.update_state_machine(
        stateMachineArn=arn, definition=deployed.replace(asked, f"$split('{stages}', ',')")
    )
    try:
        yield
    finally:
        machines.update_state_machine(stateMachineArn=arn, definition=deployed)
