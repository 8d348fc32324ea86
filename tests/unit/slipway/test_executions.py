"""Steps are told from an execution's history, a running one without seconds."""

from datetime import UTC, datetime, timedelta
from typing import Any

from slipway import executions

START = datetime(2026, 1, 1, tzinfo=UTC)


def event(kind: str, name: str, second: int) -> dict[str, Any]:
    return {
        "type": kind,
        "timestamp": START + timedelta(seconds=second),
        "stateEnteredEventDetails": {"name": name},
    }


def test_each_state_has_its_seconds_and_the_last_is_still_running() -> None:
    history = [
        {"type": "ExecutionStarted", "timestamp": START},
        event("WaitStateEntered", "SettleUploads", 0),
        event("WaitStateExited", "SettleUploads", 5),
        event("TaskStateEntered", "ClaimBatch", 5),
        {"type": "TaskScheduled", "timestamp": START},
    ]
    found = list(executions._steps("arn", history))
    assert [(step.name, step.seconds) for step in found] == [("SettleUploads", 5.0), ("ClaimBatch", None)]
