"""`glue:startJobRun.sync` in Step Functions: start the run, wait for its end, and take Spark down with the task.

The wait is in the execution's own thread. It ends with the run, with the task's timeout, or with the execution.
"""

from __future__ import annotations

import contextvars
import json
import time
from typing import Any

from local_cloud.adapters import service_roles
from local_cloud.adapters.glue import jobs as spark_jobs
from local_cloud.patching import original, replace

STEP_FUNCTIONS = "ministack.services.stepfunctions"
RESOURCE = "arn:aws:states:::glue:startJobRun"
LOOK_SECONDS = 0.5  # how often the wait looks whether the execution was stopped
MILLIS = 1000

STOPPING = [RESOURCE]  # integrations that stop what they started when their task times out

_deadline: contextvars.ContextVar[float | None] = contextvars.ContextVar(
    "slipway_task_deadline", default=None
)


def install() -> None:
    """Register the integration, and let a timed-out task stop what it started."""
    original(STEP_FUNCTIONS, "_SERVICE_DISPATCH")[RESOURCE] = start_job_run
    replace(STEP_FUNCTIONS, "_invoke_resource_with_timeout", _stopping)


def deadline() -> float | None:
    """When the task that is being carried out times out, on the monotonic clock."""
    return _deadline.get()


def start_job_run(resource: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """What the integration returns: the run's record with `.sync`, else its id.

    Raises the emulator's _ExecutionError: States.TaskFailed with the record as JSON when the run did not succeed,
    Glue.<code> when it could not be started, States.Timeout when the task's time is over.
    """
    run_id = _start(parameters)
    if not resource.endswith(".sync"):
        return {"JobRunId": run_id, "JobName": parameters["JobName"]}
    record = _wait(run_id)
    if record["JobRunState"] != "SUCCEEDED":
        raise _error("States.TaskFailed", json.dumps(_as_step_functions_shows(record)))
    return _as_step_functions_shows(record)


def _start(parameters: dict[str, Any]) -> str:
    status, _, body = original("ministack.services.glue", "_start_job_run")(parameters)
    answer = json.loads(body)
    if status >= 400:
        raise _error(
            f"Glue.{answer['__type']}",
            f"{answer['message']} (Service: AWSGlue; Status Code: {status})",
        )
    return str(answer["JobRunId"])


def _wait(run_id: str) -> dict[str, Any]:
    execution, ends = service_roles.current_execution(), deadline()
    while (record := spark_jobs.wait_for(run_id, LOOK_SECONDS)) is None:
        if execution["status"] != "RUNNING":
            spark_jobs.stop(run_id)
        elif ends is not None and time.monotonic() > ends:
            spark_jobs.stop(run_id)
            raise _error("States.Timeout", "")
    return record


def _stopping(invoke_with_timeout: Any) -> Any:
    """The emulator abandons a task that takes too long and lets it run on; Step Functions stops what it started."""

    def invoke(resource: str, parameters: Any, timeout_seconds: float) -> Any:
        if not resource.startswith(tuple(STOPPING)):
            return invoke_with_timeout(resource, parameters, timeout_seconds)
        token = _deadline.set(time.monotonic() + timeout_seconds)
        try:
            return original(STEP_FUNCTIONS, "_invoke_resource")(resource, parameters)
        finally:
            _deadline.reset(token)

    return invoke


def _as_step_functions_shows(record: dict[str, Any]) -> dict[str, Any]:
    """The JobRun with times in epoch milliseconds, and no ErrorMessage when there is none.

    ExecutionTime, NumberOfWorkers and WorkerType are there as Glue gives them (API reference, JobRun). DPUSeconds, that
    Glue adds where auto-scaling counted workers as they came and went, is not: here nothing scales.
    """
    shown = {key: value for key, value in record.items() if value not in (None, "")}
    times = {
        key: record[key] * MILLIS
        for key in ("StartedOn", "LastModifiedOn", "CompletedOn")
        if record.get(key)
    }
    return shown | times


def _error(error: str, cause: str) -> Exception:
    failure: Exception = original(STEP_FUNCTIONS, "_ExecutionError")(error, cause)
    return failure
