"""Iceberg's metadata files in S3 or on a disk, through boto3 alone: neither pyarrow nor fsspec fits into a function.

These files are small and never change once written, so each is one object in memory and is fetched at most once.
Data files go another way (local_files.py). Manifests are read in several threads.
"""

from __future__ import annotations

import io
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError
from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream
from pyiceberg.typedef import EMPTY_DICT, Properties

MISSING = ("404", "NoSuchKey", "NotFound")
MOST_REMEMBERED_BYTES = 64 * 1024 * 1024  # of metadata, in one process


def s3_place(location: str) -> dict[str, str]:
    """Bucket and key of an s3:// location, as boto3 names them."""
    parts = urlsplit(location)
    return {"Bucket": parts.netloc, "Key": parts.path.lstrip("/")}


def local_path(location: str) -> Path | None:
    """The path of a location on this machine's disk; None when it is in S3."""
    parts = urlsplit(location)
    return Path(parts.path) if parts.scheme in ("", "file") else None


class TableFiles(FileIO):
    """Reads, writes and deletes the metadata files of tables."""

    def __init__(self, properties: Properties = EMPTY_DICT) -> None:
        super().__init__(properties)
        self._remembered: dict[str, bytes] = {}
        self._changing = Lock()

    @cached_property
    def _s3(self) -> Any:
        return boto3.client("s3")  # AWS_ENDPOINT_URL points it at the embedded AWS

    def new_input(self, location: str) -> InputFile:
        return _Input(location, self)

    def new_output(self, location: str) -> OutputFile:
        return _Output(location, self)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        place = location if isinstance(location, str) else location.location
        with self._changing:
            self._remembered.pop(place, None)
        path = local_path(place)
        if path is not None:
            path.unlink(missing_ok=True)
        else:
            self._s3.delete_object(**s3_place(place))

    def size(self, location: str) -> int:
        """Bytes of the file. Raises FileNotFoundError when there is none."""
        return len(self.content(location))

    def exists(self, location: str) -> bool:
        """Whether there is such a file."""
        path = local_path(location)
        if path is not None:
            return path.exists()
        try:
            self._s3.head_object(**s3_place(location))
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                return False
            raise
        return True

    def content(self, location: str) -> bytes:
        """The whole file. Raises FileNotFoundError when there is none."""
        content = self._remembered.get(location)
        if content is None:
            content = self._fetched(location)
            self._remember(location, content)
        return content

    def write(self, location: str, content: bytes) -> None:
        """Write the whole file."""
        path = local_path(location)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        else:
            self._s3.put_object(**s3_place(location), Body=content)
        self._remember(location, content)

    def _fetched(self, location: str) -> bytes:
        path = local_path(location)
        if path is not None:
            return path.read_bytes()
        try:
            answer: dict[str, Any] = self._s3.get_object(**s3_place(location))
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                raise FileNotFoundError(location) from error
            raise
        content: bytes = answer["Body"].read()
        return content

    def _remember(self, location: str, content: bytes) -> None:
        with self._changing:
            held = sum(map(len, self._remembered.values()))
            while self._remembered and held + len(content) > MOST_REMEMBERED_BYTES:
                held -= len(self._remembered.pop(next(iter(self._remembered))))
            self._remembered[location] = content


class _Input(InputFile):
    def __init__(self, location: str, files: TableFiles) -> None:
        super().__init__(location)
        self._files = files

    def __len__(self) -> int:
        return self._files.size(self.location)

    def exists(self) -> bool:
        return self._files.exists(self.location)

    def open(self, seekable: bool = True) -> InputStream:  # noqa: ARG002 - always seekable
        return io.BytesIO(self._files.content(self.location))


class _Output(OutputFile):
    def __init__(self, location: str, files: TableFiles) -> None:
        super().__init__(location)
        self._files = files

    def __len__(self) -> int:
        return self._files.size(self.location)

    def exists(self) -> bool:
        return self._files.exists(self.location)

    def to_input_file(self) -> InputFile:
        return _Input(self.location, self._files)

    def create(self, overwrite: bool = False) -> OutputStream:
        if not overwrite and self.exists():
            raise FileExistsError(self.location)
        return _Written(self.location, self._files)


class _Written(io.BytesIO):
    """Writes the file when it is closed without an error, so that half a file is never there."""

    def __init__(self, location: str, files: TableFiles) -> None:
        super().__init__()
        self._location, self._files = location, files

    def __exit__(self, kind: type[BaseException] | None, *rest: Any) -> None:
        if kind is not None:
            super().close()
        else:
            self.close()

    def close(self) -> None:
        if not self.closed:
            self._files.write(self._location, self.getvalue())
        super().close()
