"""Steps are told from an execution's history, a running one without seconds."""

from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.reading import executions

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
    assert [(step.name, step.seconds) for step in found] == [
        ("SettleUploads", 5.0),
        ("ClaimBatch", None),
    ]


def test_what_happens_within_a_map_is_part_of_it_also_while_it_runs() -> None:
    history = [
        event("MapStateEntered", "Serve", 0),
        {"type": "MapStateStarted", "timestamp": START},
        event("TaskStateEntered", "RunServingMachine", 1),
        event("TaskStateEntered", "RunServingMachine", 1),
        event("TaskStateExited", "RunServingMachine", 4),
    ]
    assert [(step.name, step.seconds) for step in executions._steps("arn", history)] == [
        ("Serve", None)
    ]
    history += [
        event("TaskStateExited", "RunServingMachine", 6),
        event("MapStateExited", "Serve", 7),
        event("TaskStateEntered", "CloseRun", 7),
    ]
    found = list(executions._steps("arn", history))
    assert [(step.name, step.seconds) for step in found] == [("Serve", 7.0), ("CloseRun", None)]


def test_a_map_that_failed_does_not_hide_what_came_after_it() -> None:
    history = [
        event("MapStateEntered", "Serve", 0),
        event("TaskStateEntered", "RunServingMachine", 1),
        {"type": "MapStateFailed", "timestamp": START},
        event("MapStateExited", "Serve", 5),
        event("TaskStateEntered", "FailRun", 5),
    ]
    found = list(executions._steps("arn", history))
    assert [(step.name, step.seconds) for step in found] == [("Serve", 5.0), ("FailRun", None)]
