"""AWS::EMRServerless::Application: kept with what decides how its jobs run. What is not known here is refused.

An application starts with its first job and stops when idle; here nothing is started before a job, so its state is
always CREATED. Workers, capacity and architecture are this machine's.
Source: EMR Serverless API reference, Application.
"""

from __future__ import annotations

import hashlib
from typing import Any

from local_cloud.patching import original
from local_cloud.settings import ACCOUNT, REGION
from pipeline.emr_releases import BY_LABEL

PROVISIONERS = "ministack.services.cloudformation.provisioners"
TYPE = "AWS::EMRServerless::Application"
KNOWN = frozenset(
    {
        "Name",
        "Type",
        "ReleaseLabel",
        "Architecture",
        "AutoStartConfiguration",
        "AutoStopConfiguration",
    }
) | {"MaximumCapacity", "MonitoringConfiguration", "Tags"}
Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]

_applications: dict[str, Properties] = {}  # by id


def install() -> None:
    """Register the resource type."""
    original(PROVISIONERS, "_RESOURCE_HANDLERS")[TYPE] = {
        "create": create,
        "update": update,
        "delete": delete,
    }


def find(application_id: str) -> Properties | None:
    """The properties of an application, None when there is none of this id."""
    return _applications.get(application_id)


def arn(application_id: str) -> str:
    """Its ARN. Source: Service Authorization Reference, Amazon EMR Serverless, resource type application."""
    return f"arn:aws:emr-serverless:{REGION}:{ACCOUNT}:/applications/{application_id}"


def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
    """Keep an application. Raises ValueError for what the embedded AWS does not do."""
    _require_known(properties)
    application_id = f"00{hashlib.sha256(f'{stack_name} {logical_id}'.encode()).hexdigest()[:14]}"
    return _keep(application_id, properties)


def update(
    physical_id: str, old: Properties, new: Properties, stack_name: str, logical_id: str = ""
) -> Created:
    """Changed in place; another type is another application."""
    _require_known(new)
    if old.get("Type") != new.get("Type"):
        return create(logical_id, new, stack_name)
    return _keep(physical_id, new)


def delete(physical_id: str, _properties: Properties) -> None:
    """Forget it."""
    _applications.pop(physical_id, None)


def _keep(application_id: str, properties: Properties) -> Created:
    _applications[application_id] = properties
    return application_id, {"ApplicationId": application_id, "Arn": arn(application_id)}


def _require_known(properties: Properties) -> None:
    if unknown := sorted(set(properties) - KNOWN):
        raise ValueError(f"{TYPE}: {', '.join(unknown)} is not done by the embedded AWS")
    if str(properties.get("Type", "")).upper() != "SPARK":
        raise ValueError(f"{TYPE}: only applications of type SPARK are run by the embedded AWS")
    if properties.get("ReleaseLabel") not in BY_LABEL:
        known = ", ".join(BY_LABEL)
        raise ValueError(
            f"{TYPE}: release {properties.get('ReleaseLabel')!r} is not run by the embedded AWS, only {known}"
        )
