"""The state machine files: every task guarded, every state reachable, every substitution given a use and documented."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts import errors
from pipeline.failed_tasks import CAUSE_LENGTH
from pipeline.steps import FORECAST
from tests.unit.state_machine.test_rounds import longest, waits

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "state_machines").glob("*.asl.json"))
MACHINES: dict[str, dict[str, Any]] = {
    file.name.removesuffix(".asl.json"): json.loads(file.read_text()) for file in FILES
}
RUN, CARE, ANNOUNCE = (
    MACHINES[name]["States"] for name in ("dataset_run", "dataset_care", "announce")
)
SERVE = {"run": RUN["Serve"], "care": CARE["Serve"]}
WORKING = [
    (name, state) for name in ("dataset_run", "dataset_care") for state in MACHINES[name]["States"]
]
# What tells a stage of a run is no step of it (test_stages.py).
TASKS = [
    (name, state)
    for name, state in WORKING
    if MACHINES[name]["States"][state]["Type"] == "Task" and not state.startswith("Tell")
]


def successors(state: dict[str, Any]) -> Iterator[str]:
    yield from (target for target in (state.get("Next"), state.get("Default")) if target)
    yield from (rule["Next"] for rule in [*state.get("Choices", []), *state.get("Catch", [])])


def longest_path(states: dict[str, Any]) -> float:
    """Seconds of the tasks that follow each other: DuckDB's function and Glue, or EMR Serverless, its wait and its
    figures, or a start there that is refused each time, and Glue.
    """
    duckdb = longest(states["OnDuckDb"]) + longest(states["OnSpark"])
    emr = longest(states["OnEmr"]) + states["EmrBills"]["Seconds"] + longest(states["EmrUsage"])
    refused = sum(map(waits, states["OnEmr"]["Retry"])) + longest(states["OnSpark"])
    return float(max(duckdb, emr, refused))


def repeated(task: dict[str, Any]) -> set[str]:
    return {error for retry in task["Retry"] for error in retry["ErrorEquals"]}


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_can_be_reached_and_every_target_exists(name: str) -> None:
    reached, open_ends = set(), [MACHINES[name]["StartAt"]]
    while open_ends:
        state = open_ends.pop()
        if state not in reached:
            reached.add(state)
            open_ends += successors(MACHINES[name]["States"][state])
    assert reached == set(MACHINES[name]["States"])


@pytest.mark.parametrize("name", MACHINES)
def test_only_succeed_and_fail_states_end_an_execution(name: str) -> None:
    states = MACHINES[name]["States"]
    ends = {state: given["Type"] for state, given in states.items() if not list(successors(given))}
    assert "Succeed" in ends.values()
    assert set(ends.values()) <= {"Succeed", "Fail"}
    assert not any("End" in given for given in states.values())


@pytest.mark.parametrize(("name", "state"), TASKS)
def test_every_task_has_a_time_limit_retries_with_jitter_and_a_catch_for_everything(
    name: str, state: str
) -> None:
    task = MACHINES[name]["States"][state]
    assert 0 < task["TimeoutSeconds"] < MACHINES[name]["TimeoutSeconds"]
    for retry in task["Retry"]:
        busy = retry["ErrorEquals"] == ["DatasetBusy"]
        attempts = 2 if state == FORECAST.name else 4  # nobody waits long for what may be missed
        assert (retry["MaxAttempts"], retry["BackoffRate"]) == (
            (80, 1.5) if busy else (attempts, 2)
        )
        assert retry["JitterStrategy"] == "FULL"
        assert retry["IntervalSeconds"] < retry["MaxDelaySeconds"]
    assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
    assert task["ResultPath"].startswith("$.")  # a result beside the state, never in its place


@pytest.mark.parametrize(("name", "state"), TASKS)
def test_a_failing_task_leads_to_fail_run_with_its_error_and_that_to_failed(
    name: str, state: str
) -> None:
    *known, rule = MACHINES[name]["States"][state]["Catch"]
    assert bool(known) == (state == "HandOver")  # only there an error may mean that all is well
    wanted = {
        "FailRun": ("$.fail_run_failure", "FailRunFailed"),
        "StartWaiting": ("$.start_waiting_failure", "Failed"),
        FORECAST.name: ("$.forecast", "IsAnythingServed"),
    }
    assert (rule["ResultPath"], rule["Next"]) == wanted.get(state, ("$.failure", "FailRun"))


@pytest.mark.parametrize("states", [RUN, CARE], ids=["dataset_run", "dataset_care"])
def test_a_failed_execution_ends_with_the_error_and_cause_of_what_failed(
    states: dict[str, Any],
) -> None:
    assert states["FailRun"]["Next"] == ("StartWaiting" if states is CARE else "Failed")
    assert states["Failed"] == {
        "Type": "Fail",
        "ErrorPath": "$.failed.error",
        "CausePath": "$.failed.cause",
    }
    assert states["FailRunFailed"]["Error"] == "FailRunFailed"


def test_glue_jobs_are_waited_for_and_not_repeated_once_they_may_have_written() -> None:
    for task in (MACHINES["job_run"]["States"]["OnSpark"], CARE["Care"]):
        assert task["Resource"] == "arn:aws:states:::glue:startJobRun.sync"
        assert not repeated(task) & {"States.ALL", "States.TaskFailed", "States.Timeout"}
        assert "Glue.ConcurrentRunsExceededException" in repeated(task)
        assert (
            "ResultSelector" not in task
        )  # a path to a field that a JobRun lacks would fail a run that went well
    assert CARE["Care"]["Parameters"]["Arguments"] == {
        "--dataset.$": "$.dataset",
        "--run_id.$": "$.hold.run_id",
    }


@pytest.mark.parametrize("step", ["RawToProcessed", "ProcessedToCurated"])
def test_a_run_knows_no_engine_and_repeats_only_the_start_of_a_job(step: str) -> None:
    task = RUN[step]
    assert task["Parameters"]["StateMachineArn"] == "${JobRunStateMachineArn}"
    assert task["Parameters"]["Input"]["engine.$"] == "$.claim.engine"
    assert all(error.startswith("StepFunctions.") for error in repeated(task))
    assert "StepFunctions.ThrottlingException" in repeated(task)
    text = (ROOT / "state_machines" / "dataset_run.asl.json").read_text(encoding="utf-8")
    assert "glue" not in text
    assert "duckdb" not in text


@pytest.mark.parametrize("step", ["RawToProcessed", "ProcessedToCurated"])
def test_a_job_has_the_time_that_its_engines_may_need_one_after_the_other(step: str) -> None:
    """The nested execution ends first, so that what failed is known, and each of its tasks before it."""
    job = MACHINES["job_run"]
    assert longest_path(job["States"]) < job["TimeoutSeconds"] < RUN[step]["TimeoutSeconds"]


def test_a_job_of_emr_serverless_is_not_repeated_once_it_may_have_written() -> None:
    task = MACHINES["job_run"]["States"]["OnEmr"]
    assert task["Resource"] == "arn:aws:states:::emr-serverless:startJobRun.sync"
    assert not repeated(task) & {"States.ALL", "States.TaskFailed", "States.Timeout"}
    assert [rule["ErrorEquals"] for rule in task["Catch"]] == [["States.TaskFailed"]]


def test_functions_are_retried_on_the_error_they_raise_for_it_and_never_on_a_permanent_one() -> (
    None
):
    assert issubclass(errors.RetryableError, errors.SlipwayError)
    for name, state in TASKS:
        task = MACHINES[name]["States"][state]
        if "lambda" in task["Resource"] and state != "FailRun":
            assert errors.RetryableError.__name__ in repeated(task)
            assert "Lambda.TooManyRequestsException" in repeated(task)
            assert not repeated(task) & {
                "States.ALL",
                "States.TaskFailed",
                errors.ReconciliationFailed.__name__,
            }


def test_only_the_tasks_that_take_the_lock_wait_for_a_busy_dataset() -> None:
    waiting = {
        state for name, state in TASKS if "DatasetBusy" in repeated(MACHINES[name]["States"][state])
    }
    assert waiting == {"ClaimBatch", "Hold"}
    assert issubclass(errors.DatasetBusy, errors.RetryableError)


def test_the_gate_stands_between_loading_and_publishing() -> None:
    assert RUN["RawToProcessed"]["Next"] == "Gate"
    assert set(successors(RUN["Gate"])) == {"IsLoadTold", "FailRun"}
    assert set(successors(RUN["IsLoadTold"])) == {"TellLoaded", "ProcessedToCurated"}
    assert set(successors(RUN["TellLoaded"])) == {"ProcessedToCurated"}
    into = {name for name, state in RUN.items() if "ProcessedToCurated" in successors(state)}
    # The first two only after the gate, the last for a run that passed it before it failed.
    assert into == {"IsLoadTold", "TellLoaded", "WhereToBegin"}
    before = {name for name, state in RUN.items() if "IsLoadTold" in successors(state)}
    assert before == {"Gate"}
    assert {name for name, state in RUN.items() if "TellLoaded" in successors(state)} == {
        "IsLoadTold"
    }


def test_a_hand_over_starts_this_very_machine_and_does_not_wait_for_it() -> None:
    assert RUN["HandOver"]["Resource"] == "arn:aws:states:::states:startExecution"
    assert RUN["HandOver"]["Parameters"]["StateMachineArn.$"] == "$$.StateMachine.Id"
    started = repeated(RUN["Serve"]["ItemProcessor"]["States"]["RunServingMachine"])
    assert started < repeated(RUN["HandOver"])
    assert "States.Timeout" in repeated(RUN["HandOver"])  # its name starts nothing twice


def test_a_run_that_serves_nothing_has_an_empty_result_in_its_place() -> None:
    for states in (RUN, CARE):
        assert (states["NothingServed"]["Result"], states["NothingServed"]["ResultPath"]) == (
            [],
            "$.serve",
        )
        assert states["NothingServed"]["Next"] == states["Serve"]["Next"]


@pytest.mark.parametrize("caller", SERVE)
def test_every_machine_of_the_list_runs_at_once_within_the_lease_and_only_a_start_is_repeated(
    caller: str,
) -> None:
    serve = SERVE[caller]
    assert (serve["Type"], serve["ItemsPath"]) == ("Map", "$.serving")
    assert "MaxConcurrency" not in serve  # one after the other would outlive the lease
    assert serve["Catch"] == [
        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "FailRun"}
    ]
    [task] = serve["ItemProcessor"]["States"].values()
    assert task["Resource"] == "arn:aws:states:::states:startExecution.sync:2"
    assert task["Parameters"]["Input"]["caller"] == caller
    assert not repeated(task) & {"States.ALL", "States.TaskFailed", "States.Timeout"}
    assert all(error.startswith("StepFunctions.") for error in repeated(task))
    assert 0 < task["TimeoutSeconds"] < MACHINES["dataset_run"]["TimeoutSeconds"]


def test_a_next_batch_is_a_plain_load_without_the_results_of_the_last() -> None:
    request = {"dataset.$": "$.dataset", "trigger.$": "$.request.trigger"}
    assert RUN["NextBatch"]["Parameters"] == {
        "dataset.$": "$.dataset",
        "request": request,
        "round.$": "States.MathAdd($.round, 1)",
        "serving.$": "$.serving",
        "is_forecast.$": "$.is_forecast",
    }
    assert RUN["NextBatch"]["Next"] == "ClaimBatch"


def test_the_number_of_seconds_becomes_a_number() -> None:
    assert (
        RUN["Prepare"]["Parameters"]["settle_seconds.$"]
        == "States.StringToJson('${SettleSeconds}')"
    )
    assert RUN["SettleUploads"]["SecondsPath"] == "$.settle_seconds"


def test_announcing_publishes_once_per_execution_and_has_no_time_limit_that_could_send_twice() -> (
    None
):
    tasks = {
        name: state
        for name, state in ANNOUNCE.items()
        if state["Type"] == "Task" and name != "ComposeDigest"
    }
    assert {name: task["Parameters"]["TopicArn"] for name, task in tasks.items()} == {
        "AnnounceFailure": "${FailedTopicArn}",
        "AnnounceSuccess": "${SuccessTopicArn}",
        "AnnounceStage": "${StageTopicArn}",
        "AnnounceRejections": "${RejectedTopicArn}",
        "AnnounceArrivals": "${ArrivedTopicArn}",
    }
    for task in tasks.values():
        assert task["Resource"] == "arn:aws:states:::sns:publish"
        assert "TimeoutSeconds" not in task
        assert "Catch" not in task


def test_a_caught_cause_of_any_length_fits_what_the_fail_state_takes() -> None:
    assert CAUSE_LENGTH <= 32_768  # Source: Step Functions API reference, SendTaskFailure "cause"
