"""StartJobRun, GetJobRun and CancelJobRun of EMR Serverless, as Step Functions' integrations show them.

A run is Spark of the release's version in local mode, under the job's execution role, with the code that the job names.
There is one worker here, the driver, and what is billed is what EMR Serverless would bill for that one. Another driver
than sparkSubmit, and every parameter that is not known here, is refused by name.
Source: EMR Serverless API reference, StartJobRun, JobRun; user guide, "Job run states".
"""

from __future__ import annotations

import contextvars
import json
import logging
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from local_cloud.adapters import roles, spark_process
from local_cloud.adapters.emr import applications, command
from local_cloud.adapters.glue.command import error_message
from local_cloud.patching import original
from local_cloud.settings import ServerSettings
from pipeline.emr_releases import BY_LABEL

SERVICE = "emr-serverless.amazonaws.com"
KNOWN = frozenset(
    {
        "ApplicationId",
        "ExecutionRoleArn",
        "Name",
        "ExecutionTimeoutMinutes",
        "JobDriver",
        "ClientToken",
    }
)
OF_SPARK = frozenset({"EntryPoint", "EntryPointArguments", "SparkSubmitParameters"})
DEFAULT_TIMEOUT_MINUTES = 12 * 60
SECONDS_PER_MINUTE, SECONDS_PER_HOUR = 60, 60 * 60
LEAST_BILLED_SECONDS = 60  # of a worker
WORKER_VCPUS, WORKER_MEMORY_GB = (
    4,
    16,
)  # of the default driver, which is also what the product asks for
ADDED_UP_SECONDS = 5  # after the end; until then what was billed is 0
TERMINAL_STATES = frozenset({"SUCCESS", "FAILED", "CANCELLED"})
logger = logging.getLogger("slipway.emr")


class Refused(Exception):
    """A request that EMR Serverless refuses; `code` is its error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(kw_only=True)
class Run:
    """A job run: its record as JobRun has it, and what is needed to end it early."""

    record: dict[str, Any]
    began: float = field(default_factory=time.time)
    ended_at: float | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    process: subprocess.Popen[bytes] | None = None
    cancelled: str = ""  # why, once somebody or the timeout has cancelled it


_runs: dict[str, Run] = {}


def start(settings: ServerSettings, given: dict[str, Any]) -> dict[str, Any]:
    """StartJobRun. Raises Refused as EMR Serverless does, NotDone for what only the real one does."""
    application = applications.find(str(given.get("ApplicationId")))
    if application is None:
        raise Refused(
            "ResourceNotFoundException", f"Application {given.get('ApplicationId')} does not exist"
        )
    spark = _spark_of(given)
    run = Run(record=_record(given, application))
    _runs[run.record["JobRunId"]] = run
    # The emulator keeps account and region in context variables.
    work = (contextvars.copy_context().run, _run, settings, run, spark)
    threading.Thread(
        target=work[0], args=work[1:], name=run.record["JobRunId"], daemon=True
    ).start()
    return {key: run.record[key] for key in ("ApplicationId", "Arn", "JobRunId")}


def get(given: dict[str, Any]) -> dict[str, Any]:
    """GetJobRun, as the SDK's integration shows it: {"JobRun": {...}}."""
    return {"JobRun": shown(_found(given))}


def cancel(given: dict[str, Any], why: str = "cancelled by CancelJobRun") -> None:
    """CancelJobRun: the run ends with its processes."""
    run = _found(given)
    if not run.ended.is_set():
        run.cancelled = why
        run.record["State"] = "CANCELLING"
        if run.process is not None:
            run.process.terminate()  # its lifeline kills Spark with it


def wait_for(job_run_id: str, seconds: float) -> dict[str, Any] | None:
    """The record of a run once it has ended, None while it has not; waits at most `seconds`."""
    run = _runs[job_run_id]
    return shown(run) if run.ended.wait(seconds) else None


def shown(run: Run) -> dict[str, Any]:
    """The record with what is billed, which is added up some seconds after the end."""
    is_known = run.ended_at is not None and time.time() >= run.ended_at + ADDED_UP_SECONDS
    seconds = float(run.record.get("TotalExecutionDurationSeconds", 0)) if is_known else 0.0
    billed = max(seconds, LEAST_BILLED_SECONDS) / SECONDS_PER_HOUR if is_known else 0.0
    return run.record | {
        "BilledResourceUtilization": _of_one_worker(billed),
        "TotalResourceUtilization": _of_one_worker(seconds / SECONDS_PER_HOUR),
    }


def _of_one_worker(hours: float) -> dict[str, float]:
    amounts = {"VCPUHour": WORKER_VCPUS, "MemoryGBHour": WORKER_MEMORY_GB, "StorageGBHour": 0}
    return {name: round(amount * hours, 3) for name, amount in amounts.items()}


def _found(given: dict[str, Any]) -> Run:
    run = _runs.get(str(given.get("JobRunId")))
    if run is None or run.record["ApplicationId"] != given.get("ApplicationId"):
        raise Refused(
            "ResourceNotFoundException", f"Job run {given.get('JobRunId')} does not exist"
        )
    return run


def _spark_of(given: dict[str, Any]) -> dict[str, Any]:
    """The Spark job of a request. Raises NotDone for anything else in it."""
    if unknown := sorted(set(given) - KNOWN):
        raise command.NotDone(f"StartJobRun: {', '.join(unknown)} is not done by the embedded AWS")
    driver = given.get("JobDriver", {})
    if set(driver) != {"SparkSubmit"}:
        raise command.NotDone(
            f"StartJobRun: job driver {', '.join(driver) or 'none'} is not run by the embedded AWS, only SparkSubmit"
        )
    spark: dict[str, Any] = driver["SparkSubmit"]
    if unknown := sorted(set(spark) - OF_SPARK):
        raise command.NotDone(f"SparkSubmit: {', '.join(unknown)} is not done by the embedded AWS")
    command.parse(spark.get("SparkSubmitParameters", ""))
    return spark


def _record(given: dict[str, Any], application: dict[str, Any]) -> dict[str, Any]:
    job_run_id = f"00{uuid4().hex[:14]}"
    application_id = given["ApplicationId"]
    return {
        "ApplicationId": application_id,
        "JobRunId": job_run_id,
        "Arn": f"{applications.arn(application_id)}/jobruns/{job_run_id}",
        "Name": given.get("Name", ""),
        "ExecutionRole": given["ExecutionRoleArn"],
        "ReleaseLabel": application["ReleaseLabel"],
        "State": "SUBMITTED",
        "StateDetails": "",
        "JobDriver": given["JobDriver"],
        "ExecutionTimeoutMinutes": int(
            given.get("ExecutionTimeoutMinutes", DEFAULT_TIMEOUT_MINUTES)
        ),
    }


def _run(settings: ServerSettings, run: Run, spark: dict[str, Any]) -> None:
    record = run.record
    try:
        record["State"] = "RUNNING"
        code, log = execute(settings, run, spark)
        state, details = ("SUCCESS", "") if code == 0 else ("FAILED", _details(code, log))
    except Exception as exc:  # the run's record is where every cause of a failed run belongs
        logger.exception("job run %s could not be carried out", record["JobRunId"])
        state, details = "FAILED", f"Job failed: {type(exc).__name__}: {exc}"
    if run.cancelled:
        state, details = "CANCELLED", run.cancelled
    run.ended_at = time.time()
    record.update(
        State=state,
        StateDetails=details,
        TotalExecutionDurationSeconds=int(run.ended_at - run.began),
    )
    logger.info("job run %s (%s): %s %s", record["JobRunId"], record["Name"], state, details[:200])
    _tell(record)
    run.ended.set()


def _tell(record: dict[str, Any]) -> None:
    """The event of a job run that has ended; those of states before are not sent.

    Source: EMR Serverless user guide, "Automating EMR Serverless with Amazon EventBridge", job run state change events.
    """
    detail = {
        "jobRunId": record["JobRunId"],
        "applicationId": record["ApplicationId"],
        "arn": record["Arn"],
        "releaseLabel": record["ReleaseLabel"],
        "state": record["State"],
        "previousState": "CANCELLING" if record["State"] == "CANCELLED" else "RUNNING",
    }
    entry = {
        "Source": "aws.emr-serverless",
        "DetailType": "EMR Serverless Job Run State Change",
        "Detail": json.dumps(detail),
        "Resources": [],
    }
    original("ministack.services.eventbridge", "_put_events")(
        {"Entries": [entry]}, allow_aws_source=True
    )


def _details(code: int, log: str) -> str:
    return (
        "Job failed, please check complete logs in configured logging destination."
        f" ExitCode: {code}. Last few exceptions: {error_message(log, code)}"
    )


def execute(settings: ServerSettings, run: Run, spark: dict[str, Any]) -> tuple[int, str]:
    """Exit code and log of the Spark process."""
    record = run.record
    session = roles.assume(
        record["ExecutionRole"],
        f"EMR-Serverless-{record['JobRunId']}",
        SERVICE,
        source_arn=applications.arn(record["ApplicationId"]),
    )
    credentials = session.environment()
    environment = command.environment_of(BY_LABEL[record["ReleaseLabel"]], settings)
    submission = command.parse(spark.get("SparkSubmitParameters", ""))
    folder, s3 = (
        settings.state_dir / "emr" / record["JobRunId"],
        spark_process.s3_client(settings, credentials),
    )
    line = command.spark_submit(
        settings,
        environment,
        submission,
        script=spark_process.download(s3, spark["EntryPoint"], folder),
        py_files=[spark_process.download(s3, uri, folder) for uri in submission.py_files],
        jars=[spark_process.download(s3, uri, folder) for uri in submission.jars],
        arguments=[str(word) for word in spark.get("EntryPointArguments", [])],
    )
    log_path = settings.logs_dir / f"{record['JobRunId']}.log"
    variables = spark_process.environment(settings, credentials, environment.python) | {
        "SLIPWAY_DRIVER_LOG": str(log_path.resolve())
    }
    code = _carried_out(run, line, variables, log_path)
    return code, log_path.read_text("utf-8", "replace")


def _carried_out(run: Run, line: list[str], variables: dict[str, str], log_path: Any) -> int:
    process = run.process = spark_process.start(line, variables, log_path)
    if run.cancelled:  # between the check and the start
        process.terminate()
    try:
        return process.wait(run.record["ExecutionTimeoutMinutes"] * SECONDS_PER_MINUTE)
    except subprocess.TimeoutExpired:
        cancel(run.record, "the job run took longer than its executionTimeoutMinutes")
        return process.wait()
    finally:
        if process.stdin:
            process.stdin.close()
