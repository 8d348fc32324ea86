"""What intake does with objects: read one version, copy it, move it aside, remove it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from lambdas.intake.arrivals import Arrival
from pipeline.aws_errors import code

# Source: S3 user guide, "Copying objects": one CopyObject call takes up to 5 GB; larger needs a multipart copy.
LARGEST_SINGLE_COPY_BYTES = 5 * 1024**3
SFTP_METADATA, SFTP_AGENT = "user-agent", "AWSTransfer"
GONE = frozenset({"NoSuchKey", "NoSuchVersion", "404"})


class Superseded(Exception):
    """The object version that the event tells of cannot be read any more."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One readable version of a landed object. `version_id` is None only in a bucket without versioning."""

    bucket: str
    key: str
    version_id: str | None
    size_bytes: int
    uploaded_at: datetime
    metadata: Mapping[str, str]
    body: Any

    def chunks(self, chunk_bytes: int) -> Iterator[bytes]:
        """The content, streamed."""
        yield from self.body.iter_chunks(chunk_bytes)


@dataclass(frozen=True)
class Storage:
    """Object operations over a boto3 S3 client."""

    s3: Any

    def open(self, arrival: Arrival) -> Source:
        """The very version that landed. Raises Superseded when it is not there any more.

        An event without a version id is matched by its ETag, so that an overwritten object is left to its own event.
        """
        version = {"VersionId": arrival.version_id} if arrival.version_id else {}
        try:
            found = self.s3.get_object(Bucket=arrival.bucket, Key=arrival.key, **version)
        except ClientError as error:
            if code(error) in GONE:
                raise Superseded(
                    f"version {arrival.version_id or 'unknown'} of {arrival.key!r} is gone"
                ) from error
            raise
        if not version and arrival.etag and found["ETag"].strip('"') != arrival.etag:
            raise Superseded(
                f"{arrival.key!r} was overwritten; the event of the newer version takes it"
            )
        return Source(
            bucket=arrival.bucket,
            key=arrival.key,
            version_id=arrival.version_id or found.get("VersionId"),
            size_bytes=found["ContentLength"],
            uploaded_at=found["LastModified"],
            metadata=found["Metadata"],
            body=found["Body"],
        )

    def open_rejected(self, item: Mapping[str, Any]) -> Source:
        """A rejected file, as its entry in the ledger names it: the version that landed, else the copy put aside.

        It keeps the time of its upload. Raises Superseded when both are gone.
        """
        landed = {"Key": item["landing_key"], "VersionId": item["version_id"]}
        places = [*([landed] if item["version_id"] else []), {"Key": item["rejected_key"]}]
        for place in places:
            try:
                found = self.s3.get_object(Bucket=item["landing_bucket"], **place)
            except ClientError as error:
                if code(error) not in GONE:
                    raise
                continue
            return Source(
                bucket=item["landing_bucket"],
                key=place["Key"],
                version_id=place.get("VersionId"),
                size_bytes=found["ContentLength"],
                uploaded_at=datetime.fromisoformat(item["received_at"]),
                metadata=found["Metadata"],
                body=found["Body"],
            )
        raise Superseded(f"{item['landing_key']!r} and {item['rejected_key']!r} are gone")

    def came_by_sftp(self, arrival: Arrival) -> bool:
        """Whether Transfer Family wrote the object, or copied it in a rename. Raises Superseded when it is gone.

        Source: Transfer Family user guide, "Post upload processing": x-amz-meta-user-agent is AWSTransfer.
        """
        version = {"VersionId": arrival.version_id} if arrival.version_id else {}
        try:
            head = self.s3.head_object(Bucket=arrival.bucket, Key=arrival.key, **version)
        except ClientError as error:
            if code(error) in GONE:
                raise Superseded(
                    f"version {arrival.version_id or 'unknown'} of {arrival.key!r} is gone"
                ) from error
            raise
        return bool(head["Metadata"].get(SFTP_METADATA) == SFTP_AGENT)

    def copy(self, source: Mapping[str, Any], *, size_bytes: int, bucket: str, key: str) -> None:
        """Copy `source` ({Bucket, Key, VersionId}) without reading it through this function."""
        if size_bytes > LARGEST_SINGLE_COPY_BYTES:
            self.s3.copy(CopySource=dict(source), Bucket=bucket, Key=key)
        else:
            self.s3.copy_object(CopySource=dict(source), Bucket=bucket, Key=key)

    def write_json(self, *, bucket: str, key: str, content: Mapping[str, Any]) -> None:
        """Write `content` as readable JSON."""
        body = json.dumps(content, indent=2, ensure_ascii=False).encode()
        self.s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")

    def remove_if_current(self, *, bucket: str, key: str, version_id: str | None) -> bool:
        """Plain delete, so that versions stay; False when a newer version is there or the key is gone already."""
        if not self.is_current(bucket=bucket, key=key, version_id=version_id):
            return False
        self.s3.delete_object(Bucket=bucket, Key=key)
        return True

    def is_current(self, *, bucket: str, key: str, version_id: str | None) -> bool:
        """Whether this version is what the key shows now."""
        try:
            current = self.s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if code(error) in GONE:
                return False
            raise
        return bool(current.get("VersionId") == version_id)


def copy_source(bucket: str, key: str, version_id: str | None) -> dict[str, str]:
    """What to copy, as S3 wants it."""
    return {"Bucket": bucket, "Key": key, **({"VersionId": version_id} if version_id else {})}
