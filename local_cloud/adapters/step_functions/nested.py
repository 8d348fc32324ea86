"""`states:startExecution` in Step Functions: the child is an execution like any other, and ends with its parent.

The emulator runs a child inside the parent's task: nobody can list it, stop it, or learn why it failed. Here it is
started as a client would start it; `.sync` waits for its end and stops it when the parent is stopped or times out.
Source: Step Functions developer guide, "Start a new AWS Step Functions state machine from a running execution" and
"Service integration patterns", Run a Job.
"""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

from local_cloud.adapters import service_roles
from local_cloud.adapters.step_functions import glue as step_functions_glue
from local_cloud.patching import original, replace
from local_cloud.settings import ACCOUNT, REGION

STEP_FUNCTIONS = "ministack.services.stepfunctions"
RESOURCE = "arn:aws:states:::states:startExecution"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
LOOK_SECONDS = 0.2  # how often the wait looks at the child and at the parent
MILLIS = 1000
TIMES = ("StartDate", "StopDate")


def install() -> None:
    """Put both patterns in the emulator's place, and say what their role needs."""
    replace(STEP_FUNCTIONS, "_invoke_nested_start_execution", lambda _: start)
    replace(STEP_FUNCTIONS, "_invoke_nested_start_execution_sync", lambda _: run)
    service_roles.MORE_PERMISSIONS["states:startExecution"] = permissions_of_start
    service_roles.MORE_PERMISSIONS["states:startExecution.sync"] = permissions_of_run
    service_roles.MORE_PERMISSIONS["states:startExecution.sync:2"] = permissions_of_run
    step_functions_glue.STOPPING.append(RESOURCE)


def permissions_of_start(parameters: dict[str, Any]) -> list[tuple[str, str]]:
    """Source: Step Functions developer guide, "IAM policies for" nested executions, asynchronous."""
    return [("states:StartExecution", str(parameters.get("StateMachineArn", "")))]


def permissions_of_run(parameters: dict[str, Any]) -> list[tuple[str, str]]:
    """Source: as above, synchronous."""
    executions = (
        str(parameters.get("StateMachineArn", "")).replace(":stateMachine:", ":execution:") + ":*"
    )
    return [
        *permissions_of_start(parameters),
        *((f"states:{verb}Execution", executions) for verb in ("Describe", "Stop")),
        *((f"events:{verb}", RULE) for verb in ("PutTargets", "PutRule", "DescribeRule")),
    ]


def start(_resource: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """What the integration returns without waiting. Raises StepFunctions.<code> when it could not be started."""
    child = _start(parameters)
    return {"ExecutionArn": child, "StartDate": _epoch_millis(_describe(child)["startDate"])}


def run(resource: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """What the integration returns: the child's DescribeExecution, with `.sync:2` its output as JSON.

    Raises the emulator's _ExecutionError: States.TaskFailed with that description as JSON when the child did not
    succeed, StepFunctions.<code> when it could not be started, States.Timeout when the task's time is over.
    """
    child = _start(parameters)
    described = _shown(_wait(child))
    if described["Status"] != "SUCCEEDED":
        raise _error("States.TaskFailed", json.dumps(described))
    texts = ("Input", "Output") if resource.endswith(".sync:2") else ()
    return described | {
        name: json.loads(described[name]) for name in texts if isinstance(described.get(name), str)
    }


def _start(parameters: dict[str, Any]) -> str:
    request = original(STEP_FUNCTIONS, "_nested_start_execution_request")(parameters)
    status, _, body = original(STEP_FUNCTIONS, "_start_execution")(request)
    answer = json.loads(body)
    if status >= 400:
        code = (
            str(answer.get("__type", "StepFunctionsException")).removesuffix("Exception")
            + "Exception"
        )
        raise _error(
            f"StepFunctions.{code}",
            f"{answer.get('message')} (Service: Sfn, Status Code: {status})",
        )
    return str(answer["executionArn"])


def _wait(child: str) -> dict[str, Any]:
    parent, deadline = service_roles.current_execution(), step_functions_glue.deadline()
    while (described := _describe(child))["status"] == "RUNNING":
        if parent["status"] != "RUNNING":
            _stop(child, "the parent execution was stopped")
        elif deadline is not None and time.monotonic() > deadline:
            _stop(child, "the task of the parent execution timed out")
            raise _error("States.Timeout", "")
        time.sleep(LOOK_SECONDS)
    return described


def _describe(child: str) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(
        original(STEP_FUNCTIONS, "_describe_execution")({"executionArn": child})[2]
    )
    return described


def _stop(child: str, cause: str) -> None:
    original(STEP_FUNCTIONS, "_stop_execution")({"executionArn": child, "cause": cause})


def _shown(described: dict[str, Any]) -> dict[str, Any]:
    """DescribeExecution as the integration shows it: names with a capital, times in epoch milliseconds."""
    shown = _capitals(described)
    return shown | {name: _epoch_millis(shown[name]) for name in TIMES if name in shown}


def _capitals(described: dict[str, Any]) -> dict[str, Any]:
    return {
        key[:1].upper() + key[1:]: _capitals(value) if isinstance(value, dict) else value
        for key, value in described.items()
        if value is not None
    }


def _epoch_millis(moment: str | float) -> int:
    seconds = datetime.fromisoformat(moment).timestamp() if isinstance(moment, str) else moment
    return int(seconds * MILLIS)


def _error(error: str, cause: str) -> Exception:
    failure: Exception = original(STEP_FUNCTIONS, "_ExecutionError")(error, cause)
    return failure
