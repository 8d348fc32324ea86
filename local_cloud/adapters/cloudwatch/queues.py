"""What SQS reports of its queues once a minute: how many messages wait, and since when the oldest does.

Source: SQS developer guide, "Available CloudWatch metrics for Amazon SQS": a queue reports while it is active, which is
up to six hours after a message or a call; a message received three times or more does not count as the oldest. Here
every queue reports, as one does that is called all the time.
"""

from __future__ import annotations

import time
from typing import Any

from local_cloud.adapters.cloudwatch import metrics
from local_cloud.adapters.cloudwatch.clock import Clock
from local_cloud.patching import original

SQS = "ministack.services.sqs"
NAMESPACE = "AWS/SQS"
RECEIVED_OFTEN = 3


def sample(clock: Clock) -> None:
    """Record every queue as it is now."""
    for queue in list(original(SQS, "_queues").values()):
        name = {"QueueName": queue["name"]}
        messages = list(queue["messages"])
        visible = [each for each in messages if each["visible_at"] <= time.time()]
        metrics.record(NAMESPACE, "ApproximateNumberOfMessagesVisible", len(visible), name)
        age = _oldest(messages, clock)
        metrics.record(NAMESPACE, "ApproximateAgeOfOldestMessage", age, name, "Seconds")


def _oldest(messages: list[dict[str, Any]], clock: Clock) -> float:
    sent = [each["sent_at"] for each in messages if each["receive_count"] < RECEIVED_OFTEN]
    return clock.now() - clock.at(min(sent)) if sent else 0.0
