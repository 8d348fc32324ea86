"""A dataset's one lock, seen from outside: who holds it, and how it is taken from an execution that is dead.

Files and run are not touched here: FailRun gives them back, as it does when Step Functions reports the end itself.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from contracts.errors import PermanentError
from pipeline.ledger import Item, RunLedger
from slipway.deployment import Deployment
from slipway.reading import executions, ledgers

REPORTED = frozenset(
    {"FAILED", "TIMED_OUT", "ABORTED"}
)  # what the status-change rule reports; FailRun takes only these


class StillHeld(PermanentError):
    """The lock belongs to an execution that is at work, or could not be freed."""


def release(deployment: Deployment, dataset: str) -> list[str]:
    """End runs that dead executions left running, and free the dataset if its holder is dead: what was done.

    Raises StillHeld while the execution that holds it is running.
    """
    lock = RunLedger(deployment.run_ledger).lock(dataset)
    holder = str(lock["run_id"]) if lock else None
    done = [
        _end_left(deployment, run)
        for run in left_running(deployment, dataset)
        if run["run_id"] != holder
    ]
    if lock is not None:
        return [*done, _free(deployment, dataset, lock)]
    return done or [f"nobody holds {dataset}, and no run was left running; nothing to release"]


def left_running(deployment: Deployment, dataset: str) -> list[Item]:
    """Runs that the ledger calls running although their execution is not."""
    return [
        run
        for run in ledgers.runs(deployment, dataset)
        if run["status"] == "running"
        and not executions.is_running(deployment, str(run["execution_arn"]))
    ]


def _end_left(deployment: Deployment, run: Item) -> str:
    """Have FailRun end a run that holds no lock; it finds it by its execution."""
    dataset, run_id = str(run["dataset"]), str(run["run_id"])
    found = executions.describe(deployment, str(run["execution_arn"]))
    invoke_fail_run(deployment, _status_change(dataset, run, found))
    now = RunLedger(deployment.run_ledger).get(dataset, run_id)
    if now is not None and now["status"] == "running":
        raise StillHeld(
            f"FailRun ended, but run {run_id} is still called running; its log says why"
        )
    return (
        f"ended run {run_id} of {dataset}, which held no lock and was left running; its files are given back."
        f" Next: slipway runs retry {run_id}"
    )


def _free(deployment: Deployment, dataset: str, lock: Item) -> str:
    arn = str(lock["execution_arn"])
    found = executions.describe(deployment, arn)
    if found is not None and found["status"] == "RUNNING":
        raise StillHeld(
            f"run {lock['run_id']} of {dataset} is at work: execution {arn} is RUNNING. Wait for it, or stop it with "
            f"`aws stepfunctions stop-execution --execution-arn {arn}`, which also releases the claim"
        )
    invoke_fail_run(deployment, _status_change(dataset, lock, found))
    left = RunLedger(deployment.run_ledger).lock(dataset)
    if left is not None and left["run_id"] == lock["run_id"]:
        raise StillHeld(
            f"FailRun ended, but run {lock['run_id']} still holds {dataset}; its log says why"
        )
    status = found["status"] if found else "forgotten by Step Functions"
    return f"released {dataset}: run {lock['run_id']} held it, its execution is {status}. Its files are given back."


def invoke_fail_run(deployment: Deployment, event: dict[str, Any]) -> None:
    """Hand FailRun an event and wait for its answer. Raises PermanentError with its error when it fails."""
    invoke(deployment, "FailRun", event, consequence=", so nothing was given back")


def invoke(
    deployment: Deployment, name: str, event: dict[str, Any], *, consequence: str = ""
) -> None:
    """Hand a function an event and wait for its end. Raises PermanentError with its error when it fails."""
    ask(deployment, name, event, consequence=consequence)


def ask(
    deployment: Deployment, name: str, event: dict[str, Any], *, consequence: str = ""
) -> dict[str, Any]:
    """The answer of a function to an event. Raises PermanentError with its error when it fails."""
    answer = deployment.client("lambda").invoke(
        FunctionName=deployment.output(f"{name}FunctionName"),
        InvocationType="RequestResponse",
        Payload=json.dumps(event).encode(),
    )
    text = answer["Payload"].read().decode()
    if answer.get("FunctionError"):
        raise PermanentError(f"{name} failed{consequence}: {_said(text)[:2000]}")
    told = json.loads(text or "null")
    return told if isinstance(told, dict) else {}


def _said(answer: str) -> str:
    """What a function that failed says, without Lambda's JSON around it."""
    try:
        return str(json.loads(answer)["errorMessage"])
    except (ValueError, LookupError, TypeError):
        return answer


def _status_change(dataset: str, lock: Item, found: dict[str, Any] | None) -> dict[str, Any]:
    """The event that EventBridge would have sent at the end of the execution.

    Source: Step Functions developer guide, "EventBridge events for Standard workflows".
    """
    status = found["status"] if found else "ABORTED"
    given = found or {"input": json.dumps({"dataset": dataset})}
    cause = (
        given.get("cause")
        or f"released by an operator on {datetime.now(UTC):%Y-%m-%d}; the execution was {status}"
    )
    detail = {
        "executionArn": lock["execution_arn"],
        "stateMachineArn": given.get("stateMachineArn", ""),
        "name": str(lock["execution_arn"]).rpartition(":")[2],
        "status": status if status in REPORTED else "ABORTED",
        "input": given.get("input"),
        "error": given.get("error"),
        "cause": cause,
    }
    return {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": detail,
    }
