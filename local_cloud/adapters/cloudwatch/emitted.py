"""Which metrics of AWS's own namespaces the embedded AWS emits, each as the service documents it.

A namespace that does not begin with `AWS/` is the application's: its metrics come from log lines or PutMetricData.
"""

from __future__ import annotations

from collections.abc import Collection

# Step Functions developer guide, "Monitoring Step Functions metrics", execution metrics.
EXECUTIONS = ("Started", "Succeeded", "Failed", "TimedOut", "Aborted")
STATES = (*(f"Executions{each}" for each in EXECUTIONS), "ExecutionTime")
# SQS developer guide, "Available CloudWatch metrics for Amazon SQS".
SQS = ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage")
# Lambda developer guide, "Types of metrics for Lambda functions".
LAMBDA = ("Invocations", "Errors", "Throttles", "Duration")
# EventBridge user guide, "Monitoring Amazon EventBridge": only where it is not zero.
EVENTS = ("FailedInvocations", "InvocationsSentToDlq", "InvocationsFailedToBeSentToDlq")

# By namespace: the dimensions of the metrics, and their names.
METRICS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "AWS/States": (("StateMachineArn",), STATES),
    "AWS/SQS": (("QueueName",), SQS),
    "AWS/Events": (("RuleName",), EVENTS),
    "AWS/Lambda": (("FunctionName",), LAMBDA),
    "AWS/Transfer": (("ServerId",), ("FilesIn",)),  # its user guide, "Using CloudWatch metrics"
}


def is_emitted(namespace: str, metric: str, dimensions: Collection[str]) -> bool:
    """Whether a metric with exactly these dimensions can get values here."""
    if not namespace.startswith("AWS/"):
        return True
    names, metrics = METRICS.get(namespace, ((), ()))
    return metric in metrics and sorted(dimensions) == sorted(names)
