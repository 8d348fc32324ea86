"""The state machine file: every task guarded, every state reachable, every substitution given a use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts import errors
from lambdas.fail_run.failures import CAUSE_LENGTH, STEPS

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "state_machines" / "dataset_run.asl.json").read_text()
MACHINE = json.loads(TEXT)
STATES: dict[str, dict[str, Any]] = MACHINE["States"]
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
SUBSTITUTIONS = {
    "SettleSeconds",
    "ClaimBatchFunctionArn",
    "GateFunctionArn",
    "CloseRunFunctionArn",
    "FailRunFunctionArn",
    "RawToProcessedJobName",
    "ProcessedToCuratedJobName",
}


def successors(state: dict[str, Any]) -> Iterator[str]:
    yield from (target for target in (state.get("Next"), state.get("Default")) if target)
    yield from (rule["Next"] for rule in [*state.get("Choices", []), *state.get("Catch", [])])


def test_every_state_can_be_reached_and_every_target_exists() -> None:
    reached, open_ends = set(), [MACHINE["StartAt"]]
    while open_ends:
        name = open_ends.pop()
        if name not in reached:
            reached.add(name)
            open_ends += successors(STATES[name])
    assert reached == set(STATES)


def test_only_succeed_and_fail_states_end_the_execution() -> None:
    ends = {name: state["Type"] for name, state in STATES.items() if not list(successors(state))}
    assert set(ends.values()) == {"Succeed", "Fail"}
    assert not any("End" in state for state in STATES.values())


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_a_time_limit_retries_with_jitter_and_a_catch_for_everything(name: str) -> None:
    task = TASKS[name]
    assert 0 < task["TimeoutSeconds"] < MACHINE["TimeoutSeconds"]
    for retry in task["Retry"]:
        assert (retry["MaxAttempts"], retry["BackoffRate"], retry["JitterStrategy"]) == (4, 2, "FULL")
        assert retry["IntervalSeconds"] < retry["MaxDelaySeconds"]
    assert [rule["ErrorEquals"] for rule in task["Catch"]] == [["States.ALL"]]
    assert task["ResultPath"].startswith("$.")  # a result beside the state, never in its place


def test_a_failing_task_leads_to_fail_run_with_its_error_and_that_to_failed() -> None:
    for name, task in TASKS.items():
        [rule] = task["Catch"]
        wanted = ("$.fail_run_failure", "FailRunFailed") if name == "FailRun" else ("$.failure", "FailRun")
        assert (rule["ResultPath"], rule["Next"]) == wanted
    assert STATES["FailRun"]["Next"] == "Failed"
    assert STATES["Failed"] == {"Type": "Fail", "ErrorPath": "$.failed.error", "CausePath": "$.failed.cause"}
    assert STATES["FailRunFailed"]["Error"] == "FailRunFailed"


def test_jobs_are_waited_for_and_not_repeated_once_they_may_have_written() -> None:
    jobs = {name: task for name, task in TASKS.items() if "glue" in task["Resource"]}
    assert set(jobs) == {"RawToProcessed", "ProcessedToCurated"}
    for task in jobs.values():
        assert task["Resource"] == "arn:aws:states:::glue:startJobRun.sync"
        repeated = {error for retry in task["Retry"] for error in retry["ErrorEquals"]}
        assert not repeated & {"States.ALL", "States.TaskFailed", "States.Timeout"}
        assert "Glue.ConcurrentRunsExceededException" in repeated
        assert task["Parameters"]["Arguments"] == {"--dataset.$": "$.dataset", "--run_id.$": "$.claim.run_id"}


def test_functions_are_retried_on_the_error_they_raise_for_it_and_never_on_a_permanent_one() -> None:
    assert issubclass(errors.RetryableError, errors.SlipwayError)
    for name, task in TASKS.items():
        if "lambda" in task["Resource"] and name != "FailRun":
            repeated = {error for retry in task["Retry"] for error in retry["ErrorEquals"]}
            assert errors.RetryableError.__name__ in repeated
            assert "Lambda.TooManyRequestsException" in repeated
            assert not repeated & {"States.ALL", "States.TaskFailed", errors.ReconciliationFailed.__name__}


def test_the_gate_stands_between_loading_and_publishing() -> None:
    order = ["ClaimBatch", "IsBatchClaimed", "RawToProcessed", "Gate", "ProcessedToCurated", "CloseRun"]
    assert STATES["RawToProcessed"]["Next"] == "Gate"
    assert STATES["Gate"]["Next"] == "ProcessedToCurated"
    into = {target: name for name in order for target in successors(STATES[name]) if target in order}
    assert into["ProcessedToCurated"] == "Gate"


def test_fail_run_knows_where_each_step_keeps_its_result() -> None:
    assert {name: f"$.{result}" for name, result in STEPS.items()} == {
        name: task["ResultPath"] for name, task in TASKS.items() if name != "FailRun"
    }


def test_a_next_batch_starts_without_the_results_of_the_last() -> None:
    assert STATES["NextBatch"]["Parameters"] == {"dataset.$": "$.dataset", "trigger.$": "$.trigger"}
    assert STATES["NextBatch"]["Next"] == "ClaimBatch"


def test_substitutions_are_the_documented_ones_and_the_number_of_seconds_becomes_a_number() -> None:
    assert set(re.findall(r"\$\{(\w+)\}", TEXT)) == SUBSTITUTIONS
    architecture = (ROOT / "docs" / "architecture.md").read_text()
    assert all(f"${{{name}}}" in architecture for name in SUBSTITUTIONS)
    filled = json.loads(re.sub(r"\$\{(\w+)\}", "20", TEXT))
    assert filled["States"]["Prepare"]["Parameters"]["settle_seconds.$"] == "States.StringToJson('20')"
    assert filled["States"]["SettleUploads"]["SecondsPath"] == "$.settle_seconds"


def test_a_caught_cause_of_any_length_fits_what_the_fail_state_takes() -> None:
    assert CAUSE_LENGTH <= 32_768  # Source: Step Functions API reference, SendTaskFailure "cause"
