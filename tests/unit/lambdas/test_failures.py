"""What failed and why, read from a Catch or from a status change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contracts.errors import PermanentError
from lambdas.fail_run.failures import parse
from pipeline.failed_tasks import CAUSE_LENGTH
from pipeline.steps import MACHINES, RESUMABLE
from tests.unit.lambdas.ending import caught


@pytest.mark.parametrize("machine", MACHINES)
def test_the_step_that_failed_is_the_first_without_a_result(account: Any, machine: str) -> None:
    done: dict[str, Any] = {}
    for step in MACHINES[machine].steps:
        event = {
            **caught(account, machine),
            "state": {**done, "failure": {"Error": "E", "Cause": "c"}},
        }
        assert parse(event).step == step.name
        done[step.result] = {}


@pytest.mark.parametrize("began_at", RESUMABLE)
def test_the_step_at_which_a_resumed_run_failed_is_not_one_that_it_left_out(
    account: Any, began_at: str
) -> None:
    state = {"claim": {"run_id": "r", "from": began_at}, "failure": {"Error": "E", "Cause": "c"}}
    assert parse({**caught(account), "state": state}).step == began_at


def test_what_the_jobs_cost_is_read_also_from_the_one_that_failed(account: Any) -> None:
    event = caught(account)
    job = (
        '{"ErrorMessage": "lost", "ExecutionTime": 97, "NumberOfWorkers": 2, "WorkerType": "G.1X"}'
    )
    event["state"]["failure"]["Cause"] = job
    assert parse(event).worker_seconds == {"raw_to_processed": 194}
    event["state"] |= {
        "raw_to_processed": {"ExecutionTime": 10, "NumberOfWorkers": 3, "WorkerType": "G.1X"},
        "gate": {},
    }
    assert parse(event).worker_seconds == {"raw_to_processed": 30, "processed_to_curated": 194}
    event["state"]["raw_to_processed"] |= {"engine": "duckdb"}
    assert parse(event).engines == {"raw_to_processed": "duckdb"}


def test_the_engine_and_the_bill_of_the_job_that_failed_are_read_from_its_record(
    account: Any,
) -> None:
    event = caught(account)
    job_run = {
        "Id": "jr_1", "JobName": "load", "ErrorMessage": "lost", "ExecutionTime": 97, "NumberOfWorkers": 2,
    }  # fmt: skip
    event["state"]["failure"]["Cause"] = json.dumps(job_run)
    assert parse(event).engines == {"raw_to_processed": "spark"}
    used = {"VCPUHour": 1.0, "MemoryGBHour": 4.0}
    of_emr = {"ApplicationId": "00a", "JobRunId": "00r", "StateDetails": "Job failed: lost"}
    event["state"]["failure"]["Cause"] = json.dumps(of_emr | {"BilledResourceUtilization": used})
    failure = parse(event)
    assert (failure.engines, failure.cause) == ({"raw_to_processed": "emr"}, "Job failed: lost")
    assert failure.worker_seconds == {"raw_to_processed": 900}
    assert failure.billed["raw_to_processed"].memory_gb_seconds == 14_400
    event["state"]["failure"]["Cause"] = json.dumps(of_emr)
    assert parse(event).worker_seconds == {}


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        (
            '{"errorMessage": "2 discrepancies", "errorType": "ReconciliationFailed", "stackTrace": []}',
            "2 discrepancies",
        ),
        ("plain words", "plain words"),
        ('"quoted"', '"quoted"'),
        ("", "no cause was given"),
        ("x" * 5000, "x" * 1997 + "..."),
    ],
)
def test_causes_are_told_in_words(account: Any, cause: str, told: str) -> None:
    event = caught(account)
    event["state"]["failure"]["Cause"] = cause
    assert parse(event).cause == told


MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:WarehouseLoad"
CHILD = MACHINE.replace("stateMachine", "execution") + ":5f2c"
JOB = CHILD.replace("WarehouseLoad", "JobRun")
BEFORE_SERVE: dict[str, Any] = {
    step: {} for step in ("raw_to_processed", "gate", "processed_to_curated", "forecast")
}


@pytest.mark.parametrize(
    ("child", "error", "told"),
    [
        (
            {
                "Status": "FAILED",
                "Error": "WarehouseLoadFailed",
                "Cause": '{"errorMessage": "by_item: a cent"}',
            },
            "WarehouseLoadFailed",
            "WarehouseLoad ended as FAILED with WarehouseLoadFailed: by_item: a cent",
        ),
        (
            {"Status": "TIMED_OUT", "Error": "States.Timeout", "StateMachineArn": MACHINE},
            "States.Timeout",
            "WarehouseLoad ended as TIMED_OUT with States.Timeout: the execution took longer than its TimeoutSeconds"
            " and was ended by Step Functions",
        ),
        (
            {"Status": "ABORTED"},
            "Execution.ABORTED",
            "WarehouseLoad ended as ABORTED with Execution.ABORTED: the execution was stopped by hand or by a call of"
            " StopExecution",
        ),
    ],
)
def test_the_failure_of_another_machine_is_told_as_its_own_error_and_cause(
    account: Any, child: dict[str, str], error: str, told: str
) -> None:
    event = caught(account)
    cause = json.dumps({"ExecutionArn": CHILD, "Input": "{}", "StartDate": 1, **child})
    event["state"] |= BEFORE_SERVE
    event["state"]["failure"] = {"Error": "States.TaskFailed", "Cause": cause}
    failure = parse(event)
    assert (failure.step, failure.error, failure.cause) == (
        "Serve",
        error,
        f"{told}\nits execution: {CHILD}",
    )


def test_the_cause_of_another_machine_is_cut_but_never_its_execution(account: Any) -> None:
    event = caught(account)
    child = {"ExecutionArn": CHILD, "Status": "FAILED", "Error": "E", "Cause": "one\n" + "x" * 5000}
    event["state"] |= BEFORE_SERVE
    event["state"]["failure"]["Cause"] = json.dumps(child)
    cause = parse(event).cause
    assert len(cause) == CAUSE_LENGTH
    assert cause.startswith(
        f"WarehouseLoad ended as FAILED with E: one\nits execution: {CHILD}\nxxx"
    )


def test_a_job_that_a_nested_execution_carried_out_is_told_as_if_it_were_the_step_itself(
    account: Any,
) -> None:
    itself, nested = caught(account), caught(account)
    job = itself["state"]["failure"]
    described = {"ExecutionArn": JOB, "Status": "FAILED", "Input": "{}", "StartDate": 1, **job}
    nested["state"]["failure"] = {"Error": "States.TaskFailed", "Cause": json.dumps(described)}
    assert parse(nested) == parse(itself)
    permanent = {**described, "Error": "PermanentError", "Cause": '{"errorMessage": "no contract"}'}
    nested["state"]["failure"]["Cause"] = json.dumps(permanent)
    assert (parse(nested).error, parse(nested).cause) == ("PermanentError", "no contract")


@pytest.mark.parametrize(
    ("status", "error"), [("ABORTED", "Execution.ABORTED"), ("TIMED_OUT", "States.Timeout")]
)
def test_a_nested_execution_of_a_job_that_was_stopped_is_named(
    account: Any, status: str, error: str
) -> None:
    event = caught(account)
    described = {"ExecutionArn": JOB, "Status": status}
    described |= {"Error": error} if status == "TIMED_OUT" else {}
    event["state"]["failure"]["Cause"] = json.dumps(described)
    failure = parse(event)
    assert (failure.step, failure.error) == ("RawToProcessed", error)
    assert failure.cause.startswith(f"JobRun ended as {status} with {error}: ")
    assert JOB in failure.cause


def test_what_is_no_failure_is_refused(account: Any) -> None:
    event = account.event("execution_timed_out")
    event["detail"]["status"] = "SUCCEEDED"
    with pytest.raises(PermanentError, match="is SUCCEEDED, which is not a failure"):
        parse(event)
    with pytest.raises(PermanentError, match="neither"):
        parse({"something": "else"})


def test_an_execution_with_unreadable_input_is_told_as_of_an_unknown_dataset(account: Any) -> None:
    event = account.event("execution_timed_out")
    for given in ("[]", None, "no json"):
        event["detail"]["input"] = given
        assert parse(event).dataset == "unknown"
