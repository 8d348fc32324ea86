"""What is stuck, unread or unconfirmed in a deployment, each with the next command. It only reads.

What only waits for a person is in slipway/acting/decisions.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from contracts import model
from pipeline.ledger import FileLedger, RunLedger, timestamp
from slipway.acting import announcements, claims, dead_letters
from slipway.console import counted
from slipway.deployment import LOCAL, Deployment
from slipway.reading import executions, ledgers, marts, sources

NEEDED_OUTPUTS = (
    *(
        "LandingBucketName",
        "RawBucketName",
        "ProcessedBucketName",
        "CuratedBucketName",
        "ResultsBucketName",
    ),
    *("FileLedgerName", "RunLedgerName", "IntakeQueueUrl"),
    *(
        "IntakeDeadLetterQueueUrl",
        "RawToProcessedJobName",
        "ProcessedToCuratedJobName",
        "CareJobName",
    ),
    *("StateMachineArn", "CareStateMachineArn", "AnnounceStateMachineArn", "FailRunFunctionName"),
    *(
        "FailRunDeadLetterQueueUrl",
        "ReleaseDatasetFunctionName",
        "ReleaseDatasetDeadLetterQueueUrl",
    ),
    *(
        "MeasureFreshnessFunctionName",
        "MeasureFreshnessDeadLetterQueueUrl",
        "FailedJobsDeadLetterQueueUrl",
    ),
    "WorkgroupName",
)
TOPICS = ("FileRejectedTopicArn", "RunSucceededTopicArn", "RunFailedTopicArn", "AlarmsTopicArn")
PATIENCE = timedelta(
    hours=1
)  # intake retries a message for less than that before it is a dead letter


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something to look at: what is wrong, and what to type or do."""

    problem: str
    next_step: str


def findings(deployment: Deployment) -> Iterator[Finding]:
    """Everything that is wrong."""
    yield from _outputs(deployment)
    for dataset in model.datasets():
        for look in _OF_A_DATASET:
            yield from look(deployment, dataset)
    yield from _failed_fetches(deployment)
    yield from _failed_marts(deployment)
    yield from _dead_letters(deployment)
    yield from _untold(deployment)
    if deployment.environment != LOCAL:  # nobody reads mail of the embedded AWS
        yield from _subscriptions(deployment)


def _outputs(deployment: Deployment) -> Iterator[Finding]:
    protects = any(model.load(dataset).protected_columns for dataset in model.datasets())
    for key in (*NEEDED_OUTPUTS, *(["PiiKeySecretArn"] if protects else []), *TOPICS):
        if key not in deployment.outputs:
            yield Finding(
                problem=f"no stack outputs {key}",
                next_step=f"npx cdk deploy --all -c environment={deployment.environment}",
            )


def _lock(deployment: Deployment, dataset: str) -> Iterator[Finding]:
    lock = RunLedger(deployment.run_ledger).lock(dataset)
    if lock is None:
        return
    late = int(lock["expires_at"]) < time.time()
    if not executions.is_running(deployment, str(lock["execution_arn"])):
        problem = f"{dataset} is held by run {lock['run_id']}, whose execution is not running"
        yield Finding(problem=problem, next_step=f"slipway runs release --dataset {dataset}")
    elif late:
        problem = f"run {lock['run_id']} of {dataset} is at work for longer than its lease"
        yield Finding(
            problem=problem,
            next_step=f"look at its job; stop the execution {lock['execution_arn']} if it hangs",
        )


def _left_running(deployment: Deployment, dataset: str) -> Iterator[Finding]:
    """Runs without a lock; that of the lock is told by _lock."""
    lock = RunLedger(deployment.run_ledger).lock(dataset)
    for run in claims.left_running(deployment, dataset):
        if lock is None or lock["run_id"] != run["run_id"]:
            problem = f"run {run['run_id']} of {dataset} was left running; its execution is not"
            yield Finding(problem=problem, next_step=f"slipway runs release --dataset {dataset}")


def _waiting(deployment: Deployment, dataset: str) -> Iterator[Finding]:
    number = FileLedger(deployment.file_ledger).count_waiting(dataset)
    if number and not _is_active(deployment, dataset):
        problem = f"{counted(number, 'file')} of {dataset} wait and nothing is running"
        yield Finding(problem=problem, next_step=f"slipway runs start --dataset {dataset}")


def _is_active(deployment: Deployment, dataset: str) -> bool:
    """Whether any execution is running for the dataset; its input names it."""
    running = (item["executionArn"] for item in executions.executions(deployment, status="RUNNING"))
    inputs = ((executions.describe(deployment, arn) or {}).get("input", "") for arn in running)
    return any(f'"{dataset}"' in text for text in inputs)


def _half_registered(deployment: Deployment, dataset: str) -> Iterator[Finding]:
    limit = timestamp(datetime.now(UTC) - PATIENCE)
    for item in FileLedger(deployment.file_ledger).with_status(dataset, "registering"):
        if item["received_at"] < limit:
            problem = (
                f"{item['file_name']} of {dataset} is half registered since {item['received_at']}"
            )
            yield Finding(problem=problem, next_step="slipway redrive --queue intake")


def _last_run(deployment: Deployment, dataset: str) -> Iterator[Finding]:
    runs = ledgers.runs(deployment, dataset)
    if runs and runs[-1]["status"] == "failed":
        run_id = runs[-1]["run_id"]
        yield Finding(
            problem=f"the newest run of {dataset}, {run_id}, failed: {runs[-1].get('error')}",
            next_step=f"slipway runs show {run_id}; once the cause is gone: slipway runs retry {run_id}",
        )


_OF_A_DATASET: tuple[Callable[[Deployment, str], Iterator[Finding]], ...] = (
    _lock,
    _left_running,
    _waiting,
    _half_registered,
    _last_run,
)


def _failed_fetches(deployment: Deployment) -> Iterator[Finding]:
    for each in sources.every(deployment):
        last = each.fetches[0] if each.fetches else None
        if last and last["status"] == "failed":
            name = each.source.name
            yield Finding(
                problem=f"the newest fetch of source {name} failed: {last['detail']}",
                next_step=f"slipway source show {name}; once the cause is gone: slipway source run {name}",
            )


def _failed_marts(deployment: Deployment) -> Iterator[Finding]:
    for each in marts.every(deployment):
        last = each.runs[0] if each.runs else None
        if last and last["status"] == "failed":
            name = each.mart.name
            yield Finding(
                problem=f"the newest run of mart {name} failed: {last['cause']}",
                next_step=f"slipway mart show {name}; once the cause is gone: slipway mart run {name}",
            )


def _dead_letters(deployment: Deployment) -> Iterator[Finding]:
    sqs = deployment.client("sqs")
    for name, url in dead_letters.queues(deployment, None).items():
        names = ["ApproximateNumberOfMessages"]
        number = int(
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"][names[0]]
        )
        if number:
            problem = f"about {counted(number, 'dead letter')} of {name}"
            yield Finding(problem=problem, next_step=f"slipway redrive --queue {name} --plan")


def _untold(deployment: Deployment) -> Iterator[Finding]:
    if "AnnounceStateMachineArn" in deployment.outputs and (
        number := len(announcements.untold(deployment))
    ):
        problem = f"{counted(number, 'message')} about runs or files could not be sent"
        yield Finding(problem=problem, next_step="slipway redrive --queue announcements --plan")


def _subscriptions(deployment: Deployment) -> Iterator[Finding]:
    pages = deployment.client("sns").get_paginator("list_subscriptions_by_topic")
    for topic in TOPICS:
        if topic not in deployment.outputs:
            continue  # told by _outputs
        listed = pages.paginate(TopicArn=deployment.outputs[topic])
        found = [item for page in listed for item in page["Subscriptions"]]
        if not found:
            problem = f"nobody is subscribed to {topic.removesuffix('TopicArn')}"
            yield Finding(
                problem=problem, next_step=f"alerts in config/{deployment.environment}.yaml"
            )
        for item in found:
            if item["SubscriptionArn"] == "PendingConfirmation":
                problem = f"{item['Endpoint']} has not confirmed {topic.removesuffix('TopicArn')}"
                yield Finding(
                    problem=problem,
                    next_step="follow the link in the mail from AWS, or deploy again for a new one",
                )
