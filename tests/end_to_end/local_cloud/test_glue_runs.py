"""Glue jobs and the state machines that run them: success, failure, stop, time, and every process gone afterwards.

The scripts do not start a Spark session (only its launcher runs), so that each case takes seconds.
"""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

import pytest

from tests.end_to_end.local_cloud.bench import Bench
from tests.end_to_end.spark_drivers import spark_drivers

SCRIPT = """
import os, stat, sys, time
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
print("started as", options["--JOB_NAME"], flush=True)
print("writes to a file:", all(stat.S_ISREG(os.fstat(number).st_mode) for number in (1, 2)), flush=True)
time.sleep(float(options.get("--seconds", "0")))
if "--fail" in options:
    raise ValueError(options["--fail"])
"""
GLUE = {"Service": "glue.amazonaws.com"}
STATES = {"Service": "states.amazonaws.com"}
RUN_JOB = ["glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"]


@pytest.fixture(scope="module")
def job(bench: Bench) -> str:
    s3 = bench.client("s3")
    s3.create_bucket(Bucket="code")
    s3.put_object(Bucket="code", Key="job.py", Body=SCRIPT.encode())
    role = bench.role("job", GLUE, {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::code/*"})
    command = {"Name": "glueetl", "ScriptLocation": "s3://code/job.py"}
    bench.client("glue").create_job(
        Name="job", Role=role, Command=command, DefaultArguments={"--seconds": "0"}
    )
    return "job"


@pytest.fixture(scope="module")
def runner(bench: Bench) -> str:
    return bench.role("runner", STATES, {"Action": RUN_JOB, "Resource": "arn:aws:glue:*:*:job/job"})


def execute(bench: Bench, role: str, arguments: dict[str, str], **task: Any) -> str:
    """Start a one-task state machine that runs the job; returns the execution's ARN."""
    states = bench.client("stepfunctions")
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::glue:startJobRun.sync",
        "Parameters": {"JobName": "job", "Arguments": arguments},
        "End": True,
    }
    definition = json.dumps({"StartAt": "Run", "States": {"Run": state | task}})
    name = f"machine{time.monotonic_ns()}"
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role)[
        "stateMachineArn"
    ]
    return str(states.start_execution(stateMachineArn=machine)["executionArn"])


def ended(bench: Bench, execution: str) -> dict[str, Any]:
    states, deadline = bench.client("stepfunctions"), time.monotonic() + 60
    while time.monotonic() < deadline:
        described = states.describe_execution(executionArn=execution)
        if described["status"] != "RUNNING":
            return dict(described)
        time.sleep(0.2)
    raise AssertionError(f"{execution} is still running")


def run_of(bench: Bench, state: str) -> dict[str, Any]:
    """Wait until the newest run is in a state."""
    glue, deadline = bench.client("glue"), time.monotonic() + 60
    while time.monotonic() < deadline:
        runs = glue.get_job_runs(JobName="job")["JobRuns"]
        if runs and runs[-1]["JobRunState"] == state:
            return dict(runs[-1])
        time.sleep(0.2)
    raise AssertionError(f"no run is {state}: {[run['JobRunState'] for run in runs]}")


@pytest.mark.usefixtures("job")
def test_a_successful_run_is_the_tasks_output(bench: Bench, runner: str) -> None:
    outcome = ended(bench, execute(bench, runner, {}))
    assert outcome["status"] == "SUCCEEDED", outcome.get("cause")
    record = json.loads(outcome["output"])
    assert (record["JobName"], record["JobRunState"]) == ("job", "SUCCEEDED")
    assert record["StartedOn"] > 1_000_000_000_000  # milliseconds, as Step Functions gives it


@pytest.mark.usefixtures("job")
def test_a_failed_run_fails_the_task_with_the_scripts_exception(bench: Bench, runner: str) -> None:
    outcome = ended(bench, execute(bench, runner, {"--fail": "rows do not add up"}))
    assert (outcome["status"], outcome["error"]) == ("FAILED", "States.TaskFailed")
    assert json.loads(outcome["cause"])["ErrorMessage"] == "ValueError: rows do not add up"


@pytest.mark.usefixtures("job")
def test_a_script_writes_its_log_itself_since_the_launcher_may_end_before_the_error_is_copied(
    bench: Bench, runner: str
) -> None:
    ended(bench, execute(bench, runner, {"--fail": "rows do not add up"}))
    (run,) = bench.client("glue").get_job_runs(JobName="job")["JobRuns"][-1:]
    log = (bench.cloud.path / "logs" / f"{run['Id']}.log").read_text(encoding="utf-8")
    assert "writes to a file: True" in log
    assert log.rstrip().endswith("ValueError: rows do not add up")


@pytest.mark.usefixtures("job")
def test_stopping_the_execution_ends_spark(bench: Bench, runner: str) -> None:
    execution = execute(bench, runner, {"--seconds": "60"})
    run_of(bench, "RUNNING")
    bench.client("stepfunctions").stop_execution(executionArn=execution)
    run_of(bench, "STOPPED")
    assert ended(bench, execution)["status"] == "ABORTED"
    assert spark_drivers(bench.cloud) == []


@pytest.mark.usefixtures("job")
def test_a_task_over_its_time_ends_spark(bench: Bench, runner: str) -> None:
    outcome = ended(bench, execute(bench, runner, {"--seconds": "60"}, TimeoutSeconds=3))
    assert (outcome["status"], outcome["error"]) == ("FAILED", "States.Timeout")
    run_of(bench, "STOPPED")
    assert spark_drivers(bench.cloud) == []


@pytest.mark.usefixtures("job")
def test_a_killed_spark_process_fails_the_run(bench: Bench, runner: str) -> None:
    execution = execute(bench, runner, {"--seconds": "60"})
    run_of(bench, "RUNNING")
    deadline = time.monotonic() + 60
    while not (started := spark_drivers(bench.cloud)) and time.monotonic() < deadline:
        time.sleep(0.2)
    os.kill(started[0], signal.SIGKILL)
    outcome = ended(bench, execution)
    assert (outcome["status"], outcome["error"]) == ("FAILED", "States.TaskFailed")
    assert json.loads(outcome["cause"])["JobRunState"] == "FAILED"


@pytest.mark.usefixtures("job")
def test_one_run_at_a_time(bench: Bench) -> None:
    glue = bench.client("glue")
    first = glue.start_job_run(JobName="job", Arguments={"--seconds": "60"})["JobRunId"]
    with pytest.raises(glue.exceptions.ConcurrentRunsExceededException):
        glue.start_job_run(JobName="job")
    glue.batch_stop_job_run(JobName="job", JobRunIds=[first])
    run_of(bench, "STOPPED")


@pytest.mark.usefixtures("job")
def test_a_machine_without_the_permission_cannot_start_the_job(bench: Bench) -> None:
    weak = bench.role("weak", STATES, {"Action": "glue:GetJobRun", "Resource": "*"})
    outcome = ended(bench, execute(bench, weak, {}))
    assert (outcome["status"], outcome["error"]) == ("FAILED", "Glue.AWSGlueException")
    assert "is not authorized to perform: glue:StartJobRun" in outcome["cause"]


@pytest.mark.usefixtures("job")
def test_a_role_that_another_service_owns_is_not_assumed(bench: Bench) -> None:
    foreign = bench.role("foreign", GLUE, {"Action": RUN_JOB, "Resource": "*"})
    outcome = ended(bench, execute(bench, foreign, {}))
    assert outcome["status"] == "FAILED"
    assert "states.amazonaws.com is not authorized to perform: sts:AssumeRole" in outcome["cause"]


@pytest.mark.usefixtures("job")
def test_a_job_role_that_may_not_read_its_script_fails_the_run(bench: Bench) -> None:
    bench.allow("job", {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::other/*"})
    try:
        bench.client("glue").start_job_run(JobName="job")
        run = run_of(bench, "FAILED")
        assert "403" in run["ErrorMessage"]
    finally:
        bench.allow("job", {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::code/*"})
