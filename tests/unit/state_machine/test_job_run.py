"""One job for a run, walked by the emulator's own interpreter with canned answers of the engines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline import costs
from pipeline.run_documents import JobResult
from tests.unit.lambdas.test_costs import JOB_RUNS
from tests.unit.state_machine.walking import Walk, failure

INPUT = {
    "job": "raw_to_processed", "dataset": "d", "run_id": "r1", "engine": "spark", "size_bytes": 4321,
}  # fmt: skip
WITHOUT_EXTRAS = {
    "engine": "spark", "seconds": None, "worker_seconds": None, "size_bytes": 4321, "fallback": None,
}  # fmt: skip
JOBS = {"raw_to_processed": "RawToProcessed", "processed_to_curated": "ProcessedToCurated"}


@pytest.mark.parametrize("job", JOBS)
def test_spark_does_the_job_that_was_asked_for_and_the_answer_has_one_form(
    walk: Walk, job: str
) -> None:
    ended = walk("job_run", {**INPUT, "job": job})
    assert (ended["calls"], ended["status"]) == ([JOBS[job]], "SUCCEEDED")
    assert ended["payloads"][0]["Arguments"] == {"--dataset": "d", "--run_id": "r1"}
    output = json.loads(ended["output"])
    assert output == WITHOUT_EXTRAS
    assert JobResult.from_json(output).to_json() == output


@pytest.mark.parametrize("job_run", JOB_RUNS)
def test_worker_seconds_of_spark_are_those_that_python_reads_from_a_job_run(
    walk: Walk, job_run: dict[str, Any]
) -> None:
    ended = walk("job_run", INPUT, RawToProcessed={"Id": "jr_1", **job_run})
    output = json.loads(ended["output"])
    assert output["worker_seconds"] == costs.worker_seconds(job_run)
    assert output["seconds"] == job_run.get("ExecutionTime")
    assert costs.worker_seconds(output) == costs.worker_seconds(job_run)


def test_a_job_that_failed_ends_the_execution_with_its_own_error_and_cause(walk: Walk) -> None:
    ended = walk("job_run", INPUT, RawToProcessed=failure("States.TaskFailed", ErrorMessage="lost"))
    assert (ended["calls"], ended["status"]) == (["RawToProcessed"], "FAILED")
    assert (ended["error"], json.loads(ended["cause"])) == (
        "States.TaskFailed",
        {"ErrorMessage": "lost"},
    )


def test_a_job_that_could_not_be_started_is_started_again(walk: Walk) -> None:
    busy = failure("Glue.ConcurrentRunsExceededException")
    ended = walk("job_run", INPUT, RawToProcessed=[busy, busy, {"Id": "jr_1"}])
    assert (ended["calls"], ended["status"]) == (["RawToProcessed"] * 3, "SUCCEEDED")


DUCKDB = {**INPUT, "engine": "duckdb"}
FUNCTIONS = {"raw_to_processed": "LoadSmallBatch", "processed_to_curated": "CurateSmallBatch"}
NOT_FOR_DUCKDB = [
    "NeedsSpark",
    *("States.Timeout", "Sandbox.Timedout"),
    *("Runtime.ExitError", "Runtime.OutOfMemory", "Lambda.Unknown"),
    *("Lambda.AWSLambdaException", "Lambda.ResourceNotFoundException"),
]
PASSING = ["RetryableError", "Lambda.TooManyRequestsException", "Lambda.ServiceException"]


@pytest.mark.parametrize("job", FUNCTIONS)
def test_duckdb_does_the_job_that_was_asked_for_and_answers_in_the_same_form(
    walk: Walk, job: str
) -> None:
    ended = walk("job_run", {**DUCKDB, "job": job}, **{FUNCTIONS[job]: {"seconds": 3}})
    assert (ended["calls"], ended["status"]) == ([FUNCTIONS[job]], "SUCCEEDED")
    assert ended["payloads"] == [{"dataset": "d", "run_id": "r1"}]
    output = json.loads(ended["output"])
    assert output == {
        **WITHOUT_EXTRAS, "engine": "duckdb", "seconds": 3, "worker_seconds": 3,
    }  # fmt: skip
    assert JobResult.from_json(output).to_json() == output


@pytest.mark.parametrize("error", NOT_FOR_DUCKDB)
def test_what_duckdb_cannot_do_spark_does_in_the_same_run_and_says_why(
    walk: Walk, error: str
) -> None:
    broken = failure(error, errorMessage="too much", errorType=error, stackTrace="x" * 500)
    ended = walk("job_run", DUCKDB, LoadSmallBatch=broken)
    assert (ended["calls"], ended["status"]) == (["LoadSmallBatch", "RawToProcessed"], "SUCCEEDED")
    assert ended["payloads"][-1]["Arguments"] == {"--dataset": "d", "--run_id": "r1"}
    done = JobResult.from_json(json.loads(ended["output"]))
    assert (done.engine, done.fallback_sentence) == ("spark", f"{error}: too much")


@pytest.mark.parametrize("error", PASSING)
def test_what_may_pass_is_repeated_before_spark_does_it(walk: Walk, error: str) -> None:
    ended = walk("job_run", DUCKDB, LoadSmallBatch=[failure(error), {"seconds": 3}])
    assert (ended["calls"], ended["status"]) == (["LoadSmallBatch"] * 2, "SUCCEEDED")
    ended = walk("job_run", DUCKDB, LoadSmallBatch=failure(error))
    assert ended["calls"] == ["LoadSmallBatch"] * 4 + ["RawToProcessed"]


@pytest.mark.parametrize("error", ["PermanentError", "ContractInvalid", "KeyError"])
def test_what_would_fail_on_spark_too_fails_at_once_with_its_own_error(
    walk: Walk, error: str
) -> None:
    ended = walk("job_run", DUCKDB, LoadSmallBatch=failure(error, errorMessage="no"))
    assert (ended["calls"], ended["status"], ended["error"]) == (
        ["LoadSmallBatch"],
        "FAILED",
        error,
    )
    assert json.loads(ended["cause"]) == {"errorMessage": "no"}


def test_a_fallback_without_a_cause_is_told_by_its_error() -> None:
    done = JobResult.from_json({**WITHOUT_EXTRAS, "fallback": "States.Timeout: "})
    assert done.fallback_sentence == "States.Timeout"
    done = JobResult.from_json({**WITHOUT_EXTRAS, "fallback": "Lambda.Unknown: plain words"})
    assert done.fallback_sentence == "Lambda.Unknown: plain words"
