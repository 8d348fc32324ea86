"""The paths through the state machine, walked by the emulator's own interpreter with canned answers for the tasks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ministack.services import stepfunctions

from lambdas.fail_run.failures import parse

TEXT = (Path(__file__).parents[3] / "state_machines" / "dataset_run.asl.json").read_text()
CLAIMED = {"dataset": "d", "run_id": "r1", "claimed": True, "file_count": 1, "reason": None}
NOTHING = {"dataset": "d", "run_id": None, "claimed": False, "file_count": 0, "reason": "no file is waiting"}
WHOLE_RUN = ["ClaimBatch", "RawToProcessed", "Gate", "ProcessedToCurated", "CloseRun"]

Walk = Callable[..., dict[str, Any]]


def failure(error: str, **cause: str) -> Exception:
    raised: Exception = stepfunctions._ExecutionError(error, json.dumps(cause))
    return raised


@pytest.fixture
def walk(monkeypatch: pytest.MonkeyPatch) -> Walk:
    """Runs one execution; `answers` maps a task to its answer, an error, or a list of them, one per call."""

    def run(**answers: Any) -> dict[str, Any]:
        given = {
            "ClaimBatch": CLAIMED,
            "RawToProcessed": {"Id": "jr_1"},
            "Gate": {"rows_loaded": 5},
            "ProcessedToCurated": {"Id": "jr_2"},
            "CloseRun": {"waiting": 0},
            **answers,
        }
        seen: dict[str, Any] = {"calls": [], "failure": None}

        def invoke(resource: str, task: dict[str, Any]) -> Any:
            name = re.sub("(FunctionArn|JobName)$", "", task.get("FunctionName") or task["JobName"])
            seen["calls"].append(name)
            if name == "FailRun" and name not in given:
                seen["failure"] = parse(task["Payload"])
                return {"Payload": {"error": seen["failure"].error, "cause": seen["failure"].cause}}
            answer = given[name].pop(0) if isinstance(given[name], list) else given[name]
            if isinstance(answer, Exception):
                raise answer
            return {"Payload": answer} if "lambda" in resource else answer

        filled = re.sub(r"\$\{(\w+)\}", lambda found: "1" if found[1] == "SettleSeconds" else found[1], TEXT)
        execution = {
            "executionArn": "arn:e", "stateMachineArn": "machine", "name": "e", "status": "RUNNING", "events": [],
            "input": '{"dataset": "d", "trigger": "operator"}', "startDate": "2026-01-01T00:00:00Z",
        }  # fmt: skip
        monkeypatch.setattr(stepfunctions, "_SFN_WAIT_SCALE", 0)
        monkeypatch.setattr(stepfunctions, "_invoke_resource", invoke)
        monkeypatch.setattr(stepfunctions, "_emit_execution_status_event", lambda _: None)
        monkeypatch.setitem(stepfunctions._state_machines, "machine", {"definition": filled, "name": "m"})
        monkeypatch.setitem(stepfunctions._executions, "arn:e", execution)
        stepfunctions._run_execution("arn:e")
        return {**execution, **seen}

    return run


def test_a_run_goes_through_every_step(walk: Walk) -> None:
    ended = walk()
    assert (ended["calls"], ended["status"]) == (WHOLE_RUN, "SUCCEEDED")


def test_nothing_to_do_is_a_success_without_a_job(walk: Walk) -> None:
    ended = walk(ClaimBatch=NOTHING)
    assert (ended["calls"], ended["status"]) == (["ClaimBatch"], "SUCCEEDED")


def test_files_that_arrived_meanwhile_get_their_own_round(walk: Walk) -> None:
    ended = walk(ClaimBatch=[CLAIMED, CLAIMED], CloseRun=[{"waiting": 3}, {"waiting": 0}])
    assert (ended["calls"], ended["status"]) == (WHOLE_RUN * 2, "SUCCEEDED")


@pytest.mark.parametrize("step", WHOLE_RUN)
def test_a_step_that_fails_ends_the_run_as_failed_with_its_name_and_cause(walk: Walk, step: str) -> None:
    ended = walk(**{step: failure("ReconciliationFailed", errorMessage="differs")})
    assert ended["calls"] == [*WHOLE_RUN[: WHOLE_RUN.index(step) + 1], "FailRun"]
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "ReconciliationFailed", "differs")
    run_id = None if step == "ClaimBatch" else "r1"
    assert (ended["failure"].step, ended["failure"].run_id, ended["failure"].dataset) == (step, run_id, "d")


def test_a_failure_in_a_later_round_names_the_step_of_that_round(walk: Walk) -> None:
    ended = walk(ClaimBatch=[CLAIMED, failure("KeyError")], CloseRun={"waiting": 1})
    assert (ended["failure"].step, ended["failure"].run_id) == ("ClaimBatch", None)


def test_what_may_succeed_later_is_tried_again(walk: Walk) -> None:
    busy = failure("Glue.ConcurrentRunsExceededException")
    ended = walk(ClaimBatch=[failure("RetryableError"), CLAIMED], RawToProcessed=[busy, busy, {"Id": "jr_1"}])
    assert ended["calls"] == ["ClaimBatch", "ClaimBatch", "RawToProcessed", "RawToProcessed", *WHOLE_RUN[1:]]
    assert ended["status"] == "SUCCEEDED"


def test_a_job_that_failed_is_not_run_again(walk: Walk) -> None:
    ended = walk(RawToProcessed=failure("States.TaskFailed", ErrorMessage="executor lost"))
    assert ended["calls"] == ["ClaimBatch", "RawToProcessed", "FailRun"]
    assert ended["cause"] == "executor lost"


def test_a_failure_that_cannot_be_recorded_says_so(walk: Walk) -> None:
    ended = walk(Gate=failure("KeyError"), FailRun=failure("AccessDeniedException"))
    assert ended["calls"].count("FailRun") == 1 + 4
    assert (ended["status"], ended["error"]) == ("FAILED", "FailRunFailed")
