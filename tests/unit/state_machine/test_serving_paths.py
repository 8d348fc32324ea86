"""What a run or care serves once the tables have changed, and what becomes of it when that fails."""

from __future__ import annotations

import pytest

from pipeline import serving
from pipeline.run_documents import ForecastServed
from tests.unit.state_machine.walking import (
    CLAIMED,
    DASHBOARDS,
    INPUT,
    SERVED,
    SERVING_RUN,
    WAREHOUSE,
    WHOLE_RUN,
    Walk,
    failure,
)

CHILD = "arn:aws:states:us-east-1:111122223333:execution:WarehouseLoad:e1"


def nested_failure(**child: str) -> Exception:
    """As a startExecution.sync fails: the answer of DescribeExecution of the child is the cause."""
    described = {
        "ExecutionArn": CHILD,
        "StateMachineArn": WAREHOUSE,
        "Status": "FAILED",
        "Input": "{}",
    }
    return failure("States.TaskFailed", **{**described, **child})


def test_a_run_hands_dataset_and_run_to_every_machine_that_serves_and_keeps_what_they_gave(
    walk: Walk,
) -> None:
    ended = walk(served=(WAREHOUSE, DASHBOARDS))
    assert ended["status"] == "SUCCEEDED"
    assert (ended["calls"][:5], set(ended["calls"][5:7])) == (
        WHOLE_RUN[:5],
        {WAREHOUSE, DASHBOARDS},
    )
    given = {
        "dataset": "d",
        "run_id": "r1",
        "caller": "run",
        "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "arn:e",
    }
    assert [payload["Input"] for payload in ended["payloads"][5:7]] == [given, given]
    assert ended["payloads"][-1]["state"]["serve"] == [
        {"served": "warehouse"},
        {"served": "dashboards"},
    ]


def test_a_run_closes_with_an_empty_result_where_nothing_serves(walk: Walk) -> None:
    ended = walk()
    assert (ended["calls"], ended["payloads"][-1]["state"]["serve"]) == (WHOLE_RUN, [])


def test_the_next_batch_is_served_too(walk: Walk) -> None:
    ended = walk(
        served=(WAREHOUSE,),
        ClaimBatch=[CLAIMED, CLAIMED],
        CloseRun=[{"waiting": 3}, {"waiting": 0}],
    )
    assert (ended["calls"], ended["status"]) == (SERVING_RUN * 2, "SUCCEEDED")


def test_a_machine_that_failed_fails_the_run_at_serve_with_its_own_error_and_is_not_run_again(
    walk: Walk,
) -> None:
    broken = nested_failure(
        Error="WarehouseLoadFailed", Cause='{"errorMessage": "one cent\\n- revenue"}'
    )
    ended = walk(served=(WAREHOUSE, DASHBOARDS), served_with={WAREHOUSE: broken})
    assert (ended["calls"].count(WAREHOUSE), ended["calls"][-1]) == (1, "FailRun")
    assert (ended["status"], ended["error"]) == ("FAILED", "WarehouseLoadFailed")
    sentence = "WarehouseLoad ended as FAILED with WarehouseLoadFailed: one cent"
    assert ended["cause"].splitlines() == [sentence, f"its execution: {CHILD}", "- revenue"]
    assert (ended["failure"].step, ended["failure"].run_id) == ("Serve", "r1")


def test_a_machine_that_could_not_be_started_is_started_again(walk: Walk) -> None:
    throttled = failure("StepFunctions.ExecutionLimitExceeded")
    ended = walk(
        served=(WAREHOUSE,), served_with={WAREHOUSE: [throttled, throttled, SERVED["warehouse"]]}
    )
    assert (ended["calls"].count(WAREHOUSE), ended["status"]) == (3, "SUCCEEDED")


def test_closing_that_fails_is_not_taken_for_serving_whether_or_not_anything_is_served(
    walk: Walk,
) -> None:
    for served in ((), (WAREHOUSE,)):
        ended = walk(served=served, CloseRun=failure("KeyError"))
        assert ended["failure"].step == "CloseRun"
        assert ended["failure"].serve == [{"served": "warehouse"}] * len(served)


@pytest.mark.parametrize(
    ("mode", "serves"), [("rollback", True), ("erasure", True), ("maintenance", False)]
)
def test_care_that_changes_figures_is_served_and_maintenance_is_not(
    walk: Walk, mode: str, *, serves: bool
) -> None:
    ended = walk("dataset_care", {**INPUT, "mode": mode}, served=(WAREHOUSE,))
    assert ended["calls"] == [
        "HoldDataset",
        "Care",
        *(["Forecast", WAREHOUSE] if serves else []),
        "ReleaseDataset",
    ]
    assert ended["payloads"][-1]["state"]["serve"] == ([{"served": "warehouse"}] if serves else [])
    if serves:
        assert {**ended["payloads"][3]["Input"], "caller": "care", "run_id": "r1"} == ended[
            "payloads"
        ][3]["Input"]


def test_a_forecast_that_fails_is_told_to_closing_and_the_run_goes_on(walk: Walk) -> None:
    refused = failure("PermanentError", errorMessage="too many series")
    ended = walk(served=(WAREHOUSE,), Forecast=refused)
    assert (ended["calls"], ended["status"]) == (SERVING_RUN, "SUCCEEDED")
    caught = ended["payloads"][-1]["state"]["forecast"]
    (told,) = serving.of_forecast(caught)
    kept = serving.kept([told], {})
    assert serving.needs_a_look(kept)
    assert next(serving.sentences(kept)) == (
        "WARNING: no forecast was made (PermanentError: too many series); tables of forecasts are as before."
    )


def test_a_run_that_is_resumed_at_serve_says_what_it_forecast(walk: Walk) -> None:
    request = {**INPUT, "resume": {"run_id": "r1", "from": "Serve"}}
    claim = {**CLAIMED, "from": "Serve"}
    ended = walk(given_input=request, ClaimBatch=claim, served=(WAREHOUSE,))
    assert ended["status"] == "SUCCEEDED"
    assert len(serving.of_forecast(ended["payloads"][-1]["state"]["forecast"])) == 1


def test_a_forecast_that_ran_out_of_time_is_tried_twice_more(walk: Walk) -> None:
    ended = walk(Forecast=failure("States.Timeout"))
    assert ended["calls"].count("Forecast") == 3
    assert (ended["calls"][-1], ended["status"]) == ("CloseRun", "SUCCEEDED")
    (told,) = serving.of_forecast({"Error": "States.Timeout"})
    assert told == ForecastServed(served="forecast", tables=(), problem="States.Timeout")


@pytest.mark.parametrize("machine", ["dataset_run", "dataset_care"])
def test_a_dataset_of_which_nothing_is_marked_is_not_forecast(walk: Walk, machine: str) -> None:
    claim = {"ClaimBatch": {**CLAIMED, "dataset": "other"}} if machine == "dataset_run" else {}
    request = {**INPUT, "dataset": "other", "mode": "rollback", "run_id": "r0"}
    ended = walk(machine, request, **claim)
    assert ("Forecast" in ended["calls"], ended["status"]) == (False, "SUCCEEDED")
    assert serving.of_forecast(ended["payloads"][-1]["state"]["forecast"]) == []


def test_a_run_is_forecast_in_each_round(walk: Walk) -> None:
    ended = walk(ClaimBatch=[CLAIMED, CLAIMED], CloseRun=[{"waiting": 3}, {"waiting": 0}])
    forecasts = [
        payload
        for name, payload in zip(ended["calls"], ended["payloads"], strict=True)
        if name == "Forecast"
    ]
    assert forecasts == [{"dataset": "d", "run_id": "r1"}] * 2


def test_care_whose_serving_fails_is_undone_as_failed_at_serve(walk: Walk) -> None:
    broken = nested_failure(Status="TIMED_OUT", Error="States.Timeout")
    request = {**INPUT, "mode": "rollback", "run_id": "r0"}
    ended = walk("dataset_care", request, served=(WAREHOUSE,), served_with={WAREHOUSE: broken})
    assert ended["calls"][-2:] == ["FailRun", "ReleaseDataset"]
    assert (ended["status"], ended["error"], ended["failure"].step) == (
        "FAILED",
        "States.Timeout",
        "Serve",
    )
    assert "longer than its TimeoutSeconds" in ended["cause"]
