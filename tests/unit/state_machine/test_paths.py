"""The paths through the state machines of a run, of care and of announcements."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline import costs
from pipeline.run_documents import BilledResources, JobResult
from pipeline.steps import FORECAST, RESUMABLE
from tests.unit.state_machine.walking import (
    ANSWERS,
    ATTRIBUTES,
    CLAIMED,
    INPUT,
    LOADED,
    NOTHING,
    SERVING_RUN,
    WAREHOUSE,
    WHOLE_RUN,
    Walk,
    failure,
)


def test_a_run_goes_through_every_step(walk: Walk) -> None:
    ended = walk()
    assert (ended["calls"], ended["status"]) == (WHOLE_RUN, "SUCCEEDED")


def test_nothing_to_do_is_a_success_without_a_job(walk: Walk) -> None:
    ended = walk(ClaimBatch=NOTHING)
    assert (ended["calls"], ended["status"]) == (["ClaimBatch"], "SUCCEEDED")


def test_files_that_arrived_meanwhile_get_their_own_round(walk: Walk) -> None:
    ended = walk(ClaimBatch=[CLAIMED, CLAIMED], CloseRun=[{"waiting": 3}, {"waiting": 0}])
    assert (ended["calls"], ended["status"]) == (WHOLE_RUN * 2, "SUCCEEDED")


@pytest.mark.parametrize("step", [step for step in WHOLE_RUN if step != FORECAST.name])
def test_a_step_that_fails_ends_the_run_as_failed_with_its_name_and_cause(
    walk: Walk, step: str
) -> None:
    ended = walk(**{step: failure("ReconciliationFailed", errorMessage="differs")})
    assert ended["calls"] == [*WHOLE_RUN[: WHOLE_RUN.index(step) + 1], "FailRun"]
    assert (ended["status"], ended["error"], ended["cause"]) == (
        "FAILED",
        "ReconciliationFailed",
        "differs",
    )
    run_id = None if step == "ClaimBatch" else "r1"
    assert (ended["failure"].step, ended["failure"].run_id, ended["failure"].dataset) == (
        step,
        run_id,
        "d",
    )


def test_a_failure_in_a_later_round_names_the_step_of_that_round(walk: Walk) -> None:
    ended = walk(ClaimBatch=[CLAIMED, failure("KeyError")], CloseRun={"waiting": 1})
    assert (ended["failure"].step, ended["failure"].run_id) == ("ClaimBatch", None)


def test_what_may_succeed_later_is_tried_again(walk: Walk) -> None:
    busy = failure("StepFunctions.ThrottlingException")
    ended = walk(
        ClaimBatch=[failure("RetryableError"), CLAIMED],
        RawToProcessed=[busy, busy, {"Output": LOADED}],
    )
    assert ended["calls"] == [
        "ClaimBatch",
        "ClaimBatch",
        "RawToProcessed",
        "RawToProcessed",
        *WHOLE_RUN[1:],
    ]
    assert ended["status"] == "SUCCEEDED"


def test_a_job_that_failed_is_not_run_again(walk: Walk) -> None:
    cause = json.dumps({"ErrorMessage": "executor lost", "ExecutionTime": 9, "NumberOfWorkers": 2})
    nested = {
        "ExecutionArn": "arn:aws:states:us-east-1:111122223333:execution:JobRun:e",
        "Status": "FAILED",
        "Error": "States.TaskFailed",
        "Cause": cause,
    }
    ended = walk(RawToProcessed=failure("States.TaskFailed", **nested))
    assert ended["calls"] == ["ClaimBatch", "RawToProcessed", "FailRun"]
    assert (ended["error"], ended["cause"]) == ("States.TaskFailed", "executor lost")
    assert ended["failure"].worker_seconds == {"raw_to_processed": 18}


def test_a_job_is_given_the_run_its_engine_and_whose_execution_it_works_for(walk: Walk) -> None:
    ended = walk(ClaimBatch={**CLAIMED, "engine": "duckdb", "size_bytes": 99})
    given = {
        "dataset": "d",
        "run_id": "r1",
        "engine": "duckdb",
        "size_bytes": 99,
        "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "arn:e",
    }
    inputs = [payload["Input"] for payload in ended["payloads"] if "StateMachineArn" in payload]
    assert inputs == [
        {"job": "raw_to_processed", **given},
        {"job": "processed_to_curated", **given},
    ]


def test_a_failure_that_cannot_be_recorded_says_so(walk: Walk) -> None:
    ended = walk(Gate=failure("KeyError"), FailRun=failure("AccessDeniedException"))
    assert ended["calls"].count("FailRun") == 1 + 4
    assert (ended["status"], ended["error"]) == ("FAILED", "FailRunFailed")


@pytest.mark.parametrize("step", RESUMABLE)
def test_a_resumed_run_goes_on_at_its_step_and_a_failure_there_names_it(
    walk: Walk, step: str
) -> None:
    request = {**INPUT, "resume": {"run_id": "r1", "from": step}}
    claim = {**CLAIMED, "from": step}
    ended = walk(given_input=request, ClaimBatch=claim, served=(WAREHOUSE,))
    called = WAREHOUSE if step == "Serve" else step
    first = "Forecast" if step == "Serve" else step  # what it said is in no ledger yet
    assert (ended["calls"], ended["status"]) == (
        ["ClaimBatch", *SERVING_RUN[SERVING_RUN.index(first) :]],
        "SUCCEEDED",
    )
    assert ended["payloads"][0]["request"] == request
    breaking = {called: failure("KeyError")}
    failed = walk(given_input=request, ClaimBatch=claim, served=(WAREHOUSE,), served_with=breaking)
    assert (failed["failure"].step, failed["failure"].run_id) == (step, "r1")


def test_an_operators_request_is_carried_out_once_and_what_waits_is_then_loaded(walk: Walk) -> None:
    request = {**INPUT, "mode": "backfill", "files": ["a" * 64]}
    ended = walk(
        given_input=request,
        CloseRun=[{"waiting": 2}, {"waiting": 0}],
        ClaimBatch=[CLAIMED, CLAIMED],
    )
    claims = [
        payload["request"]
        for payload in ended["payloads"]
        if "request" in payload and "state" not in payload
    ]
    assert claims == [request, INPUT]
    assert ended["status"] == "SUCCEEDED"


def test_a_busy_dataset_is_asked_for_again(walk: Walk) -> None:
    ended = walk(ClaimBatch=[failure("DatasetBusy")] * 30 + [CLAIMED])
    assert (ended["calls"][:31], ended["status"]) == (["ClaimBatch"] * 31, "SUCCEEDED")


def test_closing_gets_what_the_jobs_cost(walk: Walk) -> None:
    ended = walk()
    state = ended["payloads"][-1]["state"]
    assert JobResult.from_json(state["raw_to_processed"]).worker_seconds == 194
    assert costs.of_steps(state, ("raw_to_processed", "processed_to_curated")) == {
        "raw_to_processed": 194,
        "processed_to_curated": 61,
    }


def test_closing_gets_what_emr_serverless_billed(walk: Walk) -> None:
    billed = {"vcpu_seconds": 4500, "memory_gb_seconds": 18000, "disk_gb_seconds": 0}
    ended = walk(RawToProcessed={"Output": {**LOADED, "engine": "emr", "billed": billed}})
    state = ended["payloads"][-1]["state"]
    assert JobResult.from_json(state["raw_to_processed"]).billed == BilledResources(**billed)
    assert JobResult.from_json(state["processed_to_curated"]).billed is None


def test_care_holds_works_and_releases(walk: Walk) -> None:
    request = {**INPUT, "mode": "rollback", "run_id": "r0", "with_later": True}
    ended = walk("dataset_care", request, HoldDataset=[failure("DatasetBusy"), {"run_id": "r1"}])
    assert ended["calls"] == ["HoldDataset", "HoldDataset", "Care", "Forecast", "ReleaseDataset"]
    assert ended["status"] == "SUCCEEDED"
    hold, care, _forecast, release = ended["payloads"][1:]
    assert (hold["request"], hold["execution_arn"]) == (request, "arn:e")
    assert care["Arguments"] == {"--dataset": "d", "--run_id": "r1"}
    assert (release["run_id"], release["execution_arn"]) == ("r1", "arn:e")


WANTED = {"table": "t", "undone": "7", "back_to": "5", "reason": "too high"}
TAKEN_BACK = {**INPUT, "mode": "forecast_rollback", "forecast": WANTED}


def test_a_forecast_is_taken_back_by_the_function_alone_and_released(walk: Walk) -> None:
    done = {"table": "t_forecast", "before": "7", "after": "5"}
    ended = walk("dataset_care", TAKEN_BACK, served=(WAREHOUSE,), Forecast=done)
    assert ended["status"] == "SUCCEEDED"
    assert ended["calls"] == ["HoldDataset", "Forecast", "ReleaseDataset"]
    _, rollback, release = ended["payloads"]
    assert rollback == {"dataset": "d", "run_id": "r1", "rollback": WANTED}
    state = release["state"]
    assert state["forecast_rollback"] == {"done": done}
    assert (state["care"], state["forecast"], state["serve"]) == ({}, {}, [])


def test_a_forecast_that_cannot_be_taken_back_fails_at_its_step(walk: Walk) -> None:
    broken = failure("PermanentError", errorMessage="another one was made meanwhile")
    ended = walk("dataset_care", TAKEN_BACK, Forecast=broken)
    assert (ended["status"], ended["error"]) == ("FAILED", "PermanentError")
    assert (ended["failure"].step, ended["failure"].run_id) == ("RollForecastBack", "r1")
    assert "another one was made" in ended["failure"].cause


@pytest.mark.parametrize(
    ("step", "name", "again"),
    [
        ("Hold", "HoldDataset", {}),
        ("Care", "Care", {}),
        ("Release", "ReleaseDataset", {"started": True}),
    ],
)
def test_failed_care_is_undone_and_waiting_files_are_started(
    walk: Walk, step: str, name: str, again: dict[str, Any]
) -> None:
    broken = failure("KeyError", errorMessage="'x'")
    ended = walk(
        "dataset_care",
        {**INPUT, "mode": "maintenance"},
        **{name: [broken, again] if again else broken},
    )
    assert ended["calls"][-2:] == ["FailRun", "ReleaseDataset"]
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "KeyError", "'x'")
    assert (ended["failure"].step, ended["failure"].request["mode"]) == (step, "maintenance")
    assert ended["payloads"][-1] == {"dataset": "d", "run_id": None, "execution_arn": "arn:e"}


def test_failed_care_ends_as_failed_also_when_waiting_files_cannot_be_started(walk: Walk) -> None:
    ended = walk(
        "dataset_care", INPUT, Care=failure("E1", ErrorMessage="c1"), ReleaseDataset=failure("E2")
    )
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "E1", "c1")


TOLD = {"subject": "s", "message": "m", "attributes": ATTRIBUTES}
BURST = {
    "subject": "files rejected",
    "dataset": "d",
    "burst": "b",
    "tell_at": "2026-01-01T00:00:00.000000Z",
}
PUBLISHED = {"Subject": "s", "Message": "m", "MessageAttributes": ATTRIBUTES}


@pytest.mark.parametrize(
    ("topic", "arn"), [("failed", "FailedTopicArn"), ("succeeded", "SuccessTopicArn")]
)
def test_a_message_goes_to_its_topic_with_its_attributes_and_again_only_when_sns_failed(
    walk: Walk, topic: str, arn: str
) -> None:
    ended = walk(
        "announce",
        {"topic": topic, **TOLD},
        Publish=[failure("SNS.ThrottledException"), {"MessageId": "1"}],
    )
    assert (ended["calls"], ended["status"]) == (["Publish", "Publish"], "SUCCEEDED")
    assert ended["payloads"][1] == {"TopicArn": arn, **PUBLISHED}


@pytest.mark.parametrize(
    ("topic", "arn"), [("rejected", "RejectedTopicArn"), ("arrived", "ArrivedTopicArn")]
)
def test_files_are_told_with_what_was_composed_after_the_wait(
    walk: Walk, topic: str, arn: str
) -> None:
    ended = walk("announce", {"topic": topic, **BURST}, Publish={"MessageId": "1"})
    assert (ended["calls"], ended["status"]) == (["ComposeDigest", "Publish"], "SUCCEEDED")
    assert ended["payloads"] == [
        {"digest": topic, "dataset": "d", "burst": "b"},
        {"TopicArn": arn, **PUBLISHED},
    ]


def test_a_burst_is_composed_again_when_its_function_failed_but_not_when_that_cannot_help(
    walk: Walk,
) -> None:
    answers = [failure("Lambda.TooManyRequestsException"), ANSWERS["announce"]["ComposeDigest"]]
    ended = walk(
        "announce",
        {"topic": "rejected", **BURST},
        ComposeDigest=answers,
        Publish={"MessageId": "1"},
    )
    assert (ended["calls"], ended["status"]) == (
        ["ComposeDigest", "ComposeDigest", "Publish"],
        "SUCCEEDED",
    )
    ended = walk(
        "announce", {"topic": "rejected", **BURST}, ComposeDigest=failure("PermanentError")
    )
    assert (ended["calls"], ended["status"], ended["error"]) == (
        ["ComposeDigest"],
        "FAILED",
        "PermanentError",
    )


def test_a_message_for_an_unknown_topic_is_a_failure(walk: Walk) -> None:
    ended = walk("announce", {"topic": "else", **TOLD})
    assert (ended["calls"], ended["status"], ended["error"]) == ([], "FAILED", "UnknownTopic")
