"""SFTP writes are S3 writes: made under the Transfer user's role, versioned, and followed by their event.

The emulator stores what arrives over SFTP in its memory, past its own S3. Here the four storage functions go through
S3 as Transfer Family's do: `s3:PutObject` and the rest are evaluated against the user's role, the object gets a
version id, and "Object Created" reaches EventBridge with the same detail as a real one. How an upload or a rename ended
is told by local_cloud/adapters/transfer_endings.py.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import json
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from local_cloud.adapters import roles, transfer_endings, transfer_logs
from local_cloud.patching import original, replace
from local_cloud.settings import ACCOUNT, REGION

TRANSFER = "ministack.services.transfer"
S3 = "ministack.services.s3"
EVENTBRIDGE = "ministack.services.eventbridge"
SESSION_OPERATIONS = (
    "stat",
    "mkdir",
    "rmdir",
    "remove",
    "rename",
    "posix_rename",
    "open",
    "close",
    "exit",
)

logger = logging.getLogger("slipway.sftp")
_listeners: set[asyncio.Task[None]] = (
    set()
)  # the event loop itself keeps no strong reference to a task

_user: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar(
    "slipway_sftp_user", default=None
)
_copied_from: contextvars.ContextVar[str] = contextvars.ContextVar(
    "slipway_sftp_copied_from", default=""
)
_stored_etag: contextvars.ContextVar[str] = contextvars.ContextVar(
    "slipway_stored_etag", default=""
)
_version: contextvars.ContextVar[str] = contextvars.ContextVar("slipway_event_version", default="")


def install() -> None:
    """Route storage through S3, and complete the events that S3 sends to EventBridge."""
    replace(TRANSFER, "_ensure_sftp_runtime", _with_identified_sessions)
    replace(TRANSFER, "sftp_start", _in_background)
    replace(
        TRANSFER, "has_servers", lambda _: lambda: True
    )  # listen from the start, to hold the port
    original("ministack.app", "_get_module")("transfer")
    replace(TRANSFER, "_sftp_s3_put_object", lambda _: put_object)
    replace(TRANSFER, "_sftp_s3_get_object", _checked_get)
    replace(TRANSFER, "_sftp_s3_delete_object", lambda _: delete_object)
    replace(S3, "_fire_s3_event", _remember_version)
    replace(EVENTBRIDGE, "_dispatch_event", _with_version_id)


def put_object(account_id: str, bucket: str, key: str, body: bytes) -> None:
    """Store an object as the connected user; a rename stores it as a copy."""
    _require("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")
    source = _copied_from.get()
    if source:
        headers = {"x-amz-copy-source": quote(source)}
        response = original(S3, "_copy_object")(bucket, key, headers)
    else:
        user = _user.get() or {}
        identity = f"{user.get('UserName')}@{user.get('ServerId')}"
        headers = {
            "content-type": "application/octet-stream",
            # Source: Transfer Family user guide, metadata of objects written by a user
            "x-amz-meta-user-agent": "AWSTransfer",
            "x-amz-meta-user-agent-id": identity,
        }
        response = original(S3, "_put_object")(bucket, key, body, headers)
    _stored_etag.set(str(response[1].get("ETag", "")).strip('"'))
    if response[0] >= 400:
        raise _failure(
            "SFTPFailure", f"S3 refused s3://{bucket}/{key}: {response[2]!r} (account {account_id})"
        )


def delete_object(account_id: str, bucket: str, key: str) -> bool:
    """Delete an object as the connected user; False when there is none."""
    _require("s3:DeleteObject", f"arn:aws:s3:::{bucket}/{key}")
    stored = original(TRANSFER, "_sftp_s3_bucket")(account_id, bucket)
    if not stored or key not in stored.get("objects", {}):
        return False
    status = original(S3, "_delete_object")(bucket, key)[0]
    return bool(status < 300)


def _in_background(sftp_start: Callable[[], Coroutine[Any, Any, None]]) -> Any:
    """CreateServer must not wait for the listener: CloudFormation calls it where nothing can wait.

    The emulator goes on without SFTP when the port is taken. Another server would then get our partners' files.
    """

    async def listen() -> None:
        await sftp_start()
        if original(TRANSFER, "_sftp_shared_acceptor") is None:
            logger.error("the SFTP port %s is taken", os.environ["SFTP_PORT"])
            os.kill(os.getpid(), signal.SIGTERM)

    async def start_soon() -> None:
        task = asyncio.get_running_loop().create_task(listen())
        _listeners.add(task)
        task.add_done_callback(_listeners.discard)

    return start_soon


def _checked_get(get: Any) -> Any:
    def get_object(account_id: str, bucket: str, key: str) -> Any:
        if _is_home(f"/{bucket}/{key}"):
            return None  # a folder by definition, and outside of what a role below it may read
        _require("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
        found = get(account_id, bucket, key)
        return (
            found
            if found is None
            else found | {"body": original(S3, "_get_object_data")(bucket, key)}
        )

    return get_object


def _with_identified_sessions(ensure: Any) -> Any:
    """The session class exists once the first server has been created; its methods then say whose session it is."""

    def ensure_sftp_runtime() -> None:
        first = original(TRANSFER, "_MiniStackSFTPServer") is None
        ensure()
        if first:
            session = original(TRANSFER, "_MiniStackSFTPServer")
            for operation in SESSION_OPERATIONS:
                setattr(session, operation, _identified(getattr(session, operation), operation))
            session.scandir = _listed(session.scandir)
            transfer_endings.announce(session, etag_of_last_put=_stored_etag.get)
            session._resolve = _within_home(session._resolve)
            transfer_logs.watch_logins(original(TRANSFER, "_MiniStackSSHServer"))

    return ensure_sftp_runtime


def _within_home(resolve: Callable[..., Any]) -> Callable[..., Any]:
    """The emulator takes a path above the root for the root; Transfer Family blocks it.

    Source: Transfer Family user guide, "Using logical directories to simplify your Transfer Family directory
    structures": paths with relative elements that leave the logical root are not resolved.
    """

    @functools.wraps(resolve)
    def checked(self: Any, path: bytes | str) -> Any:
        depth = 0
        for part in (path.decode("utf-8", "replace") if isinstance(path, bytes) else path).split(
            "/"
        ):
            depth += {"": 0, ".": 0, "..": -1}.get(part, 1)
            if depth < 0:
                raise _failure("SFTPPermissionDenied", f"{path!r} leaves the home directory")
        return resolve(self, path)

    return checked


def _identified(method: Callable[..., Any], operation: str) -> Callable[..., Any]:
    @functools.wraps(method)
    def identified(self: Any, *args: Any) -> Any:
        user = _user.set(self._user)
        source = "/".join(self._resolve(args[0])) if operation.endswith("rename") else ""
        copied = _copied_from.set(source)
        try:
            return method(self, *args)
        finally:
            _user.reset(user)
            _copied_from.reset(copied)

    return identified


def _listed(scandir: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(scandir)
    async def checked(self: Any, path: bytes) -> Any:
        bucket, key = self._resolve(path)
        token = _user.set(self._user)
        try:
            if bucket:
                prefix = key.rstrip("/") + "/" if key else ""
                _require("s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": prefix})
        finally:
            _user.reset(token)
        async for entry in scandir(self, path):
            yield entry

    return checked


def _is_home(path: str) -> bool:
    mappings = (_user.get() or {}).get("HomeDirectoryMappings") or []
    return any(path == mapping["Target"].rstrip("/") for mapping in mappings)


def _require(action: str, resource_arn: str, context: dict[str, Any] | None = None) -> None:
    user = _user.get()
    if user is None:
        raise RuntimeError(f"{action} on {resource_arn} was asked for outside of an SFTP session")
    try:
        user_arn = f"arn:aws:transfer:{REGION}:{ACCOUNT}:user/{user['ServerId']}/{user['UserName']}"
        session = roles.assume(
            user["Role"], user["UserName"], "transfer.amazonaws.com", source_arn=user_arn
        )
        roles.require(session, action, resource_arn, context=context)
    except roles.AccessDenied as exc:
        raise _failure("SFTPPermissionDenied", str(exc)) from exc


def _failure(kind: str, message: str) -> Exception:
    failure: Exception = getattr(original(TRANSFER, "asyncssh"), kind)(message)
    return failure


def _remember_version(fire: Any) -> Any:
    """S3's event is built in one call; the version id is known to it but left out of what EventBridge gets."""

    def fire_s3_event(*args: Any, **kwargs: Any) -> None:
        token = _version.set(kwargs.get("version_id") or "")
        try:
            fire(*args, **kwargs)
        finally:
            _version.reset(token)

    return fire_s3_event


def _with_version_id(dispatch: Any) -> Any:
    def dispatch_event(event: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if event.get("Source") == "aws.s3" and _version.get():
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = _version.get()
            event = event | {"Detail": json.dumps(detail)}
        return dispatch(event, *args, **kwargs)

    return dispatch_event
