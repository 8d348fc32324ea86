"""How each upload and rename over SFTP ended, told to EventBridge as Transfer Family does.

A file that is open when its session ends was partially uploaded; what had come of it is stored all the
same. Sources: Transfer Family user guide, "Transfer Family events detail reference"; API reference,
WorkflowDetails. That a failed upload's event has no entity tag is the stricter of two readings of it.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from local_cloud.adapters.cloudwatch import metrics
from local_cloud.patching import original

EVENTBRIDGE = "ministack.services.eventbridge"
HANDLER = "asyncssh.sftp"

logger = logging.getLogger("slipway.sftp")


@dataclass(kw_only=True)
class Upload:
    """One open file that is being written. `bytes_in` is what this session sent of it."""

    path: str
    started: datetime
    bytes_in: int = 0


@dataclass(kw_only=True)
class Session:
    """What is to be told of one SFTP session."""

    identifier: str = field(default_factory=lambda: uuid4().hex[:20])
    uploads: dict[int, Upload] = field(default_factory=dict)
    is_ending: bool = False


def announce(server: Any, *, etag_of_last_put: Callable[[], str]) -> None:
    """Make the session class `server` tell how its uploads and renames end."""
    server.open = _opened(server.open)
    server.write = _written(server.write)
    server.close = _closed(server.close, etag_of_last_put)
    server.rename = _renamed(server.rename)
    server.posix_rename = _renamed(server.posix_rename)
    handler = original(HANDLER, "SFTPServerHandler")
    handler._cleanup = _ending(handler._cleanup)


def _session(server: Any) -> Session:
    found: Session = server.__dict__.setdefault("_slipway_session", Session())
    return found


def _opened(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def opened(self: Any, path: Any, pflags: int, attrs: Any) -> Any:
        started = datetime.now(UTC)
        handle = method(self, path, pflags, attrs)
        known = self._open_files[handle]
        if known["mode"] == "write":
            _session(self).uploads[handle] = Upload(
                path=f"/{known['bucket']}/{known['key']}", started=started
            )
        return handle

    return opened


def _written(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def written(self: Any, handle: int, offset: int, data: bytes) -> Any:
        result = method(self, handle, offset, data)
        if upload := _session(self).uploads.get(handle):
            upload.bytes_in += len(data)
        return result

    return written


def _closed(method: Callable[..., Any], etag_of_last_put: Callable[[], str]) -> Callable[..., Any]:
    """A file is stored when it is closed: by the client, or for it when its session has ended."""

    @functools.wraps(method)
    def closed(self: Any, handle: int) -> Any:
        upload = _session(self).uploads.pop(handle, None)
        try:
            result = method(self, handle)
        except Exception as error:
            if upload:
                _tell_upload(self, upload, failure=("UNKNOWN_ERROR", str(error)))
            raise
        if upload and _session(self).is_ending:
            _tell_upload(self, upload, failure=("PARTIAL_UPLOAD", "File was partially uploaded."))
        elif upload:
            _tell_upload(self, upload, etag=etag_of_last_put())
        return result

    return closed


def _ending(cleanup: Callable[..., Any]) -> Callable[..., Any]:
    """asyncssh closes what is still open when a session ends, in the same way as a client does."""

    @functools.wraps(cleanup)
    async def ending(self: Any, error: Exception | None) -> None:
        if self._server:
            _session(self._server).is_ending = True
        await cleanup(self, error)

    return ending


def _renamed(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def renamed(self: Any, old_path: Any, new_path: Any) -> Any:
        started = datetime.now(UTC)
        result = method(self, old_path, new_path)
        paths = {
            "original-file-path": "/" + "/".join(self._resolve(old_path)),
            "renamed-file-path": "/" + "/".join(self._resolve(new_path)),
        }
        _dispatch(
            self,
            "SFTP Server File Rename Completed",
            started,
            {"status-code": "COMPLETED", **paths},
        )
        return result

    return renamed


def _tell_upload(
    server: Any, upload: Upload, *, etag: str = "", failure: tuple[str, str] | None = None
) -> None:
    detail: dict[str, Any] = {"bytes": upload.bytes_in, "file-path": upload.path}
    if failure:
        detail |= {
            "status-code": "FAILED",
            "failure-code": failure[0],
            "failure-message": failure[1],
        }
        _dispatch(server, "SFTP Server File Upload Failed", upload.started, detail)
    else:
        detail |= {"status-code": "COMPLETED", "etag": etag}
        _dispatch(server, "SFTP Server File Upload Completed", upload.started, detail)
        # Transfer Family user guide, "Using CloudWatch metrics for Transfer Family".
        metrics.record("AWS/Transfer", "FilesIn", 1, {"ServerId": (server._user or {})["ServerId"]})


def _dispatch(server: Any, detail_type: str, started: datetime, detail: dict[str, Any]) -> None:
    """Best effort, as AWS promises of these events: the session goes on without."""
    now, user = datetime.now(UTC), server._user or {}
    common = {
        "protocol": "SFTP",
        "client-ip": "127.0.0.1",
        "start-timestamp": _stamp(started),
        "end-timestamp": _stamp(now),
        "server-id": user.get("ServerId"),
        "username": user.get("UserName"),
        "session-id": _session(server).identifier,
    }
    region, account = server._region, server._account_id
    event = {
        "EventId": str(uuid4()),
        "Source": "aws.transfer",
        "DetailType": detail_type,
        "Detail": json.dumps(common | detail),
        "EventBusName": "default",
        "Time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "Resources": [f"arn:aws:transfer:{region}:{account}:server/{user.get('ServerId')}"],
        "Account": account,
        "Region": region,
    }
    try:
        server._resolve(b"/")  # also makes this the request of the user's account and region
        original(EVENTBRIDGE, "_dispatch_event")(event)
    except Exception:
        logger.exception("%s was not delivered: %s", detail_type, event["Detail"])


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z"  # nanoseconds
