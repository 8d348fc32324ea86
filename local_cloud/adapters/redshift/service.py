"""Puts Redshift into the emulator: two services, their CloudFormation types, and their place in the policy check."""

from __future__ import annotations

import json
from typing import Any

from local_cloud.adapters.redshift import (
    callers as redshift_callers,
)
from local_cloud.adapters.redshift import (
    cfn as redshift_cfn,
)
from local_cloud.adapters.redshift import (
    data as redshift_data,
)
from local_cloud.adapters.redshift import (
    serverless as redshift_serverless,
)
from local_cloud.patching import original
from local_cloud.settings import ServerSettings

APP, ROUTER = "ministack.app", "ministack.core.router"
TARGETS = {"redshift-data": "RedshiftData", "redshift-serverless": "RedshiftServerless"}


def install(settings: ServerSettings) -> None:
    """Route both services, and let stacks make namespaces and workgroups."""
    handlers = {"redshift-data": redshift_data.handle_request, "redshift-serverless": _serverless}
    for service, target in TARGETS.items():
        original(APP, "SERVICE_HANDLERS")[service] = handlers[service]
        original(ROUTER, "SERVICE_PATTERNS")[service] = {
            "target_prefixes": [target],
            "credential_scope": service,
        }
    redshift_callers.install()
    redshift_cfn.install(settings)


async def _serverless(
    _method: str, _path: str, headers: dict[str, str], body: bytes, _query: Any
) -> Any:
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    user = redshift_callers.database_user(redshift_callers.caller_of(headers))
    try:
        answer = redshift_serverless.handle(operation, json.loads(body or b"{}"), user)
    except redshift_serverless.NotFound as exc:
        return _answer(400, {"__type": "ResourceNotFoundException", "message": str(exc)})
    if answer is None:
        return _answer(
            400, {"__type": "ValidationException", "message": f"{operation} is not emulated"}
        )
    return _answer(200, answer)


def _answer(status: int, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode()
