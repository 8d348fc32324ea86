"""The files of a run. Their order decides which of two rows with the same key wins: the later one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from pipeline.engines import Engine
from pipeline.modes import LoadMode
from pipeline.run_documents.base import RunDocument
from pipeline.run_documents.json_form import JsonDocument


@dataclass(frozen=True, kw_only=True)
class ManifestFile(JsonDocument):
    """A file that the run claimed, as intake registered it."""

    sha256: str
    """Hash of the content as delivered."""
    raw_uri: str
    """The object in the raw zone, `s3://bucket/key`."""
    file_name: str
    """Name under which it was delivered."""
    received_at: datetime
    """When the upload was complete: in microseconds if it came by SFTP, else in S3's whole seconds."""
    size_bytes: int
    """Size of the object in the raw zone."""
    row_count: int
    """Records without the header, as intake counted them."""
    header: tuple[str, ...]
    """Names in the first record, as written; under `evolve` optional columns may be absent."""
    has_quotes: bool
    """Whether a quoted value spans lines, so that the file must be read in multi-line mode."""
    replay_of: str | None
    """Hash of the file whose refused records this one corrects; null: it corrects none."""
    refused_before: int | None = None
    """Rows of it that the load before this replay refused; only in a replay."""
    declared_totals: Mapping[str, Decimal] | None = None
    """Sum of each money column as the database said it that the file was read from; left out for all other files."""
    is_released: bool | None = None
    """Whether a person released it after it was set aside: limits on replaced rows do not hold; else left out."""


@dataclass(frozen=True, kw_only=True)
class RetractedFile(JsonDocument):
    """The file whose rows a retraction takes out of the tables; it is not read."""

    sha256: str
    """Hash of the content as delivered."""
    file_name: str
    """Name under which it was delivered."""
    received_at: datetime
    """When the upload was complete, as its rows say."""


@dataclass(frozen=True, kw_only=True)
class Manifest(RunDocument):
    """What a run works on. Its jobs read it, the gate counts against it, a resumed run begins with it."""

    FILE_NAME: ClassVar[str] = "manifest.json"
    WRITTEN_BY: ClassVar[str] = "claim_batch"

    mode: LoadMode
    """load takes files that wait; backfill loads loaded files anew; replay judges refused records anew; retraction
    takes one file out and loads anew what its rows may have replaced."""
    contract_version: str
    """Version of the contract under which the run was begun."""
    erased_subjects: tuple[str, ...]
    """Tokens of data subjects whose records are refused."""
    files: tuple[ManifestFile, ...]
    """By `received_at`, then `sha256`: of rows with the same key, that of the later file wins."""
    engine: Engine | None = None
    """The engine that was chosen for the jobs; none of a run that was begun when there was no choice: Spark."""
    engine_reason: str | None = None
    """Why this engine was chosen, in one sentence."""
    retracted: RetractedFile | None = None
    """The file that a retraction takes out; `files` are those that it may have replaced, often none."""

    @property
    def started_at(self) -> datetime:
        """Start of the run, UTC without a zone: the same for every attempt, since the run's id says it."""
        return datetime.strptime(self.run_id.partition("-")[0], "%Y%m%dT%H%M%S")

    @property
    def taken_out(self) -> tuple[RetractedFile, ...]:
        """The file that a retraction takes out; empty in every other mode."""
        return (self.retracted,) if self.retracted else ()

    @property
    def replays(self) -> dict[str, str]:
        """Hash of each file of corrected records, with the hash of the file they were refused in."""
        return {file.sha256: file.replay_of for file in self.files if file.replay_of}

    @property
    def size_bytes(self) -> int:
        """Size of all files in the raw zone."""
        return sum(file.size_bytes for file in self.files)
