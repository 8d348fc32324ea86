"""The files of a run, as the manifest lists them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from contracts.errors import PermanentError

LoadMode = Literal["load", "backfill", "replay"]
MODES = get_args(LoadMode)


@dataclass(frozen=True, kw_only=True)
class BatchFile:
    """One raw file. `received_at` is UTC without a zone, as the tables store it.

    `replay_of` is the hash of the file whose refused records this one corrects.
    """

    sha256: str
    raw_uri: str
    file_name: str
    received_at: datetime
    size_bytes: int
    header: tuple[str, ...]
    has_quotes: bool
    replay_of: str | None


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The files that one run loads, oldest first, in its mode; `erased_subjects` are tokens, refused by it."""

    dataset: str
    run_id: str
    mode: LoadMode
    erased_subjects: tuple[str, ...]
    files: tuple[BatchFile, ...]

    @property
    def started_at(self) -> datetime:
        """When the run was started, UTC without a zone: the same for every attempt, since the run's id says it."""
        return datetime.strptime(self.run_id.partition("-")[0], "%Y%m%dT%H%M%S")

    @property
    def replays(self) -> dict[str, str]:
        """Hash of each file of corrected records, with the hash of the file they were refused in."""
        return {file.sha256: file.replay_of for file in self.files if file.replay_of}

    @property
    def size_bytes(self) -> int:
        """Size of all files as they lie in the raw zone."""
        return sum(file.size_bytes for file in self.files)


def from_manifest(manifest: dict[str, Any]) -> Batch:
    """Build a Batch from a manifest document.

    Raises KeyError when the document is not a manifest, PermanentError when it has a mode that no job knows.
    """
    if manifest["mode"] not in MODES:
        raise PermanentError(f"manifest of run {manifest['run_id']!r}: mode {manifest['mode']!r} is none of {MODES}")
    return Batch(
        dataset=manifest["dataset"],
        run_id=manifest["run_id"],
        mode=manifest["mode"],
        erased_subjects=tuple(manifest["erased_subjects"]),
        files=tuple(_file(item) for item in manifest["files"]),
    )


def _file(item: dict[str, Any]) -> BatchFile:
    received = datetime.fromisoformat(item["received_at"])
    return BatchFile(
        sha256=item["sha256"],
        raw_uri=item["raw_uri"],
        file_name=item["file_name"],
        received_at=received.astimezone(UTC).replace(tzinfo=None) if received.tzinfo else received,
        size_bytes=int(item["size_bytes"]),
        header=tuple(item["header"]),
        has_quotes=bool(item["has_quotes"]),
        replay_of=item["replay_of"],
    )
