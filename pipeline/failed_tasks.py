"""What went wrong in a task of a state machine, in words: services say it in JSON of their own, or as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from contracts.texts import shortened

ENDED_BADLY = {
    "FAILED": "the execution failed outside every task; its history has the event",
    "TIMED_OUT": "the execution took longer than its TimeoutSeconds and was ended by Step Functions",
    "ABORTED": "the execution was stopped by hand or by a call of StopExecution",
}
CAUSE_LENGTH = 2000
_SAID_IN = ("ErrorMessage", "StateDetails", "errorMessage")  # Glue, EMR Serverless, Lambda


def readable(cause: str) -> str:
    """What went wrong in words: Glue and EMR Serverless give a JobRun as JSON, Lambda its error object, Step Functions
    the execution of another machine, others plain text.
    """
    found = as_object(cause)
    if (error := error_of_machine(found)) is not None:
        return _of_machine(found or {}, error)
    if found is not None:
        cause = str(next((found[name] for name in _SAID_IN if found.get(name)), cause))
    return shortened(cause.strip(), CAUSE_LENGTH)


def as_object(text: str) -> dict[str, Any] | None:
    """The JSON object that a text is, or None."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def error_of_machine(found: Mapping[str, Any] | None) -> str | None:
    """The error of another machine's execution; None when `found` is something else.

    Source: Step Functions API reference, DescribeExecution, whose answer is the cause of a failed startExecution.sync.
    """
    if found is None or not {"ExecutionArn", "Status"} <= set(found):
        return None
    return str(found.get("Error") or f"Execution.{found['Status']}")


def _of_machine(found: Mapping[str, Any], error: str) -> str:
    """One sentence, then which execution it was, then whatever else it said."""
    cause = found.get("Cause")
    told = readable(cause) if cause else ENDED_BADLY.get(str(found["Status"]), "it gave no cause")
    first, *more = told.splitlines() or [told]
    sentence = f"{_name_of_machine(found)} ended as {found['Status']} with {error}: {first}"
    return shortened(
        "\n".join([sentence, f"its execution: {found['ExecutionArn']}", *more]), CAUSE_LENGTH
    )


def _name_of_machine(found: Mapping[str, Any]) -> str:
    """`arn:...:stateMachine:NAME` and `arn:...:execution:NAME:EXECUTION` both carry it."""
    return str(found.get("StateMachineArn") or found["ExecutionArn"].rpartition(":")[0]).rpartition(
        ":"
    )[2]
