"""A request that was served, as CloudTrail writes it down; pure, no state.

Source: CloudTrail user guide, "CloudTrail record contents"; S3 user guide, "Amazon S3 CloudTrail events" for the names
of object calls, and "CloudTrail log file entries" for their fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

VERSION = "1.11"
READ = re.compile(r"^(Get|List|Head|Describe|Lookup|BatchGet|Query|Scan|Select)")
# By method, and by a parameter that tells one call from another; the first that is there counts.
OBJECT_CALLS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "GET": (("uploadId", "ListParts"), ("tagging", "GetObjectTagging"), ("", "GetObject")),
    "HEAD": (("", "HeadObject"),),
    "PUT": (("uploadId", "UploadPart"), ("tagging", "PutObjectTagging"), ("", "PutObject")),
    "POST": (("uploads", "CreateMultipartUpload"), ("uploadId", "CompleteMultipartUpload")),
    "DELETE": (
        *(("uploadId", "AbortMultipartUpload"), ("tagging", "DeleteObjectTagging")),
        ("", "DeleteObject"),
    ),
}
BUCKET_CALLS = {
    "GET": (("versions", "ListObjectVersions"), ("uploads", "ListMultipartUploads")),
    "POST": (("delete", "DeleteObjects"),),
}
SECRET = re.compile(r"secret|password|token|credential|signature|authorization", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asked; `service` where an AWS service did so in the caller's name."""

    arn: str
    account: str
    access_key_id: str
    service: str | None = None


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request over the wire with its outcome; `error` is (code, message) of a refusal."""

    service: str
    action: str
    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, Any]
    body: bytes
    region: str
    request_id: str
    error: tuple[str, str] | None


def identity(caller: Caller) -> dict[str, Any]:
    """`userIdentity`: of a role's session, who issued it; else the account itself."""
    known: dict[str, Any] = {"accountId": caller.account}
    if caller.service:
        known["invokedBy"] = caller.service
    if ":assumed-role/" not in caller.arn:
        return {"type": "Root", "arn": caller.arn, "principalId": caller.account, **known}
    role, _, session = caller.arn.partition(":assumed-role/")[2].partition("/")
    return {
        "type": "AssumedRole",
        "principalId": f"{role}:{session}",
        "arn": caller.arn,
        **known,
        "accessKeyId": caller.access_key_id,
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": role,
                "arn": f"arn:aws:iam::{caller.account}:role/{role}",
                "accountId": caller.account,
                "userName": role,
            },
            "attributes": {"mfaAuthenticated": "false"},
        },
    }


def of_request(request: Request, caller: Caller) -> dict[str, Any]:
    """The event of a request, whatever the trail then takes."""
    common = _common(request.service, request.region, caller) | {
        "userAgent": request.headers.get("user-agent", ""),
        "requestID": request.request_id,
    }
    if request.error:
        common |= {"errorCode": request.error[0], "errorMessage": request.error[1]}
    if request.service == "s3":
        return common | _of_s3(request)
    return common | {
        "eventName": request.action,
        "readOnly": bool(READ.match(request.action)),
        "requestParameters": _parameters(request.body),
        "resources": [],
        "managementEvent": True,
        "eventCategory": "Management",
    }


def of_object(caller: Caller, region: str, name: str, bucket: str, key: str) -> dict[str, Any]:
    """The event of an object that a service reads or writes in a caller's name."""
    return _common("s3", region, caller) | {
        "userAgent": caller.service or "",
        "requestID": uuid4().hex[:16].upper(),
        **_object(name, bucket, key),
    }


def of_key(caller: Caller, region: str, name: str, key_arn: str, context: Any) -> dict[str, Any]:
    """The event of a key that a service uses in a caller's name. KMS calls are management events."""
    return _common("kms", region, caller) | {
        "userAgent": caller.service or "",
        "requestID": str(uuid4()),
        "eventName": name,
        "readOnly": True,
        "requestParameters": {"keyId": key_arn, "encryptionContext": context},
        "resources": [{"accountId": caller.account, "type": "AWS::KMS::Key", "ARN": key_arn}],
        "managementEvent": True,
        "eventCategory": "Management",
    }


def _common(service: str, region: str, caller: Caller) -> dict[str, Any]:
    return {
        "eventVersion": VERSION,
        "userIdentity": identity(caller),
        "eventTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": f"{service}.amazonaws.com",
        "awsRegion": region,
        "sourceIPAddress": caller.service or "127.0.0.1",
        "responseElements": None,
        "eventID": str(uuid4()),
        "eventType": "AwsApiCall",
        "recipientAccountId": caller.account,
    }


def _of_s3(request: Request) -> dict[str, Any]:
    bucket, _, key = unquote(request.path).lstrip("/").partition("/")
    if not key:
        name = _named(BUCKET_CALLS.get(request.method, ()), request.query)
        if not name and request.method == "GET" and not _asks_about_bucket(request.query):
            name = "ListObjects"
        if not name or not bucket:
            return _of_bucket(request, bucket)
        keys = _deleted(request.body) if name == "DeleteObjects" else []
        return _object(name, bucket, None) | {
            "additionalEventData": {"objects": keys} if keys else None
        }
    name = _named(OBJECT_CALLS.get(request.method, ()), request.query) or request.action
    if name == "PutObject" and "x-amz-copy-source" in request.headers:
        name = "CopyObject"
    return _object(name, bucket, key, request.headers)


def _asks_about_bucket(query: Mapping[str, Any]) -> bool:
    listing = {"list-type", "prefix", "delimiter", "max-keys", "marker", "start-after"}
    listing |= {"continuation-token", "encoding-type", "fetch-owner", "x-id"}
    return bool(query.keys() - listing)


def _of_bucket(request: Request, bucket: str) -> dict[str, Any]:
    return {
        "eventName": request.action,
        "readOnly": request.method in ("GET", "HEAD"),
        "requestParameters": {"bucketName": bucket},
        "resources": [{"type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"}],
        "managementEvent": True,
        "eventCategory": "Management",
    }


def _object(
    name: str, bucket: str, key: str | None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    arn = f"arn:aws:s3:::{bucket}"
    source = (headers or {}).get("x-amz-copy-source")
    parameters = {"bucketName": bucket, **({"key": key} if key is not None else {})}
    return {
        "eventName": name,
        "readOnly": bool(READ.match(name)),
        "requestParameters": parameters
        | ({"x-amz-copy-source": unquote(source)} if source else {}),
        "resources": [
            {
                "type": "AWS::S3::Object",
                **({"ARN": f"{arn}/{key}"} if key is not None else {"ARNPrefix": f"{arn}/"}),
            },
            {"type": "AWS::S3::Bucket", "ARN": arn},
        ],
        "managementEvent": False,
        "eventCategory": "Data",
    }


def _named(calls: Any, query: Mapping[str, Any]) -> str | None:
    return next((name for parameter, name in calls if not parameter or parameter in query), None)


def _deleted(body: bytes) -> list[str]:
    return re.findall(r"<Key>(.*?)</Key>", body.decode("utf-8", "replace"))


def _parameters(body: bytes) -> Any:
    """What was asked, without what must stay secret."""
    try:
        given = json.loads(body or b"null")
    except ValueError:
        return None
    if not isinstance(given, dict):
        return None
    return {
        key: "HIDDEN_DUE_TO_SECURITY_REASONS" if SECRET.search(key) else value
        for key, value in given.items()
    }
