"""Puts events into a trail's bucket, as CloudTrail does it: gzip JSON, by the bucket's policy and the key's.

Source: CloudTrail user guide, "CloudTrail log file name format" and "Finding your CloudTrail log files". Digests: "Log
file validation", "CloudTrail digest file structure" and "Custom implementations of CloudTrail log file integrity
validation" (what is signed).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import secrets
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from local_cloud.adapters.access import service_calls
from local_cloud.adapters.access.service_calls import ServiceCall
from local_cloud.patching import original
from local_cloud.settings import ACCOUNT, REGION

CLOUDTRAIL = "cloudtrail.amazonaws.com"
S3 = "ministack.services.s3"
OWNED = {"s3:x-amz-acl": "bucket-owner-full-control"}
UNIQUE = string.ascii_letters + string.digits
SIGNED_BY = "SHA256withRSA"


@dataclass(kw_only=True)
class Trail:
    """One trail, what waits to be delivered, and what the next digest will name."""

    name: str
    bucket: str
    prefix: str
    key_arn: str | None
    selectors: Sequence[Mapping[str, Any]]
    validated: bool
    is_logging: bool
    waiting: list[dict[str, Any]] = field(default_factory=list)
    delivered: list[dict[str, Any]] = field(default_factory=list)
    digest_from: datetime = field(default_factory=lambda: datetime.now(UTC))
    last_digest: dict[str, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def arn(self) -> str:
        """By which policies know the trail."""
        return f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{self.name}"

    def place(self, kind: str, day: datetime) -> str:
        """The folder of a day's files; `kind` is CloudTrail or CloudTrail-Digest."""
        start = f"{self.prefix}/" if self.prefix else ""
        return f"{start}AWSLogs/{ACCOUNT}/{kind}/{REGION}/{day:%Y/%m/%d}/"


Require = Callable[[ServiceCall], None]


def require_access(trail: Trail, require: Require) -> None:
    """What CloudTrail needs of bucket and key, also before there is a trail. Raises service_calls.AccessDenied."""
    bucket = f"arn:aws:s3:::{trail.bucket}"
    require(_call(trail, "s3:GetBucketAcl", bucket))
    place = trail.place("CloudTrail", datetime.now(UTC))
    _require_put(trail, place + "file.json.gz", require)


def _require_put(trail: Trail, key: str, require: Require) -> None:
    require(_call(trail, "s3:PutObject", f"arn:aws:s3:::{trail.bucket}/{key}", OWNED))
    if trail.key_arn:
        context = {"kms:EncryptionContext:aws:cloudtrail:arn": trail.arn}
        require(_call(trail, "kms:GenerateDataKey", trail.key_arn, context))


def _call(
    trail: Trail, action: str, resource: str, context: Mapping[str, str] | None = None
) -> ServiceCall:
    call = service_calls.from_source(CLOUDTRAIL, action, resource, trail.arn)
    return ServiceCall(
        service=call.service,
        action=action,
        resource_arn=resource,
        context={**call.context, **(context or {})},
    )


def deliver(trail: Trail) -> str | None:
    """One file of all that waits; its key, or None if nothing does. What a policy refuses waits on."""
    events, trail.waiting = trail.waiting, []
    if not events:
        return None
    now = datetime.now(UTC)
    unique = "".join(secrets.choice(UNIQUE) for _ in range(16))
    name = f"{ACCOUNT}_CloudTrail_{REGION}_{now:%Y%m%dT%H%MZ}_{unique}.json.gz"
    key = trail.place("CloudTrail", now) + name
    body = json.dumps({"Records": events}, separators=(",", ":")).encode()
    try:
        _put(trail, key, gzip.compress(body), {})
    except service_calls.AccessDenied as exc:
        trail.waiting, trail.problem = [*events, *trail.waiting], str(exc)
        raise
    times = [event["eventTime"] for event in events]
    trail.delivered.append(
        {
            "s3Bucket": trail.bucket,
            "s3Object": key,
            "hashValue": hashlib.sha256(body).hexdigest(),  # of the text, before it is compressed
            "hashAlgorithm": "SHA-256",
            "newestEventTime": max(times),
            "oldestEventTime": min(times),
        }
    )
    trail.problem = ""
    return key


def digest(trail: Trail, signer: Signer, now: datetime | None = None) -> str | None:
    """A signed digest of what was delivered since the last one; its key, None if the trail has no validation.

    None, too, in the second of the last one: its name would be the same. The next digest then names the files.
    """
    now, files = now or datetime.now(UTC), trail.delivered
    name = (
        f"{ACCOUNT}_CloudTrail-Digest_{REGION}_{trail.name}_{REGION}_{now:%Y%m%dT%H%M%SZ}.json.gz"
    )
    key, end = trail.place("CloudTrail-Digest", now) + name, f"{now:%Y-%m-%dT%H:%M:%SZ}"
    last = trail.last_digest
    if not trail.validated or key == last.get("key"):
        return None
    content = {
        "awsAccountId": ACCOUNT,
        "digestStartTime": f"{trail.digest_from:%Y-%m-%dT%H:%M:%SZ}",
        "digestEndTime": end,
        "digestS3Bucket": trail.bucket,
        "digestS3Object": key,
        "digestPublicKeyFingerprint": signer.fingerprint,
        "digestSignatureAlgorithm": SIGNED_BY,
        "newestEventTime": max((each["newestEventTime"] for each in files), default=None),
        "oldestEventTime": min((each["oldestEventTime"] for each in files), default=None),
        "previousDigestS3Bucket": trail.bucket if last else None,
        "previousDigestS3Object": last.get("key"),
        "previousDigestHashValue": last.get("hash"),
        "previousDigestHashAlgorithm": "SHA-256" if last else None,
        "previousDigestSignature": last.get("signature"),
        "logFiles": files,
    }
    body = json.dumps(content).encode()
    hashed = hashlib.sha256(body).hexdigest()
    signature = signer.sign(signed_text(end, trail.bucket, key, hashed, last.get("signature")))
    _put(
        trail,
        key,
        gzip.compress(body),
        {"x-amz-meta-signature": signature, "x-amz-meta-signature-algorithm": SIGNED_BY},
    )
    trail.last_digest = {"key": key, "hash": hashed, "signature": signature}
    trail.delivered, trail.digest_from = [], now
    return key


def signed_text(end: str, bucket: str, key: str, hashed: str, previous: str | None) -> bytes:
    """What the signature is of: end, path, hash, and the signature before; the first one says null."""
    return "\n".join((end, f"{bucket}/{key}", hashed, previous or "null")).encode()


class Signer:
    """CloudTrail's key pair in this server's one region; the public half is what ListPublicKeys gives."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.public = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.PKCS1
        )
        self.fingerprint = hashlib.md5(self.public).hexdigest()  # noqa: S324 - as CloudTrail names its keys
        self.since = datetime.now(UTC)

    def sign(self, text: bytes) -> str:
        """The signature in hexadecimal digits."""
        return self._key.sign(text, padding.PKCS1v15(), hashes.SHA256()).hex()


def _put(trail: Trail, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
    _require_put(trail, key, service_calls.require)
    headers = {"content-type": "application/json", "content-encoding": "gzip", **metadata}
    if trail.key_arn:
        headers |= {
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": trail.key_arn,
        }
    status, _, answer = original(S3, "_put_object")(trail.bucket, key, body, headers)
    if status >= 400:
        raise RuntimeError(f"s3://{trail.bucket}/{key} could not be written: {answer!r}")
