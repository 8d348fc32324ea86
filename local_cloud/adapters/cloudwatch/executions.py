"""Executions of Step Functions as metrics, and the time limit of a machine, which the emulator does not know.

Source: Step Functions developer guide, "Monitoring Step Functions metrics using CloudWatch"; Amazon States Language,
"TimeoutSeconds" at the top level: an execution that takes longer ends as TIMED_OUT.
"""

from __future__ import annotations

import contextvars
import json
import threading
import time
from datetime import datetime
from typing import Any

from local_cloud.adapters.cloudwatch import metrics
from local_cloud.patching import original, replace

STEP_FUNCTIONS = "ministack.services.stepfunctions"
NAMESPACE = "AWS/States"
MILLIS = 1000
COUNTED = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}
Json = dict[str, Any]


def install() -> None:
    """Count each change of an execution's status, and end what takes longer than its machine allows."""
    replace(STEP_FUNCTIONS, "_emit_execution_status_event", _counting)


def _counting(emit: Any) -> Any:
    def emit_execution_status_event(execution: Json) -> None:
        emit(execution)
        if execution.get("sync"):  # of an express machine, which has other metrics
            return
        machine = {"StateMachineArn": execution["stateMachineArn"]}
        metrics.record(NAMESPACE, COUNTED[execution["status"]], 1, machine)
        if execution["status"] == "RUNNING":
            _limit(execution)
        else:
            metrics.record(NAMESPACE, "ExecutionTime", _millis(execution), machine, "Milliseconds")

    return emit_execution_status_event


def _millis(execution: Json) -> float:
    started, stopped = (
        datetime.fromisoformat(str(execution[key])) for key in ("startDate", "stopDate")
    )
    return (stopped - started).total_seconds() * MILLIS


def _limit(execution: Json) -> None:
    machine = original(STEP_FUNCTIONS, "_state_machines").get(execution["stateMachineArn"]) or {}
    seconds = json.loads(machine.get("definition") or "{}").get("TimeoutSeconds")
    if seconds:
        run = contextvars.copy_context().run
        threading.Thread(
            target=run, args=(_end_late, execution, float(seconds)), daemon=True
        ).start()


def _end_late(execution: Json, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while execution["status"] == "RUNNING":
        left = deadline - time.monotonic()
        if left > 0:
            time.sleep(min(left, 1))
            continue
        execution["status"] = "TIMED_OUT"
        execution["stopDate"] = original(STEP_FUNCTIONS, "now_iso")()
        original(STEP_FUNCTIONS, "_add_event")(
            execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}}
        )
        original(STEP_FUNCTIONS, "_emit_execution_status_event")(execution)
