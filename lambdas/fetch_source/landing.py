"""The file of a fetch: its rows are kept in parts outside the event filter, and joined into landing at the end.

S3 shows an object only once it is whole, so intake never sees half a file, whenever a call ends.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from pipeline.aws_errors import code

# All parts of an upload but the last have 5 MiB or more. Source: S3 user guide, "Multipart upload limits".
PART_BYTES = 8 * 1024 * 1024
MISSING = frozenset({"404", "NoSuchKey", "MethodNotAllowed"})


@dataclass(kw_only=True)
class Rows:
    """Rows as CSV in UTF-8, in the dialect of a contract."""

    delimiter: str
    content: bytearray = field(default_factory=bytearray)

    def add(self, rows: Iterable[Sequence[str]]) -> None:
        """Append rows."""
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self.delimiter, lineterminator="\n").writerows(rows)
        self.content += text.getvalue().encode()

    def taken(self) -> bytes:
        """What is there; it is empty afterwards."""
        content, self.content = bytes(self.content), bytearray()
        return content


@dataclass(frozen=True, kw_only=True)
class Landing:
    """Objects of the landing bucket, over a boto3 S3 client."""

    s3: Any
    bucket: str

    def keep(self, key: str, content: bytes) -> None:
        """Write a part of a file."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)

    def was_delivered(self, key: str) -> bool:
        """Whether an object was ever put under this key: intake may have moved it on, which leaves a delete marker.

        Source: S3 user guide, "Working with delete markers".
        """
        try:
            self.s3.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if code(error) not in MISSING:
                raise
            headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
            return bool(headers.get("x-amz-delete-marker") == "true")
        return True

    def deliver(
        self, key: str, *, header: bytes, parts: Sequence[str], metadata: Mapping[str, str]
    ) -> None:
        """Write header and parts as one object; there is nothing under `key` until it is whole."""
        pieces = self._pieces(header, parts)
        first = next(pieces)
        second = next(pieces, None)
        if second is None:
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=first, Metadata=dict(metadata))
            return
        upload = self.s3.create_multipart_upload(
            Bucket=self.bucket, Key=key, Metadata=dict(metadata)
        )
        named = {"Bucket": self.bucket, "Key": key, "UploadId": upload["UploadId"]}
        try:
            self._upload(named, _chained(first, second, pieces))
        except BaseException:
            self.s3.abort_multipart_upload(**named)
            raise

    def _upload(self, named: Mapping[str, str], pieces: Iterable[bytes]) -> None:
        done = []
        for number, piece in enumerate(pieces, 1):
            answer = self.s3.upload_part(**named, PartNumber=number, Body=piece)
            done.append({"PartNumber": number, "ETag": answer["ETag"]})
        self.s3.complete_multipart_upload(**named, MultipartUpload={"Parts": done})

    def _pieces(self, header: bytes, parts: Sequence[str]) -> Iterator[bytes]:
        """The file in pieces of at least PART_BYTES, but for the last."""
        waiting = bytearray(header)
        for part in parts:
            waiting += self.s3.get_object(Bucket=self.bucket, Key=part)["Body"].read()
            if len(waiting) >= PART_BYTES:
                yield bytes(waiting)
                waiting = bytearray()
        if waiting:
            yield bytes(waiting)


def _chained(first: bytes, second: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    yield from rest
