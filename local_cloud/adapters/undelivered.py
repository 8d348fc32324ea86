"""Events that a target does not get or does not handle are tried again and then kept, as on AWS.

The emulator hands a rule's event to a function once and forgets it, and knows no dead-letter queue of a rule. Here a
function gets as many tries as its settings say, then its destination for failures gets the record, under the function's
own role; an event that cannot be delivered at all goes to the dead-letter queue of the rule's target.
Sources: Lambda developer guide, "How Lambda handles errors and retries with asynchronous invocation" and "Capturing
records of Lambda asynchronous invocations"; EventBridge user guide, "Using dead-letter queues".
"""

from __future__ import annotations

import contextvars
import json
import logging
import threading
import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from local_cloud.adapters import roles
from local_cloud.adapters.access import service_calls
from local_cloud.adapters.access.service_calls import EVENTS, SCHEDULER
from local_cloud.adapters.cloudwatch import metrics
from local_cloud.patching import original, replace

EVENTBRIDGE = "ministack.services.eventbridge"
LAMBDA = "ministack.services.lambda_svc"
DEFAULT_RETRIES = 2
RETRY_SECONDS = (
    1,
    2,
)  # Lambda waits one minute and then two: a sixtieth here, so that a test need not
logger = logging.getLogger("slipway.undelivered")

Json = dict[str, Any]


def install() -> None:
    """Let rules and asynchronous calls invoke functions as Lambda does, and keep what cannot be delivered."""
    replace(LAMBDA, "invoke_async_with_retry", lambda _: invoke)
    replace(EVENTBRIDGE, "_dispatch_to_lambda", lambda _: _deliver_to_function)
    replace(EVENTBRIDGE, "_invoke_target", _unless_gone)


def invoke(function: Json, event: Json) -> None:
    """Invoke a function without waiting for it."""
    in_account = original(LAMBDA, "_run_with_function_config_scope")
    run = contextvars.copy_context().run
    threading.Thread(
        target=run, args=(in_account, function, _try, function, event), daemon=True
    ).start()


def keep(target: Json, event: Json, rule: Json, *, code: str, reason: str) -> None:
    """Put an event that could not be delivered into the dead-letter queue of its target, or say that it is lost."""
    logger.error("delivery of %s to %s failed: %s", rule.get("Name"), target["Arn"], reason)
    _count("FailedInvocations", event, rule)
    queue = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not queue:
        return
    view = original(EVENTBRIDGE, "_pattern_event_view")(event)
    told = {
        "RULE_ARN": str(rule.get("Arn")),
        "TARGET_ARN": target["Arn"],
        "ERROR_CODE": code,
        "ERROR_MESSAGE": reason,
    }
    try:
        _require_queue(queue, target, event, rule)
    except roles.AccessDenied as denied:
        logger.error(
            "an event is lost: the dead-letter queue of %s refuses it: %s", rule.get("Name"), denied
        )
        _count("InvocationsFailedToBeSentToDlq", event, rule)
    else:
        _send(queue, view.event_with_detail(), told)
        _count("InvocationsSentToDlq", event, rule)


def _count(metric: str, event: Json, rule: Json) -> None:
    """Scheduler, whose deliveries come this way, too, has metrics of its own, which are not emulated."""
    if event.get("Source") != "aws.scheduler":
        metrics.record("AWS/Events", metric, 1, {"RuleName": str(rule.get("Name"))})


def _require_queue(queue_arn: str, target: Json, event: Json, rule: Json) -> None:
    """EventBridge is let in by the queue's policy, Scheduler by the schedule's role. Raises roles.AccessDenied.

    Sources: EventBridge user guide, "Using dead-letter queues", permissions; EventBridge Scheduler user guide,
    "Configuring a dead-letter queue".
    """
    if not roles.enforced():
        return
    action = "sqs:SendMessage"
    if event.get("Source") == "aws.scheduler":
        source = service_calls.schedule_group(rule)
        session = roles.assume(
            target.get("RoleArn", ""), str(rule.get("Name")), SCHEDULER, source_arn=source
        )
        roles.require(session, action, queue_arn)
    else:
        service_calls.require(
            service_calls.from_source(EVENTS, action, queue_arn, str(rule.get("Arn")))
        )


def _unless_gone(invoke_target: Any) -> Any:
    def deliver(target: Json, event: Json, rule: Json, *args: Any) -> Any:
        if target["Arn"].split(":")[2] == "lambda" and not _function(target["Arn"]):
            return keep(
                target, event, rule, code="NO_RESOURCE", reason=f"{target['Arn']} does not exist"
            )
        return invoke_target(target, event, rule, *args)

    return deliver


def _function(arn: str) -> Json | None:
    function, configuration, _ = original(LAMBDA, "_get_func_record_for_ref")(arn)
    if not function or not configuration:
        return None
    record: Json = original(LAMBDA, "_execution_record_for_config")(function, configuration)
    return record


def _deliver_to_function(arn: str, payload: str) -> None:
    function = _function(arn)
    if function is None:
        raise LookupError(f"{arn} was deleted while an event was on its way to it")
    invoke(function, json.loads(payload))


def _try(function: Json, event: Json) -> None:
    settings = (function.get("event_invoke_configs") or {}).get("$LATEST") or {}
    retries = int(settings.get("MaximumRetryAttempts", DEFAULT_RETRIES))
    for attempt in range(retries + 1):
        if attempt:
            time.sleep(RETRY_SECONDS[attempt - 1])
        result = original(LAMBDA, "_execute_function")(function, event)
        if not result.get("error"):
            return
    _keep_failure(function, event, settings, result, invocations=retries + 1)


def _keep_failure(
    function: Json, event: Json, settings: Json, result: Json, *, invocations: int
) -> None:
    configuration = function["config"]
    name = configuration["FunctionName"]
    destination = (settings.get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination")
    if not destination:
        logger.error(
            "an event is lost: %s failed %d times and has no destination for failures",
            name,
            invocations,
        )
        return
    if destination.split(":")[2] != "sqs":
        raise NotImplementedError(
            f"the embedded AWS keeps failures in queues only, not in {destination}"
        )
    try:
        session = roles.assume(configuration["Role"], name, "lambda.amazonaws.com")
        roles.require(session, "sqs:SendMessage", destination)
    except roles.AccessDenied as denied:
        logger.error(
            "an event is lost: %s failed and its destination refuses the record: %s", name, denied
        )
        return
    _send(destination, _record(configuration["FunctionArn"], event, result, invocations))


def _record(function_arn: str, event: Json, result: Json, invocations: int) -> Json:
    """Source: Lambda developer guide, "Capturing records of Lambda asynchronous invocations", invocation record."""
    return {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": str(uuid4()),
            "functionArn": f"{function_arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": invocations,
        },
        "requestPayload": event,
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "responsePayload": result.get("body"),
    }


def _send(queue_arn: str, body: Json, attributes: dict[str, str] | None = None) -> None:
    sent = {
        name: {"DataType": "String", "StringValue": value}
        for name, value in (attributes or {}).items()
    }
    message = {
        "QueueUrl": queue_arn.rpartition(":")[2],
        "MessageBody": json.dumps(body),
        "MessageAttributes": sent,
    }
    original("ministack.services.sqs", "_act_send_message")(message, "")
