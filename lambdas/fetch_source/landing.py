"""The files of a fetch: rows are kept in parts outside the event filter, and joined into landing at the end.

S3 shows an object only once it is whole, so intake never sees half a file, whenever a call ends.
"""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from contracts.errors import RetryableError
from pipeline.aws_errors import code

# All parts of an upload but the last have 5 MiB or more. Source: S3 user guide, "Multipart upload limits".
PART_BYTES = 8 * 1024 * 1024
MISSING = frozenset({"404", "NoSuchKey", "MethodNotAllowed"})


class UploadLost(RetryableError):
    """An upload was completed, or removed by the bucket's rules for what is left unfinished."""


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
            self.put(key, first, metadata)
            return
        upload_id = self.begin(key, metadata)
        try:
            etags = [
                self.add_part(key, upload_id, number, piece)
                for number, piece in enumerate(_chained(first, second, pieces), 1)
            ]
            self.complete(key, upload_id, etags)
        except BaseException:
            self.abort(key, upload_id)
            raise

    def put(self, key: str, content: bytes, metadata: Mapping[str, str]) -> None:
        """Write a small file at once."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content, Metadata=dict(metadata))

    def begin(self, key: str, metadata: Mapping[str, str]) -> str:
        """The id of an upload in parts of PART_BYTES; there is nothing under `key` until it is complete."""
        begun = self.s3.create_multipart_upload(
            Bucket=self.bucket, Key=key, Metadata=dict(metadata)
        )
        return str(begun["UploadId"])

    def add_part(self, key: str, upload_id: str, number: int, content: bytes) -> str:
        """The ETag of a part, whose numbers begin at 1. Raises UploadLost."""
        with _lost(key):
            given = self.s3.upload_part(
                **self._upload(key, upload_id), PartNumber=number, Body=content
            )
        return str(given["ETag"])

    def complete(self, key: str, upload_id: str, etags: Sequence[str]) -> None:
        """Make the parts one object. Raises UploadLost."""
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        with _lost(key):
            self.s3.complete_multipart_upload(
                **self._upload(key, upload_id), MultipartUpload={"Parts": parts}
            )

    def abort(self, key: str, upload_id: str) -> None:
        """Remove what was uploaded, if it is there still."""
        with contextlib.suppress(UploadLost), _lost(key):
            self.s3.abort_multipart_upload(**self._upload(key, upload_id))

    def _upload(self, key: str, upload_id: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": key, "UploadId": upload_id}

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


@contextmanager
def _lost(key: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if code(error) != "NoSuchUpload":
            raise
        raise UploadLost(f"the upload of {key!r} is not there any more") from error


def _chained(first: bytes, second: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    yield from rest
