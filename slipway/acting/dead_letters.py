"""Messages that nobody could handle, given another try: sent or carried out first, deleted after that.

Each queue has its own way back: intake's messages to the queue of intake, events that a function failed to handle to
that function, calls of the scheduler to the state machine, failed jobs to the topic of alarms. Who is interrupted loses
nothing; a message may then be handled twice, which every receiver allows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts import naming
from contracts.errors import PermanentError
from slipway.acting import claims
from slipway.deployment import Deployment
from slipway.reading.executions import OUTPUT_OF

# Output with the queue's URL, by the name that people use.
QUEUES = {
    "intake": "IntakeDeadLetterQueueUrl",
    "fail-run": "FailRunDeadLetterQueueUrl",
    "schedule": "ScheduleDeadLetterQueueUrl",
    "release-dataset": "ReleaseDatasetDeadLetterQueueUrl",
    "failed-jobs": "FailedJobsDeadLetterQueueUrl",
    "measure-freshness": "MeasureFreshnessDeadLetterQueueUrl",
    "sources": "SourcesDeadLetterQueueUrl",
    "marts": "MartsDeadLetterQueueUrl",
    "training": "TrainingDeadLetterQueueUrl",
    "rest-database": "RestDatabaseDeadLetterQueueUrl",
}
BATCH = 10  # the most that SQS gives or takes at once. Source: SQS API reference, ReceiveMessage, SendMessageBatch
HIDDEN_SECONDS = (
    120  # while we work on a message nobody else gets it; after that it is back, if we died
)
LONG_POLL_SECONDS = 1  # long polling asks every server of SQS, short polling only some
EMPTY_READS = 2  # one empty answer of SQS does not prove an empty queue
ABOUT_LENGTH = 120

Message = dict[str, Any]


@dataclass(kw_only=True)
class Redriven:
    """What became of the messages of one queue: each `about`, and each (`about`, problem) that stays in the queue."""

    done: list[str] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)


def queues(deployment: Deployment, only: str | None) -> dict[str, str]:
    """URL by name; the queue of schedules exists only where there are schedules."""
    wanted = {name: output for name, output in QUEUES.items() if only in (None, name)}
    return {
        name: deployment.outputs[output]
        for name, output in wanted.items()
        if output in deployment.outputs
    }


def redrive(deployment: Deployment, name: str, url: str) -> Redriven:
    """Give every message of a queue another try."""
    sqs, result = deployment.client("sqs"), Redriven()
    ours: set[str] = (
        set()
    )  # what we sent ourselves and comes back while we work; SQS keeps its id when it moves
    for batch in _batches(sqs, url):
        fresh = [message for message in batch if message["MessageId"] not in ours]
        if name == "intake":
            ours |= _send_back(deployment, url, fresh, result)
        else:
            _carry_out(deployment, _HANDLERS[name], url, fresh, result)
    return result


def peek(deployment: Deployment, url: str) -> Redriven:
    """What the messages of a queue are about; they are visible to others again at once."""
    sqs, result = deployment.client("sqs"), Redriven()
    seen = [message for batch in _batches(sqs, url) for message in batch]
    for message in seen:
        result.left.append((about(message), "not tried"))
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    return result


def _batches(sqs: Any, url: str) -> Iterator[list[Message]]:
    """All messages, hidden from others for HIDDEN_SECONDS; one that stays comes only once."""
    seen: set[str] = set()
    empty = 0
    while empty < EMPTY_READS:
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=BATCH,
            WaitTimeSeconds=LONG_POLL_SECONDS,
            VisibilityTimeout=HIDDEN_SECONDS,
            MessageAttributeNames=["All"],
        )
        batch = [
            message for message in answer.get("Messages", []) if message["MessageId"] not in seen
        ]
        seen |= {message["MessageId"] for message in batch}
        empty = 0 if batch else empty + 1
        if batch:
            yield batch


def _send_back(
    deployment: Deployment, url: str, batch: Sequence[Message], result: Redriven
) -> set[str]:
    """Send to the queue of intake, and delete what was taken there; ids of the new messages."""
    if not batch:
        return set()
    sqs = deployment.client("sqs")
    entries = [
        {"Id": str(place), "MessageBody": message["Body"]} for place, message in enumerate(batch)
    ]
    answer = sqs.send_message_batch(QueueUrl=deployment.output("IntakeQueueUrl"), Entries=entries)
    for failure in answer.get("Failed", []):
        result.left.append(
            (about(batch[int(failure["Id"])]), f"{failure['Code']}: {failure.get('Message', '')}")
        )
    for sent in answer.get("Successful", []):
        _delete(sqs, url, batch[int(sent["Id"])], result)
    return {sent["MessageId"] for sent in answer.get("Successful", [])}


def _carry_out(
    deployment: Deployment,
    handle: Callable[[Deployment, Message], None],
    url: str,
    batch: Sequence[Message],
    result: Redriven,
) -> None:
    sqs = deployment.client("sqs")
    for message in batch:
        try:
            handle(deployment, message)
        except PermanentError as error:
            result.left.append((about(message), str(error)))
            continue
        _delete(sqs, url, message, result)


def _delete(sqs: Any, url: str, message: Message, result: Redriven) -> None:
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    result.done.append(about(message))


def _event(message: Message) -> dict[str, Any]:
    """The event: as EventBridge could not deliver it, or within the record of a function that failed to handle it.

    Source: Lambda developer guide, "Capturing records of Lambda asynchronous invocations".
    """
    document = _document(message)
    event: dict[str, Any] = document.get("requestPayload", document)
    return event


def _fail_run(deployment: Deployment, message: Message) -> None:
    claims.invoke_fail_run(deployment, _event(message))


def _release_dataset(deployment: Deployment, message: Message) -> None:
    claims.invoke(deployment, "ReleaseDataset", _event(message))


def _measure_freshness(deployment: Deployment, message: Message) -> None:
    claims.invoke(deployment, "MeasureFreshness", _event(message))


def _tell_failed_job(deployment: Deployment, message: Message) -> None:
    """Publish the alarm of a Spark job that failed, which the rule could not publish."""
    detail = _event(message).get("detail", {})
    if "jobName" in detail:
        text = (
            f"job {detail['jobName']} ended as {detail.get('state')}: {detail.get('message')}."
            f" Its log stream begins with {detail.get('jobRunId')}."
        )
    elif "applicationId" in detail:
        text = (
            f"job run {detail.get('jobRunId')} on EMR Serverless ended as {detail.get('state')}. Its reason and its"
            f" logs are below that id in application {detail['applicationId']}."
        )
    else:
        raise PermanentError(f"no job in the message: {message['Body'][:ABOUT_LENGTH]!r}")
    deployment.client("sns").publish(
        TopicArn=deployment.output("AlarmsTopicArn"),
        Message=f"Slipway {deployment.environment}: {text}",
    )


def _start(deployment: Deployment, message: Message) -> None:
    """Start the execution that the scheduler could not start."""
    attributes = message.get("MessageAttributes", {})
    if attributes.get("IS_PAYLOAD_TRUNCATED", {}).get("StringValue") == "true":
        raise PermanentError(
            "the scheduler cut the message, so its input is not known; start it by hand"
        )
    request = _scheduled(message)
    machine = (
        naming.source_output(request["source"], "StateMachineArn")
        if "source" in request
        else OUTPUT_OF["run" if request.get("mode", "load") == "load" else "care"]
    )
    deployment.client("stepfunctions").start_execution(
        stateMachineArn=deployment.output(machine), input=json.dumps(request)
    )


def _mart(deployment: Deployment, message: Message) -> None:
    """Start what a schedule or the end of a dataset's run should have started, or report the end of a mart's run."""
    if request := _scheduled_mart(message):
        deployment.client("stepfunctions").start_execution(
            stateMachineArn=deployment.output(OUTPUT_OF["mart"]), input=json.dumps(request)
        )
        return
    event = _event(message)
    if event.get("detail", {}).get("status") != "SUCCEEDED":
        claims.invoke(deployment, "RunMart", event)
        return
    deployment.client("stepfunctions").start_execution(
        stateMachineArn=deployment.output(OUTPUT_OF["mart"]), input=json.dumps(event)
    )


def _scheduled_mart(message: Message) -> dict[str, Any] | None:
    """The input of a schedule's start of a mart; None for an event."""
    body = _document(message)
    given = body.get("Input", body.get("input"))
    request = json.loads(given) if isinstance(given, str) else body
    return request if isinstance(request, dict) and "mart" in request else None


def _training(deployment: Deployment, message: Message) -> None:
    """Order what the end of a dataset's run should have ordered."""
    deployment.client("stepfunctions").start_execution(
        stateMachineArn=deployment.output(OUTPUT_OF["training"]), input=json.dumps(_event(message))
    )


def _rest_database(deployment: Deployment, _message: Message) -> None:
    """Look now whether the internal database is awake for nobody: what it was like then does not matter."""
    claims.invoke(deployment, "RestDatabase", {"action": "sweep"})


_HANDLERS: dict[str, Callable[[Deployment, Message], None]] = {
    "fail-run": _fail_run,
    "schedule": _start,
    "sources": _start,
    "marts": _mart,
    "training": _training,
    "release-dataset": _release_dataset,
    "failed-jobs": _tell_failed_job,
    "measure-freshness": _measure_freshness,
    "rest-database": _rest_database,
}


def _scheduled(message: Message) -> dict[str, Any]:
    """The input of the execution: the body, or what the body of a StartExecution call gives as input."""
    body = _document(message)
    given = body.get("Input", body.get("input"))
    request = json.loads(given) if isinstance(given, str) else body
    if not isinstance(request, dict) or "dataset" not in request:
        raise PermanentError(f"no dataset in the message: {message['Body'][:ABOUT_LENGTH]!r}")
    return request


def _document(message: Message) -> dict[str, Any]:
    try:
        found = json.loads(message["Body"])
    except ValueError as error:
        raise PermanentError(
            f"the message is not JSON: {message['Body'][:ABOUT_LENGTH]!r}"
        ) from error
    if not isinstance(found, dict):
        raise PermanentError(
            f"the message is not a JSON object: {message['Body'][:ABOUT_LENGTH]!r}"
        )
    return found


def about(message: Message) -> str:
    """What a message is about: the file that landed, what ended, the hour to be measured, the dataset to be run."""
    try:
        body = _document(message)
    except PermanentError:
        return str(message["Body"][:ABOUT_LENGTH])
    event = body.get("requestPayload") or body
    detail = event.get("detail") or {}
    if "object" in detail:
        return f"file {detail['object'].get('key')}"
    if "executionArn" in detail:
        return f"execution {str(detail['executionArn']).rpartition(':')[2]} {detail.get('status')}"
    if "jobName" in detail:
        return f"job {detail['jobName']} {detail.get('state')}"
    if "jobRunId" in detail:
        return f"job run {detail['jobRunId']} {detail.get('state')}"
    if event.get("action") == "sweep":
        return "a sweep of the internal database"
    if event.get("detail-type") == "Scheduled Event":
        return f"the hour of {event.get('time')}"
    try:
        request = _scheduled(message)
        what = (
            f"fetch from source {request['source']}"
            if "source" in request
            else request.get("mode", "load")
        )
        return f"{what} of {request['dataset']}"
    except (PermanentError, ValueError):
        return str(message["Body"][:ABOUT_LENGTH])
