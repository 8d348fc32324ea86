"""The load of the warehouse: prepared, waited for, loaded, waited for, concluded; begun again only when in the way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.state_machine.walking import MACHINES, VALUES, Walk, failure

STATES: dict[str, Any] = json.loads((MACHINES / "warehouse_load.asl.json").read_text())["States"]
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
RUNNING, FINISHED = {"status": "running"}, {"status": "finished"}
PREPARED, LOADING = {"statement": "s-prepare"}, {"statement": "s-load"}
CONCLUDED = {"served": "warehouse", "tables": [{"table": "by_month", "loaded_rows": 3}]}
SMOOTH = [PREPARED, FINISHED, LOADING, FINISHED, CONCLUDED]
INPUT = {
    "dataset": "d",
    "run_id": "r1",
    "caller": "run",
    "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "arn:parent",
}


def load(walk: Walk, *answers: Any, **given: Any) -> dict[str, Any]:
    return walk("warehouse_load", {**INPUT, **given}, LoadWarehouse=list(answers))


def actions(ended: dict[str, Any]) -> list[str]:
    return [payload["action"] for payload in ended["payloads"]]


def test_a_load_waits_for_each_of_its_statements_and_gives_what_the_run_keeps(walk: Walk) -> None:
    ended = load(walk, PREPARED, RUNNING, FINISHED, LOADING, RUNNING, RUNNING, FINISHED, CONCLUDED)
    assert actions(ended) == ["prepare", "look", "look", "load", "look", "look", "look", "conclude"]
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", CONCLUDED)
    named = [
        {name: payload.get(name) for name in ("statement", "prepared", "loaded")}
        for payload in ended["payloads"]
    ]
    none = dict.fromkeys(("statement", "prepared", "loaded"))
    assert named[1] == {**none, "statement": "s-prepare"}
    assert named[3] == {**none, "prepared": "s-prepare"}
    assert named[4] == {**none, "statement": "s-load"}
    assert named[7] == {**none, "loaded": "s-load"}
    assert {(p["dataset"], p["run_id"], p["caller"]) for p in ended["payloads"]} == {
        ("d", "r1", "run")
    }


def test_a_retry_is_the_same_attempt_and_each_state_that_submits_another(walk: Walk) -> None:
    again = failure("RetryableError")
    ended = load(walk, again, again, PREPARED, FINISHED, again, LOADING, FINISHED, CONCLUDED)
    assert actions(ended) == ["prepare"] * 3 + ["look", "load", "load", "look", "conclude"]
    attempts = {
        action: {p["attempt"] for p in ended["payloads"] if p["action"] == action}
        for action in ("prepare", "load")
    }
    assert all(len(found) == 1 for found in attempts.values())
    assert attempts["prepare"] != attempts["load"]
    assert all(attempt.startswith("arn:e ") for found in attempts.values() for attempt in found)


def test_by_hand_a_dataset_is_enough(walk: Walk) -> None:
    ended = walk("warehouse_load", {"dataset": "d"}, LoadWarehouse=list(SMOOTH))
    assert (ended["status"], ended["payloads"][0]["run_id"], ended["payloads"][0]["caller"]) == (
        "SUCCEEDED",
        None,
        "hand",
    )


def test_a_mart_is_loaded_by_its_run_or_by_hand(walk: Walk) -> None:
    lake = {"before": None, "after": "7", "periods": []}
    asked = {"dataset": "m", "run_id": "r1", "caller": "mart", "lake": lake}
    ended = walk("warehouse_load", asked, LoadWarehouse=list(SMOOTH))
    by_action = {p["action"]: (p["dataset"], p["run_id"], p.get("lake")) for p in ended["payloads"]}
    assert by_action["look"] == by_action["load"] == ("m", "r1", lake)
    ended = walk("warehouse_load", {"mart": "m"}, LoadWarehouse=list(SMOOTH))
    assert ended["status"] == "SUCCEEDED"
    assert {(p["dataset"], p["run_id"], p["caller"]) for p in ended["payloads"]} == {
        ("m", None, "mart")
    }


def test_a_load_that_somebody_was_in_the_way_of_is_begun_again_as_a_new_attempt(walk: Walk) -> None:
    ended = load(walk, PREPARED, FINISHED, LOADING, failure("WarehouseConflict"), *SMOOTH)
    assert actions(ended) == [
        "prepare",
        "look",
        "load",
        "look",
        *["prepare", "look", "load", "look", "conclude"],
    ]
    assert ended["status"] == "SUCCEEDED"
    first, second = (
        payload["attempt"] for payload in ended["payloads"] if payload["action"] == "prepare"
    )
    assert first != second


def test_who_is_always_in_the_way_fails_the_load_in_the_end(walk: Walk) -> None:
    conflict = failure("WarehouseConflict", errorMessage="1023")
    ended = load(walk, *[PREPARED, conflict] * 9)
    assert actions(ended) == ["prepare", "look"] * 4
    assert (ended["status"], ended["error"], json.loads(ended["cause"])) == (
        "FAILED", "WarehouseConflict", {"errorMessage": "1023"},
    )  # fmt: skip


@pytest.mark.parametrize("at", [1, 3], ids=["prepare", "load"])
def test_a_statement_that_failed_fails_the_load_with_its_own_error(walk: Walk, at: int) -> None:
    answers = [
        *SMOOTH[:at],
        failure("WarehouseLoadFailed", errorMessage="by_month.revenue differs"),
    ]
    ended = load(walk, *answers)
    assert (ended["status"], ended["error"], len(ended["calls"])) == (
        "FAILED",
        "WarehouseLoadFailed",
        at + 1,
    )


@pytest.mark.parametrize(
    ("cancel", "told"),
    [({}, "was cancelled"), (failure("KeyError"), "could not be cancelled")],
    ids=["cancelled", "not cancelled"],
)
def test_a_statement_that_takes_too_long_is_cancelled_by_who_submitted_it(
    walk: Walk, cancel: Any, told: str
) -> None:
    most = int(VALUES["MostLooks"])
    ended = load(walk, PREPARED, FINISHED, LOADING, *[RUNNING] * (most + 1), cancel)
    assert actions(ended)[-most - 2 :] == ["look"] * (most + 1) + ["cancel"]
    assert ended["payloads"][-1]["statement"] == "s-load"
    assert (ended["status"], ended["error"]) == ("FAILED", "WarehouseTooSlow")
    assert told in ended["cause"]


def test_the_looks_at_each_statement_are_counted_by_themselves(walk: Walk) -> None:
    most = int(VALUES["MostLooks"])
    ended = load(
        walk, PREPARED, *[RUNNING] * most, FINISHED, LOADING, *[RUNNING] * most, FINISHED, CONCLUDED
    )
    assert ended["status"] == "SUCCEEDED"


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_a_time_limit_and_retries_of_what_may_pass_only(name: str) -> None:
    task = TASKS[name]
    [retry] = task["Retry"]
    assert task["TimeoutSeconds"] == 150
    assert (retry["MaxAttempts"], retry["BackoffRate"], retry["JitterStrategy"]) == (4, 2, "FULL")
    assert {"RetryableError", "Lambda.TooManyRequestsException"} <= set(retry["ErrorEquals"])
    assert not set(retry["ErrorEquals"]) & {
        "States.ALL",
        "States.TaskFailed",
        "WarehouseConflict",
        "WarehouseLoadFailed",
    }
