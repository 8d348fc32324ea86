"""What a request may hold: everything that has an effect here, or is true here anyway. The rest is refused by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlparse

# Jobs and models: up to 63 letters, digits and hyphens. Source: SageMaker API reference, CreateTrainingJob.
NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
IMAGE = re.compile(
    r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/sagemaker-scikit-learn:[\w.-]+-cpu-py3"
)
S3_SOURCE = {"S3DataType", "S3Uri", "S3DataDistributionType"}
KNOWN: Mapping[str, set[str]] = {
    "CreateTrainingJob": {
        *("TrainingJobName", "RoleArn", "AlgorithmSpecification", "HyperParameters"),
        *("InputDataConfig", "OutputDataConfig", "ResourceConfig", "StoppingCondition"),
        *("EnableNetworkIsolation", "Tags"),
    },
    "CreateModel": {
        *("ModelName", "ExecutionRoleArn", "PrimaryContainer", "EnableNetworkIsolation", "Tags"),
    },
    "CreateTransformJob": {
        *("TransformJobName", "ModelName", "BatchStrategy", "MaxPayloadInMB", "TransformInput"),
        *("TransformOutput", "TransformResources", "Tags"),
    },
    "AlgorithmSpecification": {"TrainingImage", "TrainingInputMode", "MetricDefinitions"},
    "channel": {"ChannelName", "ContentType", "InputMode", "DataSource"},
    "S3DataSource": S3_SOURCE,
    "OutputDataConfig": {"S3OutputPath", "KmsKeyId"},
    "ResourceConfig": {"InstanceType", "InstanceCount", "VolumeSizeInGB", "VolumeKmsKeyId"},
    "StoppingCondition": {"MaxRuntimeInSeconds"},
    "PrimaryContainer": {"Image", "ModelDataUrl", "Environment"},
    "TransformInput": {"ContentType", "SplitType", "DataSource"},
    "TransformOutput": {"S3OutputPath", "Accept", "AssembleWith", "KmsKeyId"},
    "TransformResources": {"InstanceType", "InstanceCount", "VolumeKmsKeyId"},
}
Request = Mapping[str, Any]


class Refused(Exception):
    """A request that SageMaker would refuse, or that is not done here; `code` is the error's name."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def invalid(message: str) -> Refused:
    """A request that cannot be carried out."""
    return Refused("ValidationException", message)


def require_known(kind: str, given: Request) -> None:
    """Raises Refused for a field that would have to do something and does nothing here."""
    if unknown := sorted(given.keys() - KNOWN[kind]):
        raise invalid(f"{kind}: {', '.join(unknown)} is not emulated by the embedded AWS")


def require_name(field: str, given: Request) -> str:
    """The name of what is to be made."""
    name = str(given.get(field, ""))
    if not NAME.fullmatch(name):
        raise invalid(f"{field} is {name!r}; expected up to 63 letters, digits and hyphens")
    return name


def require_image(uri: object) -> None:
    """Raises Refused for an image other than AWS's published one of scikit-learn."""
    if not IMAGE.fullmatch(str(uri)):
        raise invalid(
            f"image {uri!r} is not run by the embedded AWS, only AWS's sagemaker-scikit-learn in script mode"
        )


def require_one_instance(kind: str, resources: Request) -> None:
    """Raises Refused for more than one machine."""
    require_known(kind, resources)
    if resources.get("InstanceCount") != 1:
        raise invalid(f"{kind}: InstanceCount is {resources.get('InstanceCount')!r}; here it is 1")
    if not str(resources.get("InstanceType", "")).startswith("ml."):
        raise invalid(f"{kind}: InstanceType is {resources.get('InstanceType')!r}")


def source_of(data_source: Request) -> tuple[str, str]:
    """Bucket and prefix of input. Raises Refused for another kind of source than S3Prefix."""
    source = data_source.get("S3DataSource") or {}
    require_known("S3DataSource", source)
    if (
        source.get("S3DataType") != "S3Prefix"
        or source.get("S3DataDistributionType", "FullyReplicated") != "FullyReplicated"
    ):
        raise invalid(f"S3DataSource is {dict(source)}; here it is a fully replicated S3Prefix")
    return place_of(source.get("S3Uri"))


def place_of(uri: object) -> tuple[str, str]:
    """Bucket and key of an s3:// address."""
    found = urlparse(str(uri))
    if found.scheme != "s3" or not found.netloc:
        raise invalid(f"{uri!r} is not an s3:// address")
    return found.netloc, found.path.lstrip("/")
