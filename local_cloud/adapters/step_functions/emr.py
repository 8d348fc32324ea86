"""`emr-serverless:startJobRun.sync` and `aws-sdk:emrserverless:getJobRun` in Step Functions.

The wait is in the execution's own thread. It ends with the run, with the task's timeout, or with the execution, and the
run is cancelled with the latter two. Without `.sync`, and every other API of EMR Serverless, is refused.
Source: Step Functions developer guide, "Create and manage Amazon EMR Serverless applications with Step Functions".
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from local_cloud.adapters import roles, service_roles
from local_cloud.adapters.emr import applications, job_runs
from local_cloud.adapters.emr.command import NotDone
from local_cloud.adapters.step_functions import glue as step_functions_glue
from local_cloud.patching import original
from local_cloud.settings import ACCOUNT, REGION, ServerSettings

STEP_FUNCTIONS = "ministack.services.stepfunctions"
START = "emr-serverless:startJobRun"
SYNC = f"{START}.sync"
GET = "aws-sdk:emrserverless:getJobRun"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/StepFunctionsGetEventsForEMRServerlessJobRule"
LOOK_SECONDS = 0.5  # how often the wait looks whether the execution was stopped


def install(settings: ServerSettings) -> None:
    """Register both, and say what their role needs."""
    dispatch = original(STEP_FUNCTIONS, "_SERVICE_DISPATCH")
    dispatch[f"arn:aws:states:::{START}"] = lambda resource, given: run(settings, resource, given)
    dispatch[f"arn:aws:states:::{GET}"] = lambda _, given: _answered(job_runs.get, given)
    service_roles.MORE_PERMISSIONS[SYNC] = permissions_of_run
    service_roles.MORE_PERMISSIONS[GET] = permissions_of_look
    step_functions_glue.STOPPING.append(f"arn:aws:states:::{START}")


def permissions_of_run(parameters: dict[str, Any]) -> list[tuple[str, str]]:
    """Source: Step Functions developer guide, "IAM policies for Amazon EMR Serverless", run a job (.sync)."""
    application = applications.arn(str(parameters.get("ApplicationId", "")))
    runs = f"{application}/jobruns/00"
    return [
        ("emr-serverless:StartJobRun", application),
        *((f"emr-serverless:{verb}JobRun", runs) for verb in ("Get", "Cancel")),
        *((f"events:{verb}", RULE) for verb in ("PutTargets", "PutRule", "DescribeRule")),
    ]


def permissions_of_look(parameters: dict[str, Any]) -> list[tuple[str, str]]:
    """Source: Service Authorization Reference, Amazon EMR Serverless, GetJobRun."""
    application = applications.arn(str(parameters.get("ApplicationId", "")))
    return [("emr-serverless:GetJobRun", f"{application}/jobruns/{parameters.get('JobRunId', '')}")]


def run(settings: ServerSettings, resource: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """What the integration returns: the answer of StartJobRun, once the run has ended well.

    Raises the emulator's _ExecutionError: States.TaskFailed with the JobRun as JSON when it did not succeed,
    EmrServerless.<code> when it could not be started, States.Timeout when the task's time is over, States.Runtime for
    what the embedded AWS does not do.
    """
    if not resource.endswith(".sync"):
        raise _error("States.Runtime", f"{resource} is not done by the embedded AWS, only {SYNC}")
    _require_passing(str(parameters.get("ExecutionRoleArn", "")))
    started: dict[str, Any] = _answered(lambda given: job_runs.start(settings, given), parameters)
    record = _wait(started["JobRunId"], parameters)
    if record["State"] != "SUCCESS":
        raise _error("States.TaskFailed", json.dumps(record))
    return started


def _answered(call: Callable[[dict[str, Any]], Any], given: dict[str, Any]) -> Any:
    try:
        return call(given)
    except job_runs.Refused as refused:
        raise _error(f"EmrServerless.{refused.code}", str(refused)) from refused
    except NotDone as not_done:
        raise _error("States.Runtime", str(not_done)) from not_done


def _require_passing(role_arn: str) -> None:
    """The role of the machine must be allowed to hand the execution role to EMR Serverless."""
    if not roles.enforced():
        return
    execution = service_roles.current_execution()
    machine = original(STEP_FUNCTIONS, "_state_machines")[execution["stateMachineArn"]]
    try:
        session = roles.assume(
            machine["roleArn"],
            execution["name"],
            "states.amazonaws.com",
            source_arn=execution["stateMachineArn"],
        )
        context = {"iam:passedtoservice": job_runs.SERVICE}
        roles.require(session, "iam:PassRole", role_arn, context=context)
    except roles.AccessDenied as denied:
        raise _error("EmrServerless.AccessDeniedException", str(denied)) from denied


def _wait(job_run_id: str, parameters: dict[str, Any]) -> dict[str, Any]:
    execution, ends = service_roles.current_execution(), step_functions_glue.deadline()
    job_run = {"ApplicationId": parameters["ApplicationId"], "JobRunId": job_run_id}
    while (record := job_runs.wait_for(job_run_id, LOOK_SECONDS)) is None:
        if execution["status"] != "RUNNING":
            job_runs.cancel(job_run, "the execution of Step Functions was stopped")
        elif ends is not None and time.monotonic() > ends:
            job_runs.cancel(job_run, "the task of Step Functions timed out")
            raise _error("States.Timeout", "")
    return record


def _error(error: str, cause: str) -> Exception:
    failure: Exception = original(STEP_FUNCTIONS, "_ExecutionError")(error, cause)
    return failure
