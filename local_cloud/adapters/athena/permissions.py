"""Calls about one execution or named query of Athena are checked on the workgroup that it belongs to.

The emulator takes the workgroup from the request only, and so refused to a role of one workgroup all that it asked
about its own executions. Source: service authorization reference, "Actions, resources, and condition keys for Athena".
"""

from __future__ import annotations

import json
from typing import Any

from local_cloud.patching import original, replace

ATHENA = "ministack.services.athena"
# By the field of a request that names a thing: where the emulator keeps such things.
KEPT = {"QueryExecutionId": "_executions", "NamedQueryId": "_named_queries"}


def install() -> None:
    """Let the emulator's policy check see the workgroup."""
    replace("ministack.core.iam_actions", "extract_resource_arn", _with_workgroups)


def workgroup_of(request: dict[str, Any]) -> str | None:
    """The workgroup of what a request names; None if it names nothing that is there."""
    for field, kept in KEPT.items():
        if found := original(ATHENA, kept).get(request.get(field)):
            return str(found["WorkGroup"])
    return None


def _with_workgroups(extract: Any) -> Any:
    def extract_resource_arn(
        service: str, method: str, path: str, headers: dict[str, str], body: bytes, *rest: Any
    ) -> Any:
        if service == "athena" and (workgroup := workgroup_of(json.loads(body or b"{}"))):
            _, region, account = rest
            return f"arn:aws:athena:{region}:{account}:workgroup/{workgroup}"
        return extract(service, method, path, headers, body, *rest)

    return extract_resource_arn
