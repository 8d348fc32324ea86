"""CloudFormation types that the emulator does not know: made real where it can, else recorded and said so.

A type that is in neither list still fails the deployment. `recorded_types` has what the deploy output lists.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import uuid4

from local_cloud.adapters import transfer_logs
from local_cloud.instruments import recorded_types
from local_cloud.patching import EmulatorChanged, original
from local_cloud.settings import ACCOUNT, REGION

TRANSFER = "ministack.services.transfer"
ATHENA = "ministack.services.athena"
PROVISIONERS = "ministack.services.cloudformation.provisioners"

# Accepted and kept as written, without any effect here.
RECORDED_TYPES = {
    "AWS::Glue::SecurityConfiguration": "encryption settings of jobs and crawlers are not applied",
    "AWS::Glue::TableOptimizer": "no compaction, retention or orphan-file deletion runs by itself",
    "AWS::Budgets::Budget": "nothing is billed",
    "AWS::CE::AnomalyMonitor": "nothing is billed",
    "AWS::CE::AnomalySubscription": "nothing is billed",
    "AWS::EC2::SecurityGroupIngress": "the network is not emulated",
    "AWS::EC2::SecurityGroupEgress": "the network is not emulated",
    "AWS::EC2::FlowLog": "the network is not emulated",
    "Custom::RedshiftUsageLimit": "nothing is billed; the function that sets the limit is not run",
}
# What templates ask of them by Fn::GetAtt, made of the physical id.
ATTRIBUTES = {
    "AWS::CE::AnomalyMonitor": {"MonitorArn": f"arn:aws:ce::{ACCOUNT}:anomalymonitor/{{id}}"},
}
# Kept by the emulator itself, but with no effect.
WITHOUT_EFFECT = ("AWS::CloudWatch::Dashboard",)

logger = logging.getLogger("slipway.cloudformation")
Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]


def install() -> None:
    """Add our handlers to the emulator's registry; note the types that only look deployed."""
    handlers = original(PROVISIONERS, "_RESOURCE_HANDLERS")
    handlers["AWS::Transfer::Server"] = {
        "create": _create_server,
        "update": _update_server,
        "delete": _delete_server,
    }
    handlers["AWS::Transfer::User"] = {
        "create": _create_user,
        "update": _update_user,
        "delete": _delete_user,
    }
    handlers["AWS::Athena::NamedQuery"] = {
        "create": _create_query,
        "update": _update_query,
        "delete": _delete_query,
    }
    for resource_type in RECORDED_TYPES:
        if resource_type not in handlers:
            handlers[resource_type] = _recording(resource_type)
    for resource_type in WITHOUT_EFFECT:
        handlers[resource_type] = handlers[resource_type] | {
            "create": _noted(resource_type, handlers[resource_type]["create"])
        }


def _recording(resource_type: str) -> dict[str, Callable[..., Any]]:
    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        recorded_types.recorded.add(resource_type)
        name = properties.get("Name") or f"{stack_name}-{logical_id}-{uuid4().hex[:12]}"
        return str(name), attributes(str(name))

    def update(physical_id: str, _old: Properties, _new: Properties, *_: Any, **__: Any) -> Created:
        return physical_id, attributes(physical_id)

    def attributes(physical_id: str) -> dict[str, str]:
        known = ATTRIBUTES.get(resource_type, {})
        return {name: text.format(id=physical_id) for name, text in known.items()}

    return {"create": create, "update": update, "delete": lambda physical_id, properties: None}  # noqa: ARG005 - the emulator calls with both


def _noted(resource_type: str, create: Callable[..., Created]) -> Callable[..., Created]:
    def noted(*args: Any, **kwargs: Any) -> Created:
        recorded_types.recorded.add(resource_type)
        return create(*args, **kwargs)

    return noted


# Transfer Family


def _create_server(_logical_id: str, properties: Properties, _stack_name: str) -> Created:
    kept = ("EndpointType", "IdentityProviderType", "Protocols", "Domain", "Tags")
    server_id = _transfer(
        "CreateServer", {key: properties[key] for key in kept if key in properties}
    )["ServerId"]
    transfer_logs.follow(server_id, properties)
    arn = f"arn:aws:transfer:{REGION}:{ACCOUNT}:server/{server_id}"
    return arn, {"Arn": arn, "ServerId": server_id, "State": "ONLINE"}


def _update_server(
    physical_id: str, old: Properties, new: Properties, stack_name: str, logical_id: str = ""
) -> Created:
    if old.get("Domain") != new.get("Domain") or old.get("IdentityProviderType") != new.get(
        "IdentityProviderType"
    ):
        return _create_server(logical_id, new, stack_name)
    transfer_logs.follow(physical_id.rsplit("/", 1)[-1], new)
    return physical_id, {
        "Arn": physical_id,
        "ServerId": physical_id.rsplit("/", 1)[-1],
        "State": "ONLINE",
    }


def _delete_server(physical_id: str, _properties: Properties) -> None:
    _transfer("DeleteServer", {"ServerId": physical_id.rsplit("/", 1)[-1]})


def _create_user(_logical_id: str, properties: Properties, _stack_name: str) -> Created:
    server_id, name = properties["ServerId"], properties["UserName"]
    kept = (
        "ServerId",
        "UserName",
        "Role",
        "HomeDirectory",
        "HomeDirectoryType",
        "HomeDirectoryMappings",
        "Tags",
    )
    _transfer("CreateUser", {key: properties[key] for key in kept if key in properties})
    for public_key in properties.get("SshPublicKeys", []):
        _transfer(
            "ImportSshPublicKey",
            {"ServerId": server_id, "UserName": name, "SshPublicKeyBody": public_key},
        )
    arn = f"arn:aws:transfer:{REGION}:{ACCOUNT}:user/{server_id}/{name}"
    return arn, {"Arn": arn, "ServerId": server_id, "UserName": name}


def _update_user(
    physical_id: str, old: Properties, new: Properties, stack_name: str, logical_id: str = ""
) -> Created:
    _delete_user(physical_id, old)
    return _create_user(logical_id, new, stack_name)


def _delete_user(physical_id: str, _properties: Properties) -> None:
    server_id, name = physical_id.split(":user/", 1)[1].split("/", 1)
    _transfer("DeleteUser", {"ServerId": server_id, "UserName": name})


def _transfer(operation: str, request: dict[str, Any]) -> dict[str, Any]:
    headers = {"x-amz-target": f"TransferService.{operation}"}
    status, _, body = _at_once(
        original(TRANSFER, "handle_request")("POST", "/", headers, json.dumps(request).encode(), {})
    )
    answer: dict[str, Any] = json.loads(body)
    if status >= 400:
        raise ValueError(
            f"Transfer {operation} of {request.get('UserName') or request.get('ServerId')}: {answer}"
        )
    return answer


def _at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never waits: resources are provisioned on the event loop, which cannot wait."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value
    coroutine.close()
    raise EmulatorChanged(
        "the emulator's Transfer API waits for something now; cfn_types must await it"
    )


# Athena


def _create_query(_logical_id: str, properties: Properties, _stack_name: str) -> Created:
    _, _, body = original(ATHENA, "_create_named_query")(properties)
    query_id = str(json.loads(body)["NamedQueryId"])
    return query_id, {"NamedQueryId": query_id}


def _update_query(
    physical_id: str, _old: Properties, new: Properties, stack_name: str, logical_id: str = ""
) -> Created:
    _delete_query(physical_id, new)  # every property of a named query requires replacement
    return _create_query(logical_id, new, stack_name)


def _delete_query(physical_id: str, _properties: Properties) -> None:
    original(ATHENA, "_delete_named_query")({"NamedQueryId": physical_id})
