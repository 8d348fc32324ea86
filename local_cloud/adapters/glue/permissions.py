"""Glue calls are checked on the resources that AWS checks: the table, its database, and the catalog above both.

The emulator checks one ARN, and a wrong one for GetDatabase (`table/<database>`), GetTable (`database/<database>`) and
calls on jobs by name. Source: Glue developer guide, "Specifying AWS Glue resource ARNs".
"""

from __future__ import annotations

import json
import re
from typing import Any

from local_cloud.patching import replace

_TABLE = re.compile(r"^(arn:aws:glue:[^:]+:[^:]+:)table/([^/]+)/.+$")
_DATABASE = re.compile(r"^(arn:aws:glue:[^:]+:[^:]+:)database/.+$")


def install() -> None:
    """Name the right resource, then check it with its ancestors."""
    replace("ministack.core.iam_actions", "extract_resource_arn", _with_glue_resources)
    replace("ministack.core.iam_evaluator", "enforce", _with_ancestors)


def resource(operation: str, request: dict[str, Any]) -> str:
    """The part of a Glue resource's ARN after the account, for one operation and its request."""
    if "Database" in operation:
        name = request.get("Name") or request.get("DatabaseInput", {}).get("Name")
        return f"database/{name}" if name else "catalog"
    if request.get("DatabaseName"):
        table = (
            request.get("TableName")
            or request.get("Name")
            or request.get("TableInput", {}).get("Name")
        )
        return f"table/{request['DatabaseName']}/{table or '*'}"
    for kind in ("Job", "Crawler", "Trigger", "Workflow", "Connection"):
        name = request.get(f"{kind}Name") or (request.get("Name") if kind in operation else None)
        if name and kind in operation:
            return f"{kind.lower()}/{name}"
    return "catalog"


def ancestors(resource_arn: str) -> list[str]:
    """The resources above a table or database that a call on it needs too."""
    table, database = _TABLE.match(resource_arn), _DATABASE.match(resource_arn)
    if table:
        return [f"{table[1]}database/{table[2]}", f"{table[1]}catalog"]
    return [f"{database[1]}catalog"] if database else []


def _with_glue_resources(extract: Any) -> Any:
    def extract_resource_arn(
        service: str, method: str, path: str, headers: dict[str, str], body: bytes, *rest: Any
    ) -> Any:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if service != "glue" or not operation:
            return extract(service, method, path, headers, body, *rest)
        _, region, account = rest
        return f"arn:aws:glue:{region}:{account}:{resource(operation, json.loads(body or b'{}'))}"

    return extract_resource_arn


def _with_ancestors(enforce: Any) -> Any:
    def checked(
        key: str, action: str, service: str, region: str, resource_arn: str = "*", **rest: Any
    ) -> Any:
        for arn in [resource_arn, *(ancestors(resource_arn) if service == "glue" else [])]:
            denied = enforce(key, action, service, region, resource_arn=arn, **rest)
            if denied is not None:
                return denied
        return None

    return checked
