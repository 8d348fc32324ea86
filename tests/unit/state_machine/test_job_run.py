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
    "engine": "spark", "seconds": None, "worker_seconds": None, "size_bytes": 4321, "fallback": None, "billed": None,
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
    assert {**JobResult.from_json(output).to_json(), "billed": None} == output


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
    assert {**JobResult.from_json(output).to_json(), "billed": None} == output


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


EMR = {**INPUT, "engine": "emr"}
STARTED = {"ApplicationId": "00app", "JobRunId": "00run", "Arn": "arn:run"}
USED = {"VCPUHour": 1.25, "MemoryGBHour": 5.0, "StorageGBHour": 0.5}
OF_JOB = {"raw_to_processed": "Load", "processed_to_curated": "Curate"}


def emr_run(**more: Any) -> dict[str, Any]:
    """A JobRun as both integrations show it."""
    return {"ApplicationId": "00app", "JobRunId": "00run", "State": "SUCCESS", **more}


@pytest.mark.parametrize("job", OF_JOB)
@pytest.mark.parametrize(
    "answer", [STARTED, {"JobRun": emr_run()}], ids=["as StartJobRun", "JobRun"]
)
def test_emr_serverless_does_the_job_that_was_asked_for_and_says_what_was_billed(
    walk: Walk, job: str, answer: dict[str, Any]
) -> None:
    used = emr_run(TotalExecutionDurationSeconds=300, BilledResourceUtilization=USED)
    ended = walk("job_run", {**EMR, "job": job}, OnEmr=answer, EmrUsage={"JobRun": used})
    assert (ended["calls"], ended["status"]) == (["OnEmr", "EmrUsage"], "SUCCEEDED")
    started, looked = ended["payloads"]
    spark = started["JobDriver"]["SparkSubmit"]
    assert started["ExecutionRoleArn"] == f"Emr{OF_JOB[job]}RoleArn"
    assert (started["ApplicationId"], started["ExecutionTimeoutMinutes"]) == (
        "EmrApplicationId",
        110,
    )
    assert spark["EntryPoint"] == f"Emr{OF_JOB[job]}ScriptUri"
    words = [
        "--dataset",
        "d",
        "--run_id",
        "r1",
        "--environment",
        "prod",
        "--spark_version",
        "4.0.2",
    ]
    assert spark["EntryPointArguments"] == words
    assert looked == {"ApplicationId": "EmrApplicationId", "JobRunId": "00run"}
    output = json.loads(ended["output"])
    assert output == {
        **WITHOUT_EXTRAS, "engine": "emr", "seconds": 300, "worker_seconds": 1125,
        "billed": {"vcpu_seconds": 4500, "memory_gb_seconds": 18000, "disk_gb_seconds": 1800},
    }  # fmt: skip
    done = JobResult.from_json(output)
    assert (done.billed, done.worker_seconds) == (
        costs.billed_by_emr(used),
        costs.worker_seconds(used),
    )


@pytest.mark.parametrize(
    "run",
    [
        {},
        {"BilledResourceUtilization": None},
        {"BilledResourceUtilization": {**USED, "VCPUHour": 0}},
    ],
)
def test_what_emr_serverless_has_not_added_up_is_no_figure(walk: Walk, run: dict[str, Any]) -> None:
    ended = walk("job_run", EMR, OnEmr=STARTED, EmrUsage={"JobRun": emr_run(**run)})
    done = JobResult.from_json(json.loads(ended["output"]))
    assert (done.engine, done.worker_seconds, done.billed) == ("emr", None, None)
    assert costs.billed_by_emr(run) is None


def test_a_job_that_is_done_stays_done_if_nobody_says_what_it_cost(walk: Walk) -> None:
    ended = walk(
        "job_run", EMR, OnEmr=STARTED, EmrUsage=failure("EmrServerless.ThrottlingException")
    )
    assert (ended["calls"], ended["status"]) == (["OnEmr", *["EmrUsage"] * 3], "SUCCEEDED")
    done = JobResult.from_json(json.loads(ended["output"]))
    assert (done.engine, done.seconds, done.size_bytes) == ("emr", None, 4321)


def test_a_job_of_emr_serverless_that_failed_ends_the_execution_with_its_own_cause(
    walk: Walk,
) -> None:
    broken = emr_run(State="FAILED", StateDetails="Job failed: lost")
    ended = walk("job_run", EMR, OnEmr=failure("States.TaskFailed", **broken))
    assert (ended["calls"], ended["status"]) == (["OnEmr"], "FAILED")
    assert (ended["error"], json.loads(ended["cause"])) == ("States.TaskFailed", broken)


@pytest.mark.parametrize("error", ["EmrServerless.ServiceQuotaExceededException", "Whatever.Error"])
def test_what_emr_serverless_does_not_begin_spark_on_glue_does_and_says_why(
    walk: Walk, error: str
) -> None:
    ended = walk("job_run", EMR, OnEmr=failure(error, Message="no capacity"))
    assert (ended["calls"], ended["status"]) == (["OnEmr", "RawToProcessed"], "SUCCEEDED")
    done = JobResult.from_json(json.loads(ended["output"]))
    assert (done.engine, done.fallback) == ("spark", f'{error}: {{"Message": "no capacity"}}')


def test_a_throttled_start_is_repeated_before_that(walk: Walk) -> None:
    busy = failure("EmrServerless.ThrottlingException")
    ended = walk("job_run", EMR, OnEmr=[busy, STARTED], EmrUsage={"JobRun": emr_run()})
    assert (ended["calls"], ended["status"]) == (["OnEmr", "OnEmr", "EmrUsage"], "SUCCEEDED")


def test_a_job_of_emr_serverless_that_takes_too_long_is_not_begun_on_glue(walk: Walk) -> None:
    ended = walk("job_run", EMR, OnEmr=failure("States.Timeout"))
    assert (ended["calls"], ended["status"], ended["error"]) == (
        ["OnEmr"],
        "FAILED",
        "States.Timeout",
    )


def test_a_fallback_without_a_cause_is_told_by_its_error() -> None:
    done = JobResult.from_json({**WITHOUT_EXTRAS, "fallback": "States.Timeout: "})
    assert done.fallback_sentence == "States.Timeout"
    done = JobResult.from_json({**WITHOUT_EXTRAS, "fallback": "Lambda.Unknown: plain words"})
    assert done.fallback_sentence == "Lambda.Unknown: plain words"
