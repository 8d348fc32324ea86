"""EMR Serverless of the embedded AWS with a process in Spark's place: records, states, ends, and what is refused."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ministack.services import stepfunctions

from local_cloud.adapters import roles, service_roles, spark_process
from local_cloud.adapters.emr import applications, command, job_runs
from local_cloud.adapters.step_functions import emr
from local_cloud.patching import original
from local_cloud.settings import ServerSettings
from pipeline import costs
from pipeline.emr_releases import BY_LABEL
from pipeline.run_documents import JobResult

MACHINE = Path(__file__).parents[3] / "state_machines" / "job_run.asl.json"

RELEASE = {"Type": "SPARK", "ReleaseLabel": "emr-spark-8.1.0"}
PARAMETERS = "--py-files s3://code/p.zip --jars s3://code/i.jar --conf spark.x=1 --conf spark.driver.memory=14g"
ROLE = "arn:aws:iam::000000000000:role/load"


class Session:
    """Credentials of a role."""

    @staticmethod
    def environment() -> dict[str, str]:
        return {}


@pytest.fixture
def settings(tmp_path: Path) -> ServerSettings:
    return ServerSettings(
        state_dir=tmp_path, jars_dir=tmp_path / "jars", port=1, sftp_port=2, control_token=""
    )


@pytest.fixture
def application(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(roles, "enforced", lambda: False)
    monkeypatch.setattr(service_roles, "current_execution", lambda: {"status": "RUNNING"})
    made, attributes = applications.create("App", RELEASE, "stack")
    assert attributes["Arn"].endswith(f":/applications/{made}")
    yield made
    applications.delete(made, RELEASE)


@pytest.fixture
def assumed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Runs `sh` in Spark's place; the test chooses what it does, and sees what was asked for."""
    seen: dict[str, Any] = {"does": "exit 0", "roles": []}

    def assume(*given: str, **more: str) -> type[Session]:
        seen["roles"].append((*given, more["source_arn"]))
        return Session

    def submit(*_: Any, **given: Any) -> list[str]:
        seen["arguments"] = given["arguments"]
        return ["sh", "-c", seen["does"]]

    environment = command.Environment(python=Path("python"), jars=())
    monkeypatch.setattr(roles, "assume", assume)
    monkeypatch.setattr(command, "environment_of", lambda *_: environment)
    monkeypatch.setattr(command, "spark_submit", submit)
    monkeypatch.setattr(spark_process, "s3_client", lambda *_: None)
    monkeypatch.setattr(spark_process, "download", lambda _, uri, __: Path(uri))
    return seen


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Events that were put, and in whose name."""
    events: list[dict[str, Any]] = []

    def put(request: dict[str, Any], *, allow_aws_source: bool) -> None:
        assert allow_aws_source
        events.extend(request["Entries"])

    monkeypatch.setattr(job_runs, "original", lambda *_: put)
    return events


def asked(application: str, **changes: Any) -> dict[str, Any]:
    spark = {"EntryPoint": "s3://code/load.py", "EntryPointArguments": ["--dataset", "d"]}
    return {
        "ApplicationId": application, "ExecutionRoleArn": ROLE, "Name": "load d r1", "ExecutionTimeoutMinutes": 1,
        "JobDriver": {"SparkSubmit": {**spark, "SparkSubmitParameters": PARAMETERS}}, **changes,
    }  # fmt: skip


def sync(settings: ServerSettings, given: dict[str, Any]) -> dict[str, Any]:
    return emr.run(settings, f"arn:aws:states:::{emr.SYNC}", given)


def test_a_run_that_ends_well_is_answered_as_start_job_run_and_shows_what_was_billed(
    settings: ServerSettings, application: str, assumed: dict[str, Any], monkeypatch: Any
) -> None:
    answer = sync(settings, asked(application))
    assert set(answer) == {"ApplicationId", "Arn", "JobRunId"}
    arn = applications.arn(application)
    assert assumed["roles"] == [
        (ROLE, f"EMR-Serverless-{answer['JobRunId']}", job_runs.SERVICE, arn)
    ]
    assert assumed["arguments"] == ["--dataset", "d"]
    job_run = job_runs.get(answer)["JobRun"]
    assert (job_run["State"], job_run["ReleaseLabel"]) == ("SUCCESS", "emr-spark-8.1.0")
    assert costs.billed_by_emr(job_run) is None  # not added up yet
    later = time.time() + job_runs.ADDED_UP_SECONDS
    monkeypatch.setattr(time, "time", lambda: later)
    billed = costs.billed_by_emr(job_runs.get(answer)["JobRun"])
    assert billed is not None
    assert (billed.vcpu_seconds, billed.memory_gb_seconds) == (
        241,
        961,
    )  # a minute at least, in hours


def test_a_run_that_fails_is_told_by_its_record_with_the_exception_of_its_log(
    settings: ServerSettings, application: str, assumed: dict[str, Any]
) -> None:
    trace = "Traceback (most recent call last):\n  File x\nValueError: no such column"
    assumed["does"] = f'echo "{trace}"; exit 3'
    with pytest.raises(Exception, match="JobRunId") as failed:
        sync(settings, asked(application))
    job_run = json.loads(failed.value.cause)  # type: ignore[attr-defined] # of the emulator's error
    assert (failed.value.error, job_run["State"]) == ("States.TaskFailed", "FAILED")  # type: ignore[attr-defined]
    assert job_run["StateDetails"].endswith(
        "ExitCode: 3. Last few exceptions: ValueError: no such column"
    )
    assert costs.engine_of(job_run) == "emr"


def test_a_stopped_execution_cancels_its_run(
    settings: ServerSettings, application: str, assumed: dict[str, Any], monkeypatch: Any
) -> None:
    monkeypatch.setattr(service_roles, "current_execution", lambda: {"status": "ABORTED"})
    assumed["does"] = "sleep 60"
    with pytest.raises(Exception, match="CANCELLED") as failed:
        sync(settings, asked(application))
    assert "the execution of Step Functions was stopped" in str(failed.value.cause)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("does", "state"), [("exit 3", "FAILED"), ("exit 0", "SUCCESS")])
def test_the_end_of_a_run_is_an_event_as_the_guide_shows_it(
    settings: ServerSettings,
    application: str,
    assumed: dict[str, Any],
    told: Any,
    does: str,
    state: str,
) -> None:
    assumed["does"] = does
    answer = job_runs.start(settings, asked(application))
    job_runs.wait_for(answer["JobRunId"], 10)
    [event] = told
    assert (event["Source"], event["DetailType"]) == (
        "aws.emr-serverless",
        "EMR Serverless Job Run State Change",
    )
    assert json.loads(event["Detail"]) == {
        "jobRunId": answer["JobRunId"],
        "applicationId": application,
        "arn": answer["Arn"],
        "releaseLabel": "emr-spark-8.1.0",
        "state": state,
        "previousState": "RUNNING",
    }


def test_a_task_that_is_out_of_time_cancels_its_run(
    settings: ServerSettings, application: str, assumed: dict[str, Any], monkeypatch: Any
) -> None:
    monkeypatch.setattr(emr.step_functions_glue, "deadline", lambda: time.monotonic() - 1)
    assumed["does"] = "sleep 60"
    with pytest.raises(original(emr.STEP_FUNCTIONS, "_ExecutionError")) as failed:
        sync(settings, asked(application))
    assert failed.value.error == "States.Timeout"  # type: ignore[attr-defined]
    [run] = [run for run in job_runs._runs.values() if run.record["ApplicationId"] == application][
        -1:
    ]
    assert run.ended.wait(10)
    assert run.record["State"] == "CANCELLED"


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"ApplicationId": "00none"}, "EmrServerless.ResourceNotFoundException", "00none does not"),
        ({"Mode": "STREAMING"}, "States.Runtime", "Mode is not done by the embedded AWS"),
        ({"RetryPolicy": {}}, "States.Runtime", "RetryPolicy is not done"),
        ({"ConfigurationOverrides": {}}, "States.Runtime", "ConfigurationOverrides is not done"),
        ({"JobDriver": {"Hive": {}}}, "States.Runtime", "job driver Hive is not run"),
    ],
)
def test_what_it_does_not_do_is_refused_by_name(
    settings: ServerSettings, application: str, changes: dict[str, Any], error: str, told: str
) -> None:
    with pytest.raises(Exception, match=told) as refused:
        sync(settings, asked(application, **changes))
    assert refused.value.error == error  # type: ignore[attr-defined]


def test_without_sync_nothing_is_started(settings: ServerSettings, application: str) -> None:
    with pytest.raises(Exception, match=r"only emr-serverless:startJobRun\.sync"):
        emr.run(settings, f"arn:aws:states:::{emr.START}", asked(application))


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ("--class Main", "option --class Main"),
        ("--conf spark.archives=s3://a", "property spark.archives"),
        ("--conf spark.emr-serverless.lakeFormation.enabled=true", "lakeFormation"),
    ],
)
def test_an_option_of_spark_that_it_does_not_know_is_refused(parameters: str, told: str) -> None:
    with pytest.raises(command.NotDone, match=told):
        command.parse(parameters)


@pytest.mark.parametrize(
    "properties",
    [
        {**RELEASE, "NetworkConfiguration": {}},
        {**RELEASE, "Type": "HIVE"},
        {**RELEASE, "ReleaseLabel": "emr-7.1.0"},
    ],
)
def test_an_application_that_it_could_not_run_is_refused(properties: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="embedded AWS"):
        applications.create("App", properties, "stack")


def test_the_role_of_the_machine_needs_what_the_guide_lists(application: str) -> None:
    asked_for = emr.permissions_of_run(asked(application))
    assert [action for action, _ in asked_for] == [
        *(f"emr-serverless:{verb}JobRun" for verb in ("Start", "Get", "Cancel")),
        *(f"events:{verb}" for verb in ("PutTargets", "PutRule", "DescribeRule")),
    ]


def test_a_release_runs_in_the_environment_that_has_its_spark(settings: ServerSettings) -> None:
    settings.jars_dir.mkdir()
    for name in ("iceberg-spark-runtime-4.1_2.13-1.11.0", "hadoop-aws-3.4.2", "s3-2.35.0"):
        (settings.jars_dir / f"{name}.jar").touch()
    ours = command.environment_of(BY_LABEL["emr-spark-8.1.0"], settings)
    assert [jar.name for jar in ours.jars] == ["hadoop-aws-3.4.2.jar", "s3-2.35.0.jar"]
    with pytest.raises(FileNotFoundError, match=r"Spark 4\.0\.2 of .* run `make emr`"):
        command.environment_of(BY_LABEL["emr-spark-8.0.0"], settings)
    folder = settings.state_dir / "emr"
    for made in ("python/bin/python", "jars/hadoop-aws-3.4.1.jar"):
        (folder / made).parent.mkdir(parents=True)
        (folder / made).touch()
    theirs = command.environment_of(BY_LABEL["emr-spark-8.0.0"], settings)
    assert theirs.python == folder / "python" / "bin" / "python"
    assert [jar.name for jar in theirs.jars] == ["s3-2.35.0.jar", "hadoop-aws-3.4.1.jar"]


@pytest.fixture
def machine(
    application: str, settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], dict[str, Any]]:
    """Runs job_run by the emulator's interpreter, with this adapter behind its tasks."""
    monkeypatch.setattr(roles, "enforced", lambda: False)
    monkeypatch.setattr(stepfunctions, "_SFN_WAIT_SCALE", 0)
    monkeypatch.setattr(stepfunctions, "_emit_execution_status_event", lambda _: None)
    monkeypatch.setattr(stepfunctions, "_SERVICE_DISPATCH", {})
    monkeypatch.setattr(service_roles, "MORE_PERMISSIONS", {})
    monkeypatch.setattr(emr.step_functions_glue, "STOPPING", [])
    monkeypatch.setattr(job_runs, "ADDED_UP_SECONDS", 0)
    emr.install(settings)
    values = {
        "EmrApplicationId": application, "EmrTimeoutMinutes": "1", "EmrSparkParameters": PARAMETERS,
        "EmrLoadRoleArn": ROLE, "EmrLoadScriptUri": "s3://code/load.py", "EmrLoadArguments": "--environment local",
    }  # fmt: skip
    text = re.sub(r"\$\{(\w+)\}", lambda found: values.get(found[1], found[1]), MACHINE.read_text())
    given = {
        "job": "raw_to_processed",
        "dataset": "d",
        "run_id": "r1",
        "engine": "emr",
        "size_bytes": 5,
    }

    def run() -> dict[str, Any]:
        execution = {
            "executionArn": "arn:e", "stateMachineArn": "arn:m", "name": "e", "status": "RUNNING", "events": [],
            "input": json.dumps(given), "startDate": "2026-01-01T00:00:00Z",
        }  # fmt: skip
        monkeypatch.setattr(service_roles, "current_execution", lambda: execution)
        monkeypatch.setitem(
            stepfunctions._state_machines, "arn:m", {"definition": text, "name": "m"}
        )
        monkeypatch.setitem(stepfunctions._executions, "arn:e", execution)
        stepfunctions._run_execution("arn:e")
        return execution

    return run


def test_the_machine_of_jobs_runs_a_job_here_and_answers_with_its_bill(
    machine: Callable[[], dict[str, Any]], assumed: dict[str, Any]
) -> None:
    ended = machine()
    assert ended["status"] == "SUCCEEDED", ended
    done = JobResult.from_json(json.loads(ended["output"]))
    assert assumed["arguments"] == ["--dataset", "d", "--run_id", "r1", "--environment", "local"]
    assert (done.engine, done.fallback) == ("emr", None)
    assert done.billed is not None
    assert (done.billed.vcpu_seconds, done.worker_seconds) == (241, 60)


def test_the_machine_of_jobs_fails_with_the_record_of_a_job_that_failed_here(
    machine: Callable[[], dict[str, Any]], assumed: dict[str, Any]
) -> None:
    assumed["does"] = "exit 3"
    ended = machine()
    assert (ended["status"], ended["error"]) == ("FAILED", "States.TaskFailed")
    assert json.loads(ended["cause"])["State"] == "FAILED"
