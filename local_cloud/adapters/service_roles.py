"""Step Functions, EventBridge, Scheduler and queue pollers act under a role, or in their own name if a policy says so.

The emulator lets these services call each other directly, which no missing permission would ever stop. Each call is
checked here before it is made. A task type whose permissions are not known here is refused while policies are
enforced: never pretend.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from typing import Any

from local_cloud.adapters import machine_logs, roles, undelivered
from local_cloud.adapters.access import service_calls
from local_cloud.adapters.access.service_calls import SCHEDULER, schedule_group
from local_cloud.patching import original, replace
from local_cloud.settings import ACCOUNT, REGION

STEP_FUNCTIONS = "ministack.services.stepfunctions"
EVENTBRIDGE = "ministack.services.eventbridge"
LAMBDA = "ministack.services.lambda_svc"
QUEUE_READER = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
TARGET_ACTIONS = {
    "states": "states:StartExecution",
    "lambda": "lambda:InvokeFunction",
    "sqs": "sqs:SendMessage",
    "sns": "sns:Publish",
}
# What EventBridge reaches by the policy of the target. Source: EventBridge user guide, "Using resource-based policies".
BY_RESOURCE_POLICY = ("lambda:InvokeFunction", "sqs:SendMessage", "sns:Publish")

Permissions = list[tuple[str, str]]
# integrations of adapters of their own: from the task's parameters, the actions and resources
MORE_PERMISSIONS: dict[str, Callable[[dict[str, Any]], Permissions]] = {}
_execution: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar(
    "slipway_execution", default=None
)


def install() -> None:
    """Check every task of a state machine and every delivery that has a role."""
    replace(STEP_FUNCTIONS, "_execute_task", _remember_execution)
    replace(STEP_FUNCTIONS, "_invoke_resource", _checked_task)
    replace(STEP_FUNCTIONS, "_fail_execution", _unless_stopped)
    replace(EVENTBRIDGE, "_invoke_target", _checked_delivery)
    replace(LAMBDA, "_iter_all_esms", _only_readable_queues)


def current_execution() -> dict[str, Any]:
    """The execution whose task is being carried out."""
    execution = _execution.get()
    if execution is None:
        raise RuntimeError("no state machine execution is being carried out here")
    return execution


def session_of_machine() -> roles.Session:
    """A session of the role of the machine whose task is being carried out. Raises AccessDenied."""
    execution = current_execution()
    machine = original(STEP_FUNCTIONS, "_state_machines")[execution["stateMachineArn"]]
    return roles.assume(
        machine["roleArn"],
        execution["name"],
        "states.amazonaws.com",
        source_arn=execution["stateMachineArn"],
    )


def task_permissions(resource: str, parameters: dict[str, Any]) -> list[tuple[str, str]]:
    """Actions and resources that a task needs, as the Step Functions guide lists them per integration.

    Raises:
        NotImplementedError: for an integration that is not listed here.
    """
    job = f"arn:aws:glue:{REGION}:{ACCOUNT}:job/{parameters.get('JobName', '')}"
    function = str(parameters.get("FunctionName", resource))
    if ":function:" not in function:
        function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{parameters.get('TableName', '')}"
    known = {
        "lambda:invoke": [("lambda:InvokeFunction", function)],
        "glue:startJobRun": [("glue:StartJobRun", job)],
        "glue:startJobRun.sync": [
            (f"glue:{verb}", job)
            for verb in ("StartJobRun", "GetJobRun", "GetJobRuns", "BatchStopJobRun")
        ],
        "sns:publish": [("sns:Publish", str(parameters.get("TopicArn", "")))],
        "dynamodb:getItem": [("dynamodb:GetItem", table)],
        "dynamodb:putItem": [("dynamodb:PutItem", table)],
        "dynamodb:updateItem": [("dynamodb:UpdateItem", table)],
        "dynamodb:deleteItem": [("dynamodb:DeleteItem", table)],
    }
    if ":function:" in resource:
        return known["lambda:invoke"]
    integration = resource.removeprefix("arn:aws:states:::")
    if integration in MORE_PERMISSIONS:
        return MORE_PERMISSIONS[integration](parameters)
    if integration not in known:
        raise NotImplementedError(
            f"the permissions of task {resource!r} are not known to the embedded AWS"
        )
    return known[integration]


def _remember_execution(execute: Any) -> Any:
    def execute_task(state: Any, raw_input: Any, execution: dict[str, Any], ctx: Any) -> Any:
        token = _execution.set(execution)
        try:
            return execute(state, raw_input, execution, ctx)
        finally:
            _execution.reset(token)

    return execute_task


def _unless_stopped(fail: Any) -> Any:
    """A task that fails because its execution was stopped must not turn ABORTED into FAILED."""

    def fail_execution(execution: dict[str, Any], error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            fail(execution, error, cause)

    return fail_execution


def _checked_task(invoke: Any) -> Any:
    def invoke_resource(resource: str, parameters: Any) -> Any:
        execution = current_execution()
        if execution["status"] != "RUNNING":  # nor may its retries start anything
            raise original(STEP_FUNCTIONS, "_ExecutionError")(
                "States.Aborted", "the execution was stopped"
            )
        if roles.enforced():
            machine = original(STEP_FUNCTIONS, "_state_machines")[execution["stateMachineArn"]]
            try:
                session = session_of_machine()
                machine_logs.require(execution, machine, session)
                for action, arn in task_permissions(
                    resource, parameters if isinstance(parameters, dict) else {}
                ):
                    roles.require(session, action, arn)
            except roles.AccessDenied as exc:
                raise original(STEP_FUNCTIONS, "_ExecutionError")(
                    _denial_name(resource), str(exc)
                ) from exc
            except NotImplementedError as exc:
                raise original(STEP_FUNCTIONS, "_ExecutionError")(
                    "States.Runtime", str(exc)
                ) from exc
        return invoke(resource, parameters)

    return invoke_resource


def _denial_name(resource: str) -> str:
    """A denied call is the integration's general error, e.g. Lambda.AWSLambdaException, Glue.AWSGlueException."""
    names = {
        "lambda": "Lambda.AWSLambdaException",
        "glue": "Glue.AWSGlueException",
        "sns": "SNS.AmazonSNSException",
    }
    names["emr-serverless"] = "EmrServerless.AccessDeniedException"
    names["sagemaker"] = "SageMaker.AmazonSageMakerException"
    names["states"] = "StepFunctions.AccessDeniedException"
    service = resource.removeprefix("arn:aws:states:::").split(":")[0]
    return names.get(service, "States.Permissions")


def _checked_delivery(invoke: Any) -> Any:
    def invoke_target(
        target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], *args: Any
    ) -> Any:
        if roles.enforced():
            try:
                _check_delivery(target, event, rule)
            except roles.AccessDenied as exc:
                undelivered.keep(target, event, rule, code="NO_PERMISSIONS", reason=str(exc))
                return None
        return invoke(target, event, rule, *args)

    return invoke_target


def _check_delivery(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any]) -> None:
    """Under the target's role, or else in the service's own name. Raises AccessDenied."""
    role, arn = target.get("RoleArn"), str(target["Arn"])
    action = TARGET_ACTIONS.get(arn.split(":")[2])
    if action is None:
        raise roles.AccessDenied(f"deliveries to {arn} are not known to the embedded AWS")
    service, source = service_calls.EVENTS, str(rule.get("Arn", ""))
    if event.get("Source") == "aws.scheduler":
        service, source = SCHEDULER, schedule_group(rule)
    if role:
        session = roles.assume(role, str(rule.get("Name", "delivery")), service, source_arn=source)
        roles.require(session, action, arn)
    elif service == SCHEDULER or action not in BY_RESOURCE_POLICY:
        raise roles.AccessDenied(
            f"a delivery to {arn} needs a role; give the target of {source} one"
        )
    else:
        service_calls.require(service_calls.from_source(service, action, arn, source))


def _only_readable_queues(mappings: Any) -> Any:
    """Lambda polls a queue with the function's execution role."""

    def iter_all_esms() -> Iterator[tuple[str, str, dict[str, Any]]]:
        for account, region, mapping in mappings():
            if (
                mapping["EventSourceArn"].split(":")[2] != "sqs"
                or not roles.enforced()
                or _may_poll(mapping)
            ):
                yield account, region, mapping

    return iter_all_esms


def _may_poll(mapping: dict[str, Any]) -> bool:
    name = mapping["FunctionName"]
    _, configuration = original(LAMBDA, "_get_func_record_for_qualifier")(
        name, mapping.get("Qualifier")
    )
    try:
        session = roles.assume((configuration or {}).get("Role", ""), name, "lambda.amazonaws.com")
        for action in QUEUE_READER:
            roles.require(session, action, mapping["EventSourceArn"])
    except roles.AccessDenied as exc:
        mapping["LastProcessingResult"] = f"PROBLEM: {exc}"
        return False
    return True
