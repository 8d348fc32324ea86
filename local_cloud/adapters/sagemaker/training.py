"""CreateTrainingJob: channels in, the script with its hyperparameters, archives out, metrics from what it printed."""

from __future__ import annotations

import re
import time
from typing import Any

from local_cloud.adapters import roles
from local_cloud.adapters.sagemaker import jobs, requests
from local_cloud.adapters.sagemaker.files import files_of
from local_cloud.adapters.sagemaker.jobs import Job
from local_cloud.adapters.sagemaker.requests import Request, invalid
from local_cloud.settings import ServerSettings

DEFAULT_SECONDS = (
    24 * 60 * 60
)  # of MaxRuntimeInSeconds. Source: SageMaker API reference, StoppingCondition


class AlgorithmFailed(Exception):
    """The script ended with an error; the text is FailureReason."""


def create(settings: ServerSettings, given: Request) -> dict[str, Any]:
    """Begin a job. Raises Refused."""
    _check(given)

    def work(job: Job, session: roles.Session) -> None:
        try:
            _train(settings, job, session)
        except AlgorithmFailed as error:
            job.end("Failed", f"AlgorithmError: {error}")

    role = str(given.get("RoleArn"))
    return {"TrainingJobArn": jobs.started(settings, "Training", given, role, work).arn}


def _check(given: Request) -> None:
    requests.require_known("CreateTrainingJob", given)
    for field in ("AlgorithmSpecification", "OutputDataConfig", "StoppingCondition"):
        requests.require_known(field, given.get(field) or {})
    algorithm = given.get("AlgorithmSpecification") or {}
    requests.require_image(algorithm.get("TrainingImage"))
    if algorithm.get("TrainingInputMode") != "File":
        raise invalid("TrainingInputMode: only File is emulated by the embedded AWS")
    requests.require_one_instance("ResourceConfig", given.get("ResourceConfig") or {})
    requests.place_of((given.get("OutputDataConfig") or {}).get("S3OutputPath"))
    for channel in given.get("InputDataConfig") or []:
        requests.require_known("channel", channel)
        requests.source_of(channel.get("DataSource") or {})
    for needed in ("sagemaker_program", "sagemaker_submit_directory"):
        if needed not in (given.get("HyperParameters") or {}):
            raise invalid(f"HyperParameters has no {needed}, which script mode needs")
    if wrong := [v for v in given["HyperParameters"].values() if not isinstance(v, str)]:
        raise invalid(f"HyperParameters are texts, found {wrong[0]!r}")


def _train(settings: ServerSettings, job: Job, session: roles.Session) -> None:
    given, container = job.record, job.container
    channels, hyperparameters = given.get("InputDataConfig") or [], given["HyperParameters"]
    output = given["OutputDataConfig"]
    files = files_of(settings, session, output.get("KmsKeyId"))
    container.lay_out(channels, hyperparameters)
    for channel in channels:
        bucket, prefix = requests.source_of(channel["DataSource"])
        files.bring(bucket, prefix, container.channel(channel["ChannelName"]))
    container.unpack_code(str(_plain(hyperparameters["sagemaker_submit_directory"])))
    seconds = given["StoppingCondition"].get("MaxRuntimeInSeconds", DEFAULT_SECONDS)
    names = [str(channel["ChannelName"]) for channel in channels]
    code = container.train(job.name, names, hyperparameters, float(seconds))
    place = f"{str(output['S3OutputPath']).rstrip('/')}/{job.name}/output/"
    files.pack(container.output_data, f"{place}output.tar.gz")
    if container.stopped.is_set():
        return
    if code:
        raise AlgorithmFailed(container.failure_reason(code))
    files.pack(container.model, f"{place}model.tar.gz")
    job.record |= {
        "ModelArtifacts": {"S3ModelArtifacts": f"{place}model.tar.gz"},
        "FinalMetricDataList": _metrics(given, container.printed()),
    }


def _plain(value: str) -> str:
    return value.strip('"')  # script mode's JSON text


def _metrics(given: Request, printed: str) -> list[dict[str, Any]]:
    """The last value of each metric, as its regular expression finds it."""
    metrics = []
    for definition in given["AlgorithmSpecification"].get("MetricDefinitions") or []:
        if values := re.findall(definition["Regex"], printed):
            metrics.append(
                {
                    "MetricName": definition["Name"],
                    "Value": float(values[-1]),
                    "Timestamp": time.time(),
                }
            )
    return metrics
