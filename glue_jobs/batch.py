"""The files of a run, as the manifest lists them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class BatchFile:
    """One raw file. `received_at` is UTC without a zone, as the tables store it."""

    sha256: str
    raw_uri: str
    file_name: str
    received_at: datetime
    size_bytes: int
    header: tuple[str, ...]
    has_quotes: bool


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The files that one run loads, oldest first."""

    dataset: str
    run_id: str
    files: tuple[BatchFile, ...]

    @property
    def size_bytes(self) -> int:
        """Size of all files as they lie in the raw zone."""
        return sum(file.size_bytes for file in self.files)


def from_manifest(manifest: dict[str, Any]) -> Batch:
    """Build a Batch from a manifest document; KeyError when the document is not a manifest."""
    return Batch(
        dataset=manifest["dataset"], run_id=manifest["run_id"], files=tuple(_file(item) for item in manifest["files"])
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
    )
