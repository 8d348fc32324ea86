"""Listens to every request, and delivers what trails select: every five minutes, or when the operator asks.

Recorded is what came over the wire, what Athena reads of text files in a caller's name, and each use of a key that a
service makes for a caller. Not recorded is what a service does to S3 inside this process: SFTP's writes, Athena's
results. Every use of a key is an event here; on AWS bucket keys save most of them. Nothing is kept while no trail
exists. The emulator's own LookupEvents stays as it is.
"""

from __future__ import annotations

import base64
import contextvars
import functools
import json
import logging
import re
import threading
import time
from datetime import timedelta
from typing import Any

from local_cloud.adapters.access import keys, service_calls
from local_cloud.adapters.cloudtrail import delivery, events, selectors
from local_cloud.adapters.cloudtrail.delivery import Signer, Trail
from local_cloud.adapters.cloudtrail.events import Caller, Request
from local_cloud.instruments import control
from local_cloud.patching import original, replace
from local_cloud.settings import ACCOUNT, REGION

APP, EVALUATOR = "ministack.app", "ministack.core.iam_evaluator"
CLOUDTRAIL = "ministack.services.cloudtrail"
PROVISIONERS = "ministack.services.cloudformation.provisioners"
DELIVERY_SECONDS = 5 * 60  # Source: CloudTrail user guide: "an average of about 5 minutes"
DIGEST_AFTER = 12  # deliveries, an hour
logger = logging.getLogger("slipway.cloudtrail")
Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]

_trails: dict[str, Trail] = {}
_lock = threading.Lock()
_signer: Signer | None = None


def install() -> None:
    """Listen, make trails of stacks, and answer for the keys that sign digests."""
    replace(APP, "_dispatch_service_request", _listening)
    replace(CLOUDTRAIL, "handle_request", _with_public_keys)
    keys.listeners.append(note_key)
    control.more_commands["deliver-trail"] = deliver_now
    original(PROVISIONERS, "_RESOURCE_HANDLERS")["AWS::CloudTrail::Trail"] = {
        "create": _create,
        "update": _update,
        "delete": _delete,
    }


def note(event: dict[str, Any]) -> None:
    """Keep an event for every trail that selects it."""
    with _lock:
        for trail in _trails.values():
            if trail.is_logging and selectors.selects(trail.selectors, event):
                trail.waiting.append(event)


def note_object(access_key_id: str, name: str, bucket: str, key: str, service: str) -> None:
    """An object that a service of this process read or wrote in a caller's name."""
    if _trails:
        caller = _caller(access_key_id, service)
        note(events.of_object(caller, REGION, name, bucket, key))


def note_key(access_key_id: str, action: str, key_arn: str, context: dict[str, Any]) -> None:
    """A key that a service used in a caller's name; `context` holds the condition keys of the use."""
    if _trails:
        via = str(context.get("kms:ViaService", "")).partition(".")[0]
        caller = _caller(access_key_id, f"{via}.amazonaws.com" if via else None)
        bound = {
            key.removeprefix("kms:EncryptionContext:"): value
            for key, value in context.items()
            if key.startswith("kms:EncryptionContext:")
        }
        note(events.of_key(caller, REGION, action.partition(":")[2], key_arn, bound))


def deliver_now() -> dict[str, Any]:
    """Everything that waits, and a digest; by trail the files that came of it, and what was refused."""
    told: dict[str, Any] = {}
    for trail in list(_trails.values()):
        try:
            files = [_delivered(trail), _digested(trail)]
            told[trail.name] = {"files": [file for file in files if file], "problem": ""}
        except service_calls.AccessDenied as exc:
            told[trail.name] = {"files": [], "problem": str(exc)}
    return told


def _delivered(trail: Trail) -> str | None:
    with _lock:
        return delivery.deliver(trail)


def _digested(trail: Trail) -> str | None:
    with _lock:
        return delivery.digest(trail, _signing())


def _signing() -> Signer:
    global _signer
    _signer = _signer or Signer()
    return _signer


def _deliver_for_ever() -> None:
    rounds = 0
    while _trails:
        time.sleep(DELIVERY_SECONDS)
        rounds += 1
        for trail in list(_trails.values()):
            try:
                _delivered(trail)
                if rounds % DIGEST_AFTER == 0:
                    _digested(trail)
            except service_calls.AccessDenied as exc:
                logger.error("trail %s was not delivered: %s", trail.name, exc)


def _listening(dispatch: Any) -> Any:
    async def dispatch_service_request(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, Any],
        request_id: str,
    ) -> Any:
        answer = await dispatch(method, path, headers, body, query, request_id)
        if _trails:
            _note_request(method, path, headers, body, query, request_id, answer)
        return answer

    return dispatch_service_request


def _note_request(
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: dict[str, Any],
    request_id: str,
    answer: Any,
) -> None:
    router = "ministack.core.router"
    service = original(router, "detect_service")(method, path, headers, query)
    key = original(router, "extract_access_key_id")(headers, query) or ""
    status, _, content = answer
    request = Request(
        service=service,
        action=original(APP, "_ct_event_name")(service, method, path, headers, query),
        method=method,
        path=path,
        headers=headers,
        query=query,
        body=body,
        region=REGION,
        request_id=request_id,
        error=_error(status, content) if status >= 400 else None,
    )
    note(events.of_request(request, _caller(key, None)))


def _error(status: int, content: Any) -> tuple[str, str]:
    """Code and message of a refusal, of XML or JSON; a HEAD has neither."""
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content or "")
    code = re.search(r"<Code>(.*?)</Code>|\"(?:__type|Code)\": ?\"(?:[^\"]*#)?([^\"]+)\"", text)
    message = re.search(r"<Message>(.*?)</Message>|\"[Mm]essage\": ?\"([^\"]*)\"", text)
    found = [
        next((part for part in each.groups() if part), "") if each else ""
        for each in (code, message)
    ]
    return found[0] or str(status), found[1]


@functools.lru_cache(maxsize=10_000)  # a key belongs to one session for as long as the server runs
def _caller(access_key_id: str, service: str | None) -> Caller:
    found = original(EVALUATOR, "resolve_credential")(access_key_id, ACCOUNT)
    arn = str(getattr(found, "principal_arn", "") or f"arn:aws:iam::{ACCOUNT}:root")
    return Caller(arn=arn, account=ACCOUNT, access_key_id=access_key_id, service=service)


# trails of stacks


def _create(logical_id: str, properties: Properties, stack_name: str) -> Created:
    chosen = properties.get("AdvancedEventSelectors") or []
    selectors.check(chosen)
    trail = Trail(
        name=properties.get("TrailName") or f"{stack_name}-{logical_id}",
        bucket=properties["S3BucketName"],
        prefix=properties.get("S3KeyPrefix") or "",
        key_arn=properties.get("KMSKeyId"),
        selectors=chosen,
        validated=_yes(properties.get("EnableLogFileValidation")),
        is_logging=_yes(properties["IsLogging"]),
    )
    # CreateTrail looks first. Source: CloudTrail API reference, InsufficientS3BucketPolicyException and
    # InsufficientEncryptionPolicyException.
    delivery.require_access(
        trail, lambda call: service_calls.check(call, service_calls.policy_of(call))
    )
    fields = {
        "Name": trail.name,
        "S3BucketName": trail.bucket,
        "KmsKeyId": trail.key_arn or "",
        "EnableLogFileValidation": trail.validated,
    }
    original(CLOUDTRAIL, "_create_trail")(fields)  # for whoever asks which trails there are
    with _lock:
        was_empty = not _trails
        _trails[trail.name] = trail
    if was_empty:
        run_here = contextvars.copy_context().run  # the emulator keeps account and region in it
        threading.Thread(target=run_here, args=(_deliver_for_ever,), daemon=True).start()
    return trail.name, {"Arn": trail.arn}


def _update(
    physical_id: str, old: Properties, new: Properties, stack_name: str, logical_id: str = ""
) -> Created:
    _delete(physical_id, old)
    return _create(logical_id, new, stack_name)


def _delete(physical_id: str, _properties: Properties) -> None:
    with _lock:
        _trails.pop(physical_id, None)
    original(CLOUDTRAIL, "_delete_trail")({"Name": physical_id})


def _yes(flag: Any) -> bool:
    return str(flag).lower() == "true"


def _with_public_keys(handle: Any) -> Any:
    """CloudTrail's ListPublicKeys, with which `aws cloudtrail validate-logs` checks digests."""

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Any:
        if not headers.get("x-amz-target", "").endswith(".ListPublicKeys"):
            return await handle(method, path, headers, body, query)
        signer = _signing()
        key = {
            "Value": base64.b64encode(signer.public).decode(),
            "Fingerprint": signer.fingerprint,
            "ValidityStartTime": signer.since.timestamp(),
            "ValidityEndTime": (signer.since + timedelta(days=30)).timestamp(),
        }
        answer = json.dumps({"PublicKeyList": [key]}).encode()
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, answer

    return handle_request
