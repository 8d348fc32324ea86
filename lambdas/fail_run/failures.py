"""What failed, from either of the two ways in which fail_run hears of it.

The state machine's Catch hands over its whole state: the first step without a result is the one that failed.
EventBridge tells of executions that ended FAILED, TIMED_OUT or ABORTED, since no Catch runs on a time-out, an abort or
States.Runtime.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.alerts import shortened
from contracts.errors import PermanentError
from contracts.ledger import UNKNOWN_DATASET

# State name -> where the state machine keeps its result (ResultPath in dataset_run.asl.json), in order.
STEPS = {
    "ClaimBatch": "claim",
    "RawToProcessed": "raw_to_processed",
    "Gate": "gate",
    "ProcessedToCurated": "processed_to_curated",
    "CloseRun": "close",
}
STATUS_CHANGE = "Step Functions Execution Status Change"
ENDED_BADLY = {
    "FAILED": "the execution failed outside every task; its history has the event",
    "TIMED_OUT": "the execution took longer than its TimeoutSeconds and was ended by Step Functions",
    "ABORTED": "the execution was stopped by hand or by a call of StopExecution",
}
CAUSE_LENGTH = 2000


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One failed execution. `step` is None when it is not known, `run_id` when it had no run or does not say."""

    dataset: str
    execution_arn: str
    run_id: str | None
    step: str | None
    error: str
    cause: str


def parse(event: Mapping[str, Any]) -> Failure:
    """Raises PermanentError when the event is neither of the two kinds."""
    if event.get("detail-type") == STATUS_CHANGE:
        return _from_status_change(event["detail"])
    if "execution_arn" in event and "state" in event:
        return _from_catch(event)
    raise PermanentError(f"neither a caught failure nor a {STATUS_CHANGE!r} event: keys {sorted(event)}")


def _from_catch(event: Mapping[str, Any]) -> Failure:
    state = event["state"]
    caught = state.get("failure") or {}
    return Failure(
        dataset=event["dataset"],
        execution_arn=event["execution_arn"],
        run_id=(state.get("claim") or {}).get("run_id"),
        step=next((step for step, result in STEPS.items() if result not in state), None),
        error=caught.get("Error") or "Unknown",
        cause=readable(caught.get("Cause") or "no cause was given"),
    )


def _from_status_change(detail: Mapping[str, Any]) -> Failure:
    status = detail["status"]
    if status not in ENDED_BADLY:
        raise PermanentError(f"execution {detail['executionArn']} is {status}, which is no failure; correct the rule")
    given = detail.get("cause")
    return Failure(
        dataset=_dataset(detail.get("input")),
        execution_arn=detail["executionArn"],
        run_id=None,
        step=None,
        error=detail.get("error") or f"Execution.{status}",
        cause=readable(given) if given else ENDED_BADLY[status],
    )


def _dataset(execution_input: str | None) -> str:
    """The dataset in an execution's input; EventBridge leaves the input out when it is very large."""
    try:
        found = json.loads(execution_input or "{}")
    except ValueError:
        return UNKNOWN_DATASET
    return str(found.get("dataset", UNKNOWN_DATASET)) if isinstance(found, dict) else UNKNOWN_DATASET


def readable(cause: str) -> str:
    """What went wrong in words: Glue gives its JobRun as JSON, Lambda its error object, others plain text."""
    try:
        found = json.loads(cause)
    except ValueError:
        found = None
    if isinstance(found, dict):
        cause = str(found.get("ErrorMessage") or found.get("errorMessage") or cause)
    return shortened(cause.strip(), CAUSE_LENGTH)
