"""AWS::RedshiftServerless::Namespace and ::Workgroup: real databases, with what has no effect here said at deployment.

Return values: Ref is the name. Source: CloudFormation template reference of both types. The ARN of the admin's secret
is none of them there (aws/aws-cdk issue 29930), so it is none here: stacks look it up by a custom resource, which is
answered here without its function.
"""

from __future__ import annotations

import json
from typing import Any

from local_cloud.adapters.redshift import serverless as redshift_serverless
from local_cloud.adapters.redshift.serverless import Namespace, Workgroup
from local_cloud.instruments import recorded_types
from local_cloud.patching import original
from local_cloud.settings import ServerSettings

PROVISIONERS = "ministack.services.cloudformation.provisioners"
WITHOUT_EFFECT = (
    "Redshift capacity and network",
    "Redshift DISTSTYLE, DISTKEY, SORTKEY, ENCODE, BACKUP",
    "Redshift GRANT, REVOKE, users",
    "Redshift audit logs",
)
SETTINGS = {
    "BaseCapacity": "baseCapacity",
    "MaxCapacity": "maxCapacity",
    "EnhancedVpcRouting": "enhancedVpcRouting",
    "PubliclyAccessible": "publiclyAccessible",
    "SecurityGroupIds": "securityGroupIds",
    "SubnetIds": "subnetIds",
}
LOOK_UP = "Custom::RedshiftAdminSecret"
SECRET = "adminPasswordSecretArn"  # noqa: S105 - its place in an answer, no secret
Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]


def install(settings: ServerSettings) -> None:
    """Add both types to the emulator's registry."""

    def create_namespace(_logical_id: str, properties: Properties, _stack: str) -> Created:
        namespace = redshift_serverless.create_namespace(settings, properties)
        recorded_types.recorded.update(WITHOUT_EFFECT)
        return namespace.name, _namespace_values(namespace)

    handlers = original(PROVISIONERS, "_RESOURCE_HANDLERS")
    handlers["AWS::RedshiftServerless::Namespace"] = {
        "create": create_namespace,
        "update": _update_namespace,
        "delete": _delete_namespace,
    }
    handlers["AWS::RedshiftServerless::Workgroup"] = {
        "create": _create_workgroup,
        "update": _update_workgroup,
        "delete": _delete_workgroup,
    }
    handlers[LOOK_UP] = {
        "create": _look_up_secret,
        "update": lambda physical_id, _old, new, *_, **__: (
            physical_id,
            _look_up_secret("", new, "")[1],
        ),
        "delete": lambda physical_id, properties: None,  # noqa: ARG005 - the emulator calls with both
    }


def _update_namespace(
    physical_id: str, old: Properties, new: Properties, *_: Any, **__: Any
) -> Created:
    _same(old, new, "NamespaceName", "DbName")
    namespace = redshift_serverless.namespaces[physical_id]
    redshift_serverless.change_namespace(namespace, new)
    return physical_id, _namespace_values(namespace)


def _delete_namespace(physical_id: str, _properties: Properties) -> None:
    redshift_serverless.delete_namespace(physical_id)


def _create_workgroup(_logical_id: str, properties: Properties, _stack: str) -> Created:
    name, used = properties["WorkgroupName"], properties["NamespaceName"]
    namespace = redshift_serverless.namespaces.get(used)
    if namespace is None:
        raise ValueError(f"workgroup {name!r}: namespace {used!r} does not exist")
    if name in redshift_serverless.workgroups:
        raise ValueError(f"workgroup {name!r} already exists")
    workgroup = Workgroup(name=name, namespace=namespace, settings=_settings(properties))
    redshift_serverless.workgroups[name] = workgroup
    return name, _workgroup_values(workgroup)


def _update_workgroup(
    physical_id: str, old: Properties, new: Properties, *_: Any, **__: Any
) -> Created:
    _same(old, new, "WorkgroupName", "NamespaceName")
    workgroup = redshift_serverless.workgroups[physical_id]
    workgroup.settings = _settings(new)
    return physical_id, _workgroup_values(workgroup)


def _delete_workgroup(physical_id: str, _properties: Properties) -> None:
    redshift_serverless.workgroups.pop(physical_id, None)


def _same(old: Properties, new: Properties, *names: str) -> None:
    """Changes that CloudFormation makes by replacing a resource that holds data are refused here."""
    for name in names:
        if old.get(name) != new.get(name):
            raise ValueError(
                f"{name} cannot be changed from {old.get(name)!r} to {new.get(name)!r} without replacement"
            )


def _settings(properties: Properties) -> dict[str, Any]:
    given = {SETTINGS[name]: value for name, value in properties.items() if name in SETTINGS}
    parameters = properties.get("ConfigParameters", [])
    return given | {
        "configParameters": [
            {"parameterKey": item["ParameterKey"], "parameterValue": item["ParameterValue"]}
            for item in parameters
        ]
    }


def _namespace_values(namespace: Namespace) -> dict[str, Any]:
    described = {key: value for key, value in namespace.described().items() if key != SECRET}
    return {f"Namespace.{key[:1].upper()}{key[1:]}": value for key, value in described.items()}


def _look_up_secret(_logical_id: str, properties: Properties, _stack: str) -> Created:
    """The call that CDK's custom resource would make. Raises ValueError for any other than GetNamespace."""
    call = json.loads(properties["Create"])
    if (call["action"], call["outputPaths"]) != ("GetNamespace", [f"namespace.{SECRET}"]):
        raise ValueError(
            f"{LOOK_UP} calls {call['action']!r} for {call['outputPaths']}; only GetNamespace is known"
        )
    namespace = redshift_serverless.namespaces[call["parameters"]["namespaceName"]]
    return str(call["physicalResourceId"]["id"]), {
        f"namespace.{SECRET}": namespace.described()[SECRET]
    }


def _workgroup_values(workgroup: Workgroup) -> dict[str, Any]:
    described = workgroup.described()
    values = {f"Workgroup.{key[:1].upper()}{key[1:]}": value for key, value in described.items()}
    endpoint = described["endpoint"]
    return values | {
        "Workgroup.Endpoint.Address": endpoint["address"],
        "Workgroup.Endpoint.Port": endpoint["port"],
    }
