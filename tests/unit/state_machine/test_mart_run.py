"""The machine of marts: who reads a dataset runs after it, one more run for all who came, a failure reported once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.run_mart.service import LEASE_SECONDS
from stacks.duckdb_functions import TIMEOUT_SECONDS
from tests.unit.state_machine.walking import (
    ITSELF,
    MACHINES,
    MARTS_DASHBOARDS,
    MARTS_WAREHOUSE,
    Walk,
    failure,
)

MACHINE: dict[str, Any] = json.loads((MACHINES / "mart_run.asl.json").read_text())
STATES = MACHINE["States"]
INPUT = {"mart": "sales", "trigger": "operator"}
STARTED = {"executionArn": "arn:next", "startDate": 1}


def answer(again: bool = False) -> dict[str, Any]:
    return {"mart": "sales", "status": "published", "rows": 7, "detail": "x", "again": again}


def ended(dataset: str) -> dict[str, Any]:
    return {"detail": {"input": json.dumps({"trigger": "operator", "dataset": dataset})}}


def mart(walk: Walk, *answers: Any, given: dict[str, Any] = INPUT) -> dict[str, Any]:
    return walk("mart_run", given, **{"RunMart": list(answers), ITSELF: STARTED})


@pytest.mark.parametrize(
    ("dataset", "started"),
    [("orders", ["sales", "customers"]), ("users", ["sales"]), ("order", []), ("sales", [])],
)
def test_the_end_of_a_datasets_run_starts_each_mart_that_reads_it(
    walk: Walk, dataset: str, started: list[str]
) -> None:
    found = mart(walk, given=ended(dataset))
    assert found["status"] == "SUCCEEDED"
    # They are started side by side: their order says nothing.
    assert sorted(payload["Input"]["mart"] for payload in found["payloads"]) == sorted(started)
    assert all(payload["Input"]["trigger"] == dataset for payload in found["payloads"])


def test_a_mart_is_run_for_its_execution_and_its_answer_is_that_of_the_machine(walk: Walk) -> None:
    found = mart(walk, answer())
    assert (found["status"], found["calls"]) == ("SUCCEEDED", ["RunMart"])
    assert found["payloads"] == [{"execution": "arn:e", "request": INPUT}]
    assert json.loads(found["output"]) == answer()


def test_who_is_wanted_again_runs_once_more_afterwards(walk: Walk) -> None:
    found = mart(walk, answer(again=True))
    assert (found["status"], found["calls"]) == ("SUCCEEDED", ["RunMart", ITSELF])
    assert found["payloads"][1]["Input"] == {"mart": "sales", "trigger": "wanted again"}
    assert json.loads(found["output"]) == answer(again=True)


@pytest.mark.parametrize("error", ["RetryableError", "Sandbox.Timedout", "Runtime.ExitError"])
def test_a_call_that_was_killed_is_repeated(walk: Walk, error: str) -> None:
    found = mart(walk, failure(error), answer())
    assert (found["status"], found["calls"]) == ("SUCCEEDED", ["RunMart"] * 2)


@pytest.mark.parametrize("again", [False, True])
def test_a_failure_is_reported_and_is_that_of_the_execution(walk: Walk, again: bool) -> None:
    wrong = failure("ReconciliationFailed", errorMessage="sales 1, 2")
    found = mart(walk, wrong, {"told": True, "again": again})
    assert (found["status"], found["error"]) == ("FAILED", "ReconciliationFailed")
    assert found["calls"] == ["RunMart", "RunMart", *([ITSELF] if again else [])]
    reported = found["payloads"][1]
    assert (reported["execution"], reported["request"]["mart"]) == ("arn:e", "sales")
    assert reported["failure"]["Error"] == "ReconciliationFailed"
    assert json.loads(reported["failure"]["Cause"]) == {"errorMessage": "sales 1, 2"}


def test_a_failure_that_cannot_be_reported_ends_with_its_own_cause(walk: Walk) -> None:
    found = mart(walk, failure("PermanentError"), *[failure("Lambda.Unknown")] * 5)
    assert (found["status"], found["error"]) == ("FAILED", "PermanentError")


LAKE = {"before": None, "after": "9223372036854775807", "periods": ["2026-01-01"]}
TO_BE_SHOWN = {**answer(), "run_id": "r1", "serve": [{"consumer": "warehouse", "lake": LAKE}]}
LOADED = {"served": "warehouse", "tables": []}


def shown(walk: Walk, outcome: Any, *closing: Any) -> dict[str, Any]:
    tasks = {"RunMart": [TO_BE_SHOWN, *closing], ITSELF: STARTED, MARTS_WAREHOUSE: outcome}
    return walk("mart_run", INPUT, **tasks)


def test_a_mart_that_is_marked_is_loaded_before_its_run_is_closed(walk: Walk) -> None:
    found = shown(walk, {"Status": "SUCCEEDED", "Output": LOADED}, answer())
    assert (found["status"], found["calls"]) == (
        "SUCCEEDED",
        ["RunMart", MARTS_WAREHOUSE, "RunMart"],
    )
    request = found["payloads"][1]["Input"]
    assert (request["dataset"], request["run_id"], request["caller"]) == ("sales", "r1", "mart")
    assert request["lake"] == LAKE
    closing = found["payloads"][2]["closing"]
    assert closing["served"] == [{"consumer": "warehouse", "result": LOADED}]
    assert (closing["mart"], closing["run_id"]) == ("sales", "r1")
    assert json.loads(found["output"]) == answer()


def test_warehouse_and_dashboards_are_served_each_for_itself(walk: Walk) -> None:
    both = [{"consumer": name, "lake": LAKE} for name in ("warehouse", "dashboards")]
    ordered = {"served": "dashboard_refresh", "refresh": "started"}
    tasks = {
        "RunMart": [{**TO_BE_SHOWN, "serve": both}, answer()],
        MARTS_WAREHOUSE: failure("States.TaskFailed"),
        MARTS_DASHBOARDS: {"Status": "SUCCEEDED", "Output": ordered},
    }
    found = walk("mart_run", INPUT, **tasks)
    assert found["status"] == "SUCCEEDED"
    closing = found["payloads"][-1]["closing"]["served"]
    assert [each["consumer"] for each in closing] == ["warehouse", "dashboards"]
    assert closing[1]["result"] == ordered


def test_a_load_that_fails_does_not_fail_the_run(walk: Walk) -> None:
    found = shown(walk, failure("States.TaskFailed", Status="FAILED"), answer(again=True))
    assert (found["status"], found["calls"][-2:]) == ("SUCCEEDED", ["RunMart", ITSELF])
    [served] = found["payloads"][2]["closing"]["served"]
    assert served["failure"] == {"Error": "States.TaskFailed", "Cause": '{"Status": "FAILED"}'}


def test_a_run_that_cannot_be_closed_is_reported(walk: Walk) -> None:
    outcome = {"Status": "SUCCEEDED", "Output": LOADED}
    broken = [failure("Lambda.Unknown")] * 5
    found = shown(walk, outcome, *broken, {"told": True, "again": False})
    assert (found["status"], found["error"]) == ("FAILED", "Lambda.Unknown")
    assert found["payloads"][-1]["request"]["mart"] == "sales"


def test_a_lock_outlives_its_machine_and_a_call_its_function() -> None:
    assert MACHINE["TimeoutSeconds"] < LEASE_SECONDS
    attempts = 1 + STATES["RunMart"]["Retry"][0]["MaxAttempts"]
    assert STATES["RunMart"]["TimeoutSeconds"] > TIMEOUT_SECONDS
    assert MACHINE["TimeoutSeconds"] > attempts * (TIMEOUT_SECONDS + 60)
