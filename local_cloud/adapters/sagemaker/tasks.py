"""SageMaker in Step Functions: jobs that are waited for (`.sync`) and end with their task, models made and deleted.

Sources: Step Functions developer guide, "Create and manage Amazon SageMaker AI jobs with Step Functions" and "IAM
policies for Amazon SageMaker AI"; aws/aws-cdk issue 26012 for AddTags.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from local_cloud.adapters import roles, service_roles
from local_cloud.adapters.sagemaker import jobs
from local_cloud.adapters.sagemaker.requests import Refused, Request
from local_cloud.adapters.step_functions import glue as step_functions_glue
from local_cloud.patching import original
from local_cloud.settings import ACCOUNT, REGION

STEP_FUNCTIONS = "ministack.services.stepfunctions"
PREFIX, SDK_PREFIX = "arn:aws:states:::sagemaker:", "arn:aws:states:::aws-sdk:sagemaker:"
LOOK_SECONDS, MILLIS = 0.2, 1000
MOMENTS = ("Time", "Timestamp")  # how names of times end
Operation = Callable[[Request], dict[str, Any]]


def install(operations: dict[str, Operation]) -> None:
    """Register the tasks that machines of this application may have, and what their role needs."""
    dispatch = original(STEP_FUNCTIONS, "_SERVICE_DISPATCH")
    for kind in ("Training", "Transform"):
        task = f"create{kind}Job"
        dispatch[PREFIX + task] = _job_task(kind, operations[f"Create{kind}Job"])
        service_roles.MORE_PERMISSIONS[f"sagemaker:{task}.sync"] = _permissions_of_job(kind)
        step_functions_glue.STOPPING.append(PREFIX + task)
    for prefix, task, name in (
        (PREFIX, "createModel", "CreateModel"),
        (SDK_PREFIX, "deleteModel", "DeleteModel"),
    ):
        dispatch[prefix + task] = _task(operations[name])
        service_roles.MORE_PERMISSIONS[prefix.removeprefix("arn:aws:states:::") + task] = (
            _permission(name)
        )


def _task(operation: Operation) -> Any:
    def task(_resource: str, parameters: dict[str, Any]) -> dict[str, Any]:
        _require_pass_role(parameters.get("ExecutionRoleArn"))
        return _asked(operation, parameters)

    return task


def _job_task(kind: str, create: Operation) -> Any:
    def task(resource: str, parameters: dict[str, Any]) -> dict[str, Any]:
        if not resource.endswith(".sync"):
            raise _error("States.Runtime", f"{resource} is not emulated, only with .sync")
        _require_pass_role(parameters.get("RoleArn"))
        _asked(create, parameters)
        job = jobs.found(kind, str(parameters[f"{kind}JobName"]))
        _wait(job)
        shown = _shown(job.record)
        if job.status != "Completed":
            raise _error("States.TaskFailed", json.dumps(shown))
        return shown

    return task


def _asked(operation: Operation, parameters: dict[str, Any]) -> dict[str, Any]:
    """Raises as Step Functions names errors of this service: the general one, but for a name or a limit."""
    try:
        return operation(parameters)
    except Refused as error:
        name = "AmazonSageMakerException" if error.code == "ValidationException" else error.code
        raise _error(
            f"SageMaker.{name}", f"{error} (Service: AmazonSageMaker; Status Code: 400)"
        ) from error


def _wait(job: jobs.Job) -> None:
    execution, ends = service_roles.current_execution(), step_functions_glue.deadline()
    while not job.ended.wait(LOOK_SECONDS):
        if execution["status"] != "RUNNING":
            job.container.stop()
        elif ends is not None and time.monotonic() > ends:
            job.container.stop()
            raise _error("States.Timeout", "")


def _require_pass_role(role: object) -> None:
    """Whoever hands a role to a service must be let to. Source: IAM user guide, iam:PassedToService."""
    if role is None or not roles.enforced():
        return
    execution = service_roles.current_execution()
    machine = original(STEP_FUNCTIONS, "_state_machines")[execution["stateMachineArn"]]
    source = execution["stateMachineArn"]
    try:
        session = roles.assume(
            machine["roleArn"], execution["name"], "states.amazonaws.com", source_arn=source
        )
        context = {"iam:passedtoservice": jobs.SERVICE}
        roles.require(session, "iam:PassRole", str(role), context=context)
    except roles.AccessDenied as error:
        raise _error("SageMaker.AmazonSageMakerException", str(error)) from error


def _permissions_of_job(kind: str) -> Callable[[dict[str, Any]], service_roles.Permissions]:
    rule = (
        f"arn:aws:events:{REGION}:{ACCOUNT}:rule/StepFunctionsGetEventsForSageMaker{kind}JobsRule"
    )

    def permissions(parameters: dict[str, Any]) -> service_roles.Permissions:
        job = jobs.arn(f"{kind.lower()}-job", str(parameters.get(f"{kind}JobName", "")))
        return [
            *((f"sagemaker:{verb}{kind}Job", job) for verb in ("Create", "Describe", "Stop")),
            ("sagemaker:AddTags", job),
            ("sagemaker:ListTags", "*"),
            *((f"events:{verb}", rule) for verb in ("PutTargets", "PutRule", "DescribeRule")),
        ]

    return permissions


def _permission(operation: str) -> Callable[[dict[str, Any]], service_roles.Permissions]:
    return lambda given: [
        (f"sagemaker:{operation}", jobs.arn("model", str(given.get("ModelName", ""))))
    ]


def _shown(record: Request) -> dict[str, Any]:
    """As the integration shows it: times in epoch milliseconds."""
    return {name: _plain(name, value) for name, value in record.items()}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, float) and name.endswith(MOMENTS):
        return int(value * MILLIS)
    if isinstance(value, list):
        return [_shown(each) if isinstance(each, dict) else each for each in value]
    return value


def _error(error: str, cause: str) -> Exception:
    failure: Exception = original(STEP_FUNCTIONS, "_ExecutionError")(error, cause)
    return failure
