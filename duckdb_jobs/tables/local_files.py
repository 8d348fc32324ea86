"""Data files of tables on this function's disk: fetched whole when a query needs them, within a limit.

A file is a few megabytes, and a query of few columns would read less of it by ranges; but httpfs is not in DuckDB's
wheel, and whole files need one request each. Too many bytes raise NeedsSpark before the first one is fetched.
"""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from pyiceberg.manifest import DataFile

from contracts.errors import NeedsSpark
from duckdb_jobs.tables.file_io import local_path, s3_place

AT_ONCE = 8  # transfers; boto3 keeps 10 connections


class LocalFiles:
    """The data files that this process has read or written, in `folder`; at most `limit_bytes` are read."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder / "data_files"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._limit_bytes = limit_bytes
        self._bytes_of: dict[str, int] = {}

    @cached_property
    def _s3(self) -> Any:
        return boto3.client("s3")  # AWS_ENDPOINT_URL points it at the embedded AWS

    @property
    def bytes_read(self) -> int:
        """Bytes of the files that were read so far."""
        return sum(self._bytes_of.values())

    def fetched(self, files: Sequence[DataFile], table: str) -> dict[Path, DataFile]:
        """The files, each by its path on this disk. Raises NeedsSpark when they exceed the limit with those so far."""
        wanted = {file.file_path: file.file_size_in_bytes for file in files}
        needed = sum(({**wanted, **self._bytes_of}).values())
        if needed > self._limit_bytes:
            raise NeedsSpark(
                f"{table}: the run would read {needed:,} bytes of its tables, and the DuckDB engine reads at most "
                f"{self._limit_bytes:,}"
            )
        self._bytes_of.update(wanted)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            paths = pool.map(self._fetch, wanted)
        return dict(zip(paths, files, strict=True))

    def forget(self) -> None:
        """Remove what was fetched; files of a lake on this disk stay where they are."""
        for location in self._bytes_of:
            if local_path(location) is None:
                self._cached(location).unlink(missing_ok=True)
        self._bytes_of.clear()

    def new_path(self) -> Path:
        """Where to write a data file before it is stored."""
        return self._folder / f"{uuid.uuid4()}.parquet"

    def store(self, written: Sequence[tuple[Path, str]]) -> None:
        """Put each written file to its location; it need not be fetched again."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._store, written))

    def _store(self, file: tuple[Path, str]) -> None:
        written, location = file
        path = local_path(location)
        if path is None:
            self._s3.upload_file(Filename=str(written), **s3_place(location))
            path = self._cached(location)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(written, path)

    def _fetch(self, location: str) -> Path:
        path = local_path(location)
        if path is not None:
            return path
        cached = self._cached(location)
        if not cached.exists():
            partial = cached.with_suffix(".part")
            self._s3.download_file(Filename=str(partial), **s3_place(location))
            partial.rename(cached)
        return cached

    def _cached(self, location: str) -> Path:
        return self._folder / f"{hashlib.sha256(location.encode()).hexdigest()}.parquet"
