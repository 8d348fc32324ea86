"""An inbox for the alerts of the embedded AWS: a queue subscribed to every topic, as a mailbox would be.

In an account people subscribe by e-mail (config/<environment>.yaml); here nobody reads e-mail, so the demo reads this.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from slipway.deployment import Deployment

TOPICS = ("FileRejectedTopicArn", "RunSucceededTopicArn", "RunFailedTopicArn")
PATIENCE_SECONDS = 60  # with what is being told; an execution that cannot publish tries for hours
EMPTY_READS = 2  # one empty answer of SQS does not prove an empty queue


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One message as a subscriber gets it; `topic` is FileRejected, RunSucceeded or RunFailed."""

    topic: str
    subject: str
    body: str


class Inbox:
    """Collects alerts from the moment it is opened."""

    def __init__(self, deployment: Deployment) -> None:
        self._sqs = deployment.client("sqs")
        self._stepfunctions = deployment.client("stepfunctions")
        self._announce = deployment.output("AnnounceStateMachineArn")
        self._names = {deployment.output(key): key.removesuffix("TopicArn") for key in TOPICS}
        self._queue = self._sqs.create_queue(QueueName="slipway-demo-inbox")["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])[
            "Attributes"
        ]["QueueArn"]
        self._sqs.set_queue_attributes(
            QueueUrl=self._queue, Attributes={"Policy": _accept_from(arn, [*self._names])}
        )
        for topic in self._names:
            deployment.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def read(self) -> list[Alert]:
        """Everything that has come in since the last read, and what is about to be told, such as a burst of files."""
        alerts: list[Alert] = []
        empty, deadline = 0, time.monotonic() + PATIENCE_SECONDS
        while empty < EMPTY_READS:
            # looked at first: what was told by then is in the queue
            told = time.monotonic() > deadline or not self._telling()
            messages = self._receive()
            empty = empty + 1 if told and not messages else 0
            alerts += [self._alert(json.loads(message["Body"])) for message in messages]
        return alerts

    def _telling(self) -> bool:
        """Whether an execution that tells people has not ended."""
        running = self._stepfunctions.list_executions(
            stateMachineArn=self._announce, statusFilter="RUNNING"
        )
        return bool(running["executions"])

    def _receive(self) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=1
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        for message in messages:
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return messages

    def _alert(self, message: dict[str, Any]) -> Alert:
        return Alert(
            topic=self._names[message["TopicArn"]],
            subject=message.get("Subject", ""),
            body=message["Message"],
        )


def _accept_from(queue_arn: str, topics: list[str]) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topics}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
