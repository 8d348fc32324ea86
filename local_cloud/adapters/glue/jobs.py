"""Glue Spark jobs run with the local Spark, under the job's role, instead of being reported as done.

The run's record, its states and the calls that read it stay the emulator's; starting and stopping are ours.
A job that cannot be run here (another command, no script) fails: never pretend.
"""

from __future__ import annotations

import contextvars
import importlib.util
import json
import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from local_cloud.adapters import roles, spark_process
from local_cloud.adapters.glue import command as spark_command
from local_cloud.instruments import crashes, reused_jvms
from local_cloud.patching import original, replace
from local_cloud.settings import ACCOUNT, REGION, ServerSettings

GLUE = "ministack.services.glue"
TERMINAL_STATES = frozenset({"SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED"})
SECONDS_PER_MINUTE = 60
logger = logging.getLogger("slipway.spark")


@dataclass(kw_only=True)
class ActiveRun:
    """A run that has not ended, and what is needed to end it early."""

    record: dict[str, Any]
    ended: threading.Event = field(default_factory=threading.Event)
    process: subprocess.Popen[bytes] | None = None
    jvm: reused_jvms.ReusedJvm | None = None  # where runs share one
    stop_state: str = ""  # set by a stop or a timeout: the state the run then ends in


_active: dict[str, ActiveRun] = {}


def install(settings: ServerSettings) -> None:
    """Replace the emulator's start and stop of job runs."""
    replace(GLUE, "_start_job_run", lambda _: lambda data: start_job_run(settings, data))
    replace(GLUE, "_batch_stop_job_run", lambda _: batch_stop_job_run)
    replace(GLUE, "_create_job", _keep_concurrency)
    crashes.job_processes.append(process_groups)


def wait_for(run_id: str, seconds: float) -> dict[str, Any] | None:
    """The record of a run once it has ended, None while it has not; waits at most `seconds`."""
    active = _active[run_id]
    return active.record if active.ended.wait(seconds) else None


def stop(run_id: str, state: str = "STOPPED") -> None:
    """End a run early, with its processes."""
    active = _active[run_id]
    if not active.ended.is_set():
        active.stop_state = state
        active.record["JobRunState"] = "STOPPING"
        if active.process is not None:
            active.process.terminate()  # its lifeline kills Spark with it


def process_groups(role: str) -> list[int]:
    """The process groups of the Spark runs that go on under a role, by its name."""
    jobs, groups = original(GLUE, "_jobs"), []
    for active in list(_active.values()):
        under_role = jobs[active.record["JobName"]]["Role"].endswith(f"/{role}")
        if under_role and active.process is not None and not active.ended.is_set():
            lifeline = [
                "ps",
                "-o",
                "pid=",
                "--ppid",
                str(active.process.pid),
            ]  # gives its command a group of its own
            listed = subprocess.run(lifeline, capture_output=True, text=True, check=False)
            groups += [
                *([active.jvm.process.pid] if active.jvm else []),
                *map(int, listed.stdout.split()),
            ]
    return groups


def start_job_run(settings: ServerSettings, data: dict[str, Any]) -> Any:
    """Glue's StartJobRun."""
    name = str(data.get("JobName"))
    job = original(GLUE, "_jobs").get(name)
    if job is None:
        return _refused(
            "EntityNotFoundException",
            f"Failed to start job run due to missing metadata. Job {name}",
        )
    running = [a for a in _active.values() if a.record["JobName"] == name and not a.ended.is_set()]
    if len(running) >= int(job.get("ExecutionProperty", {}).get("MaxConcurrentRuns", 1)):
        return _refused("ConcurrentRunsExceededException", f"Concurrent runs exceeded for {name}")
    record = _new_record(job, data)
    original(GLUE, "_job_runs").setdefault(name, []).append(record)
    active = _active[record["Id"]] = ActiveRun(record=record)
    run_here = (
        contextvars.copy_context().run
    )  # the emulator keeps account and region in context variables
    threading.Thread(
        target=run_here, args=(_run, settings, job, active), name=record["Id"], daemon=True
    ).start()
    return original(GLUE, "json_response")({"JobRunId": record["Id"]})


def batch_stop_job_run(data: dict[str, Any]) -> Any:
    """Glue's BatchStopJobRun."""
    name, stopped, errors = data["JobName"], [], []
    for run_id in data.get("JobRunIds", []):
        active = _active.get(run_id)
        if active is None or active.ended.is_set():
            detail = {
                "ErrorCode": "InvalidInputException",
                "ErrorMessage": f"run {run_id} is not running",
            }
            errors.append({"JobName": name, "JobRunId": run_id, "ErrorDetail": detail})
            continue
        stop(run_id)
        stopped.append({"JobName": name, "JobRunId": run_id})
    return original(GLUE, "json_response")({"SuccessfulSubmissions": stopped, "Errors": errors})


def _run(settings: ServerSettings, job: dict[str, Any], active: ActiveRun) -> None:
    record = active.record
    try:
        record["JobRunState"] = "RUNNING"
        state, message = _execute(settings, job, active)
    except Exception as exc:  # the run's record is where every cause of a failed run belongs
        logger.exception("Glue run %s could not be started", record["Id"])
        state, message = "FAILED", f"{type(exc).__name__}: {exc}"
    now = int(time.time())
    record.update(
        JobRunState=active.stop_state or state,
        ErrorMessage=message,
        CompletedOn=now,
        LastModifiedOn=now,
    )
    record["ExecutionTime"] = now - record["StartedOn"]
    logger.info(
        "Glue run %s of %s: %s %s", record["Id"], job["Name"], record["JobRunState"], message[:200]
    )
    _tell(record)
    active.ended.set()


def _tell(record: dict[str, Any]) -> None:
    """The event of a run that has ended. Source: Glue developer guide, "AWS Glue events", job state change."""
    state = record["JobRunState"]
    detail = {
        "jobName": record["JobName"],
        "severity": {"FAILED": "ERROR", "TIMEOUT": "WARN"}.get(state, "INFO"),
        "state": state,
        "jobRunId": record["Id"],
        "message": record["ErrorMessage"] or f"Job run {state.lower()}",
    }
    entry = {
        "Source": "aws.glue",
        "DetailType": "Glue Job State Change",
        "Detail": json.dumps(detail),
        "Resources": [],
    }
    original("ministack.services.eventbridge", "_put_events")(
        {"Entries": [entry]}, allow_aws_source=True
    )


def _execute(settings: ServerSettings, job: dict[str, Any], active: ActiveRun) -> tuple[str, str]:
    run_id = active.record["Id"]
    if job["Command"].get("Name") != "glueetl":
        raise ValueError(
            f"job command {job['Command'].get('Name')!r} is not run by the embedded AWS, only 'glueetl'"
        )
    job_arn = f"arn:aws:glue:{REGION}:{ACCOUNT}:job/{job['Name']}"
    session = roles.assume(
        job["Role"],
        f"GlueJobRunnerSession-{run_id[-24:]}",
        "glue.amazonaws.com",
        source_arn=job_arn,
    )
    credentials = session.environment()
    arguments = active.record["Arguments"]
    folder = settings.state_dir / "spark" / run_id
    s3 = spark_process.s3_client(settings, credentials)
    script = spark_process.download(s3, job["Command"]["ScriptLocation"], folder)
    extra = [uri for uri in arguments.get("--extra-py-files", "").split(",") if uri]
    packages = [spark_process.download(s3, uri.strip(), folder) for uri in extra]
    log_path = settings.logs_dir / f"{run_id}.log"
    environment = spark_process.environment(settings, credentials, Path(sys.executable)) | {
        "SLIPWAY_DRIVER_LOG": str(log_path.resolve())
    }
    if reused_jvms.wanted:
        command = _in_reused_jvm(settings, active, script, packages)
        environment |= _of_reused_jvm(settings, active, packages)
    else:
        command = spark_command.spark_submit(settings, arguments, script, packages, _jars(settings))
    code = _submit(command, environment, log_path, active, _timeout_seconds(job))
    if active.jvm:
        reused_jvms.give_back(active.jvm) if code == 0 else active.jvm.kill()
    if code == 0:
        return "SUCCEEDED", ""
    return "FAILED", spark_command.error_message(log_path.read_text("utf-8", "replace"), code)


def _in_reused_jvm(
    settings: ServerSettings, active: ActiveRun, script: Path, packages: list[Path]
) -> list[str]:
    """The command line of a run's own driver."""
    arguments = active.record["Arguments"]
    properties = script.with_name("properties.json")
    properties.write_text(
        json.dumps(spark_command.reused_properties(settings, arguments, packages)), encoding="utf-8"
    )
    driver = spark_command.DRIVER_PYTHON, spark_command.REUSED_DRIVER, properties, script
    return [*map(str, driver), *spark_command.script_arguments(arguments)]


def _of_reused_jvm(
    settings: ServerSettings, active: ActiveRun, packages: list[Path]
) -> dict[str, str]:
    """Takes a JVM for the run; the variables by which its driver finds the JVM and the job's packages."""
    start = spark_command.reused_jvm(settings, _jars(settings))
    active.jvm = reused_jvms.take(
        start,
        spark_process.environment(settings, {}, Path(sys.executable)),
        settings.logs_dir / "reused_jvm.log",
    )
    return {**active.jvm.environment(), "PYTHONPATH": os.pathsep.join(map(str, packages))}


def _submit(
    command: list[str], env: dict[str, str], log_path: Path, active: ActiveRun, timeout_seconds: int
) -> int:
    active.process = spark_process.start(command, env, log_path)
    if active.stop_state:  # stopped between the check and the start
        active.process.terminate()
    try:
        return active.process.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        stop(active.record["Id"], "TIMEOUT")
        return active.process.wait()
    finally:
        if active.process.stdin:
            active.process.stdin.close()


def _jars(settings: ServerSettings) -> list[Path]:
    jars = sorted(settings.jars_dir.glob("*.jar"))
    if not jars:
        raise FileNotFoundError(
            f"no jars in {settings.jars_dir}: `make setup` fetches Spark's Iceberg and S3 libraries"
        )
    spark = importlib.util.find_spec("pyspark")
    if spark is None or spark.origin is None:
        raise FileNotFoundError("pyspark is not installed: run `make setup`")
    return spark_command.needed_jars(
        jars, sorted((Path(spark.origin).parent / "jars").glob("*.jar"))
    )


def _timeout_seconds(job: dict[str, Any]) -> int:
    return (
        int(job.get("Timeout") or 480) * SECONDS_PER_MINUTE
    )  # 480 minutes is the default since Glue 5.0


def _new_record(job: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    run_id = f"jr_{uuid4().hex}{uuid4().hex}"
    now = int(time.time())
    arguments = spark_command.merged_arguments(
        job.get("DefaultArguments", {}),
        data.get("Arguments", {}),
        job_name=job["Name"],
        run_id=run_id,
    )
    capacity = job.get("MaxCapacity") or job.get("NumberOfWorkers", 2)
    return {
        "Id": run_id,
        "Attempt": 0,
        "JobName": job["Name"],
        "StartedOn": now,
        "LastModifiedOn": now,
        "JobRunState": "STARTING",
        "Arguments": arguments,
        "ErrorMessage": "",
        "PredecessorRuns": [],
        "AllocatedCapacity": capacity,
        "ExecutionTime": 0,
        "Timeout": job.get("Timeout", 480),
        "MaxCapacity": float(capacity),
        "WorkerType": job.get("WorkerType", "G.1X"),
        "NumberOfWorkers": job.get("NumberOfWorkers", 2),
        "LogGroupName": "/aws-glue/jobs",
        "GlueVersion": job.get("GlueVersion", "5.0"),
    }


def _refused(code: str, message: str) -> Any:
    return original(GLUE, "error_response_json")(code, message, 400)


def _keep_concurrency(create: Any) -> Any:
    """CreateJob forgets ExecutionProperty, which decides how many runs may go on at once."""

    def create_job(data: dict[str, Any]) -> Any:
        response = create(data)
        job = original(GLUE, "_jobs").get(data.get("Name"))
        if job is not None and "ExecutionProperty" in data:
            job["ExecutionProperty"] = data["ExecutionProperty"]
        return response

    return create_job
