"""Logins over SFTP that failed, as lines of the server's log, in Transfer Family's structured form.

AWS does not say how many lines a client gives that offers several keys; here a connection without a login gives one.
Source: Transfer Family user guide, "CloudWatch log structure for Transfer Family", JSON structured logs.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from local_cloud.patching import original
from local_cloud.settings import ACCOUNT, REGION

LOGS = "ministack.services.cloudwatch_logs"
MILLIS = 1000
_groups: dict[str, list[str]] = {}  # names of log groups by id of the server


def follow(server_id: str, properties: dict[str, Any]) -> None:
    """Where a server's lines go, as its template says."""
    arns = properties.get("StructuredLogDestinations") or []
    _groups[server_id] = [arn.partition(":log-group:")[2].removesuffix(":*") for arn in arns]


def watch_logins(connection: Any) -> None:
    """Make the connection class tell of each login that failed."""
    connection.validate_public_key = _noting_refusals(connection.validate_public_key)
    connection.connection_lost = _telling(connection.connection_lost)


def _noting_refusals(validate: Callable[..., bool]) -> Callable[..., bool]:
    @functools.wraps(validate)
    def validated(self: Any, username: str, key: Any) -> bool:
        accepted = validate(self, username, key)
        self._slipway_refused = None if accepted else username
        return accepted

    return validated


def _telling(lost: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(lost)
    def connection_lost(self: Any, error: Exception | None) -> None:
        refused = self.__dict__.get("_slipway_refused")
        if refused is not None:
            only = self._restrict_to_server_id
            for server_id in [only] if only else list(_groups):
                _write(server_id, refused)
        lost(self, error)

    return connection_lost


def _write(server_id: str, user: str) -> None:
    session = uuid4().hex[:17]
    line = {
        "activity-type": "AUTH_FAILURE",
        "user": user,
        "method": "publickey",
        "message": "Public key authentication failed",
        "session-id": session,
        "resource-arn": f"arn:aws:transfer:{REGION}:{ACCOUNT}:server/{server_id}",
    }
    event = {"timestamp": int(time.time() * MILLIS), "message": json.dumps(line)}
    for group in _groups[server_id]:
        stream = {"logGroupName": group, "logStreamName": f"{server_id}.{session}"}
        original(LOGS, "_create_log_stream")(stream)
        original(LOGS, "_put_log_events")({**stream, "logEvents": [event]})
