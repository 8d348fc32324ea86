"""What both engines are given: files of generated orders as a run's manifest, in a directory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pipeline.run_documents import Manifest, ManifestFile
from sample_data.sales_rows import COLUMNS

DATASET, ENVIRONMENT = "sales_records", "bench"


def manifest(folder: Path, files: Sequence[Path], run_id: str, contract_version: str) -> Manifest:
    """The manifest of a run that loads the files, which are put where the run finds them."""
    return Manifest(
        dataset=DATASET,
        run_id=run_id,
        mode="load",
        contract_version=contract_version,
        erased_subjects=(),
        files=tuple(_entry(folder, file) for file in files),
    )


def _entry(folder: Path, file: Path) -> ManifestFile:
    sha256 = hashlib.sha256(
        str(file).encode()
    ).hexdigest()  # of the name: hashing content is intake's work
    place = folder / "raw" / sha256 / file.name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.hardlink_to(file)
    return ManifestFile(
        sha256=sha256,
        raw_uri=f"file://{place}",
        file_name=file.name,
        received_at=datetime.now(UTC).replace(tzinfo=None),
        size_bytes=file.stat().st_size,
        row_count=0,  # which only the gate reads
        header=tuple(COLUMNS),
        has_quotes=False,  # values are quoted, but none spans lines
        replay_of=None,
    )
