"""Jobs of both kinds: made, run in a thread of their own, described, stopped; and the models that transforms use."""

from __future__ import annotations

import contextvars
import logging
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local_cloud.adapters import roles
from local_cloud.adapters.sagemaker import requests
from local_cloud.adapters.sagemaker.container import Container
from local_cloud.adapters.sagemaker.requests import Refused, Request, invalid
from local_cloud.settings import ACCOUNT, REGION, ServerSettings

SERVICE = "sagemaker.amazonaws.com"
ENDED = frozenset({"Completed", "Failed", "Stopped"})
logger = logging.getLogger("slipway.sagemaker")


@dataclass(kw_only=True)
class Job:
    """A training or transform job; `record` is what Describe shows."""

    kind: str  # Training or Transform
    record: dict[str, Any]
    container: Container
    role: str
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        """Name of the job."""
        return str(self.record[f"{self.kind}JobName"])

    @property
    def arn(self) -> str:
        """As IAM names it."""
        return str(self.record[f"{self.kind}JobArn"])

    @property
    def status(self) -> str:
        """InProgress, Stopping, or how it ended."""
        return str(self.record[f"{self.kind}JobStatus"])

    def end(self, status: str, reason: str = "") -> None:
        """Write down how it ended. A job that was stopped has ended so, whatever its process did."""
        if self.container.stopped.is_set():
            status, reason = "Stopped", ""
        now = time.time()
        self.record |= {
            f"{self.kind}JobStatus": status,
            "LastModifiedTime": now,
            f"{self.kind}EndTime": now,
            **({"FailureReason": reason} if reason else {}),
        }
        if self.kind == "Training":
            self.record["SecondaryStatus"] = status
        logger.info("%s job %s: %s %s", self.kind, self.name, status, reason[:200])
        self.ended.set()


jobs: dict[tuple[str, str], Job] = {}  # by kind and name
models: dict[str, dict[str, Any]] = {}
_lock = threading.Lock()


def arn(kind: str, name: str) -> str:
    """ARN of a training-job, transform-job or model."""
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name}"


def started(
    settings: ServerSettings,
    kind: str,
    given: Request,
    role: str,
    work: Callable[[Job, roles.Session], None],
) -> Job:
    """A new job, whose work goes on in a thread under a session of its role.

    Raises Refused where the name is taken, or SageMaker may not assume the role.
    """
    name = requests.require_name(f"{kind}JobName", given)
    job_arn = arn(f"{kind.lower()}-job", name)
    session = _session(role, name, job_arn)
    folder = settings.state_dir / "sagemaker" / f"{kind.lower()}-{name}"
    now = time.time()
    record = {
        **given,
        f"{kind}JobArn": job_arn,
        f"{kind}JobStatus": "InProgress",
        "CreationTime": now,
        f"{kind}StartTime": now,
        "LastModifiedTime": now,
    }
    if kind == "Training":
        record["SecondaryStatus"] = "Training"
    log = settings.logs_dir / f"sagemaker-{kind.lower()}-{name}.log"
    with _lock:
        if (kind, name) in jobs:
            raise Refused(
                "ResourceInUse", f"{kind} job names must be unique: {name} exists already"
            )
        container = Container(root=_empty(folder), log=log)
        job = jobs[kind, name] = Job(kind=kind, record=record, container=container, role=role)
    run_here = contextvars.copy_context().run
    threading.Thread(
        target=run_here, args=(_carry_out, job, session, work), name=name, daemon=True
    ).start()
    return job


def _empty(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _session(role: str, name: str, source_arn: str) -> roles.Session:
    try:
        return roles.assume(role, f"SageMaker-{name}", SERVICE, source_arn=source_arn)
    except roles.AccessDenied as error:
        raise invalid(f"Could not assume role {role}: {error}") from error


def _carry_out(
    job: Job, session: roles.Session, work: Callable[[Job, roles.Session], None]
) -> None:
    try:
        work(job, session)
    except subprocess.TimeoutExpired:
        job.record["SecondaryStatus"] = "MaxRuntimeExceeded"
        job.container.stopped.set()
        job.end("Stopped")
    except (ClientError, FileNotFoundError, Refused) as error:
        job.end("Failed", f"ClientError: {error}")
    except Exception as error:  # a thread of its own: every cause belongs into the job's record
        logger.exception("%s job %s failed", job.kind, job.name)
        job.end("Failed", f"InternalServerError: {type(error).__name__}: {error}")
    else:
        job.end("Completed")


def found(kind: str, name: str) -> Job:
    """A job by name. Raises Refused where there is none."""
    job = jobs.get((kind, name))
    if job is None:
        raise invalid(f"Requested resource not found: {kind.lower()} job {name}")
    return job


def stop(job: Job) -> None:
    """End a job early. Raises Refused for one that has ended."""
    if job.ended.is_set():
        raise invalid(f"{job.kind} job {job.name} is {job.status} and cannot be stopped")
    job.record[f"{job.kind}JobStatus"] = "Stopping"
    job.container.stop()


def create_model(given: Request) -> dict[str, Any]:
    """CreateModel. Raises Refused."""
    requests.require_known("CreateModel", given)
    name, container = requests.require_name("ModelName", given), given.get("PrimaryContainer") or {}
    requests.require_known("PrimaryContainer", container)
    requests.require_image(container.get("Image"))
    requests.place_of(container.get("ModelDataUrl"))
    environment = container.get("Environment") or {}
    for needed in ("SAGEMAKER_PROGRAM", "SAGEMAKER_SUBMIT_DIRECTORY"):
        if needed not in environment:
            raise invalid(f"PrimaryContainer.Environment has no {needed}, which script mode needs")
    _session(str(given.get("ExecutionRoleArn")), name, arn("model", name))
    with _lock:
        if name in models:
            raise invalid(f"Cannot create already existing model {arn('model', name)!r}")
        models[name] = {**given, "ModelArn": arn("model", name), "CreationTime": time.time()}
    return {"ModelArn": arn("model", name)}


def model_named(name: str) -> dict[str, Any]:
    """DescribeModel. Raises Refused where there is none."""
    if name not in models:
        raise invalid(f"Could not find model {arn('model', name)!r}")
    return dict(models[name])


def delete_model(name: str) -> None:
    """DeleteModel. Raises Refused where there is none."""
    model_named(name)
    del models[name]
