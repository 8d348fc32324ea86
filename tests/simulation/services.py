"""Fakes of what the functions call besides DynamoDB: S3 with versions, and StartExecution with names that are unique.

A call or a parameter that they do not know fails as Python fails: TypeError, AttributeError.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

Call = Callable[[str, Callable[[], Any]], Any]


class Body(io.BytesIO):
    """What `get_object` streams."""

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        """The content in pieces."""
        while chunk := self.read(size):
            yield chunk


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of an object; None is a delete marker."""

    version_id: str
    body: bytes | None
    at: datetime
    metadata: Mapping[str, str]


class S3Exceptions:
    """`s3.exceptions`."""

    ClientError = ClientError


@dataclass
class MemoryS3:
    """Buckets with versioning."""

    call: Call
    moment: Callable[[], datetime]
    objects: dict[tuple[str, str], list[Version]] = field(default_factory=dict)
    exceptions: type[S3Exceptions] = S3Exceptions

    def put(
        self, bucket: str, key: str, body: bytes | None, metadata: Mapping[str, str] | None = None
    ) -> Version:
        """What a client outside did: no yield point."""
        versions = self.objects.setdefault((bucket, key), [])
        at = self.moment().replace(microsecond=0)  # S3 gives whole seconds
        versions.append(
            Version(version_id=f"v{len(versions)}", body=body, at=at, metadata=metadata or {})
        )
        return versions[-1]

    def put_object(
        self, *, Bucket: str, Key: str, Body: bytes, ContentType: str = ""
    ) -> dict[str, Any]:
        """PutObject."""
        return self.call(
            f"s3 put {Key}", lambda: {"VersionId": self.put(Bucket, Key, Body).version_id}
        )

    def copy_object(
        self, *, CopySource: Mapping[str, str], Bucket: str, Key: str
    ) -> dict[str, Any]:
        """CopyObject."""

        def copy() -> dict[str, Any]:
            source = self._version(
                "CopyObject", CopySource["Bucket"], CopySource["Key"], CopySource.get("VersionId")
            )
            return {"VersionId": self.put(Bucket, Key, source.body, source.metadata).version_id}

        return self.call(f"s3 copy to {Key}", copy)

    def get_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:
        """GetObject."""
        return self.call(
            f"s3 get {Key}",
            lambda: self._answer(self._version("GetObject", Bucket, Key, VersionId)),
        )

    def head_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:
        """HeadObject."""
        return self.call(
            f"s3 head {Key}",
            lambda: self._answer(self._version("HeadObject", Bucket, Key, VersionId)),
        )

    def list_objects_v2(self, *, Bucket: str, Prefix: str, MaxKeys: int) -> dict[str, Any]:
        """ListObjectsV2: the objects that are there, in the order of their keys."""

        def listed() -> dict[str, Any]:
            there = sorted(
                key
                for (bucket, key), held in self.objects.items()
                if bucket == Bucket and held[-1].body is not None
            )
            matching = [key for key in there if key.startswith(Prefix)][:MaxKeys]
            return {"KeyCount": len(matching), "Contents": [{"Key": key} for key in matching]}

        return self.call(f"s3 list {Prefix}", listed)

    def delete_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        """DeleteObject, which leaves a delete marker."""
        return self.call(
            f"s3 delete {Key}", lambda: {"VersionId": self.put(Bucket, Key, None).version_id}
        )

    def _version(self, operation: str, bucket: str, key: str, version_id: str | None) -> Version:
        versions = self.objects.get((bucket, key), [])
        wanted = [each for each in versions if version_id in (None, each.version_id)]
        if not wanted or wanted[-1].body is None:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": key}}, operation)
        return wanted[-1]

    def _answer(self, version: Version) -> dict[str, Any]:
        body = version.body or b""
        return {
            "Body": Body(body),
            "ETag": f'"{hashlib.md5(body).hexdigest()}"',
            "ContentLength": len(body),
            "LastModified": version.at,
            "Metadata": dict(version.metadata),
            "VersionId": version.version_id,
        }


class ExecutionAlreadyExists(Exception):
    """What boto3 calls the refusal of a name that is taken."""


class StepFunctionsExceptions:
    """`stepfunctions.exceptions`."""

    ExecutionAlreadyExists = ExecutionAlreadyExists


@dataclass
class Execution:
    """An execution: its input, and how it ended."""

    machine: str
    name: str
    arn: str
    request: Mapping[str, Any]
    text: str
    started_at: float
    status: str = "RUNNING"
    error: str = ""
    ended_at: float = 0.0


@dataclass
class MemoryStepFunctions:
    """StartExecution; `begin` is called with each new execution.

    Source: Step Functions API reference, StartExecution: the same name and input again, while the execution runs, is
    answered like the first time; otherwise a name is refused for 90 days.
    """

    call: Call
    now: Callable[[], float]
    begin: Callable[[Execution], None]
    executions: dict[str, Execution] = field(default_factory=dict)
    exceptions: type[StepFunctionsExceptions] = StepFunctionsExceptions

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, Any]:
        """StartExecution of a standard workflow."""
        return self.call(
            f"start {stateMachineArn} {name}", lambda: self._start(stateMachineArn, name, input)
        )

    def _start(self, machine: str, name: str, text: str) -> dict[str, Any]:
        arn = f"arn:aws:states:us-east-1:111122223333:execution:{machine}:{name}"
        known = self.executions.get(arn)
        if known is not None and (known.status != "RUNNING" or known.text != text):
            raise ExecutionAlreadyExists(name)
        if known is None:
            request = json.loads(text)
            known = Execution(
                machine=machine,
                name=name,
                arn=arn,
                request=request,
                text=text,
                started_at=self.now(),
            )
            self.executions[arn] = known
            self.begin(known)
        return {"executionArn": arn}

    def of(self, machine: str) -> list[Execution]:
        """Every execution of a machine, in the order of their start."""
        return [each for each in self.executions.values() if each.machine == machine]
