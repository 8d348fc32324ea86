"""What happens to an acceptable file: one claim per content, a copy in raw, then it waits for a run.

Every step is conditional or repeatable, so a crash anywhere is finished by the redelivered event. A delivery that finds
the same content half registered finishes that work too: its first deliverer may never come back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from contracts import naming
from contracts.ledger import FileLedger, Item, duplicate_entry, file_entry, timestamp
from lambdas.intake.arrivals import Arrival
from lambdas.intake.inspection import Inspection
from lambdas.intake.storage import Source, Storage, copy_source

LONGEST_STEM = 150
# Spark reads *, ?, [ and { in a path as patterns, and S3 wants other characters encoded: none of them in raw keys.
UNSAFE = re.compile(r"[^A-Za-z0-9._-]")

Registered = Literal["waiting", "taken", "duplicate"]


@dataclass(frozen=True, kw_only=True)
class Registration:
    """Registers accepted files."""

    raw_bucket: str
    files: FileLedger
    storage: Storage

    def register(
        self, dataset: str, arrival: Arrival, source: Source, found: Inspection, suffix: str
    ) -> tuple[Registered, Item]:
        """What became of the delivery, and the entry of its content.

        `waiting`: a run has yet to take it. `taken`: a run has it already (a repeated event). `duplicate`: the same
        content came before as another delivery, which is recorded.
        """
        item = _entry(dataset, arrival, source, found, suffix)
        if not self.files.add(item):
            item = self.files.get(dataset, item["entry"]) or item
        if item["status"] == "registering":
            version = copy_source(source.bucket, source.key, source.version_id)
            self.storage.copy(version, size_bytes=source.size_bytes, bucket=self.raw_bucket, key=item["raw_key"])
            self.files.mark_waiting(dataset, found.sha256)
            item = self.files.get(dataset, item["entry"]) or item
        if (item["landing_key"], item["sequencer"]) != (arrival.key, arrival.sequencer):
            self._record_duplicate(dataset, arrival, source, found, item)
            return "duplicate", item
        return ("waiting" if item["status"] == "waiting" else "taken"), item

    def _record_duplicate(
        self, dataset: str, arrival: Arrival, source: Source, found: Inspection, original: Item
    ) -> None:
        self.files.add(
            {
                "dataset": dataset,
                "entry": duplicate_entry(found.sha256, arrival.sequencer),
                "status": "duplicate",
                "sha256": found.sha256,
                "file_name": arrival.file_name,
                "landing_key": arrival.key,
                "size_bytes": found.size_bytes,
                "received_at": timestamp(source.uploaded_at),
                "duplicate_of": original["landing_key"],
            }
        )


def raw_name(file_name: str, suffix: str) -> str:
    """A name for raw that every reader takes literally; it ends with `suffix`, by which Spark knows gzip."""
    stem = UNSAFE.sub("_", file_name[: -len(suffix)])[:LONGEST_STEM]
    return stem + suffix


def _entry(dataset: str, arrival: Arrival, source: Source, found: Inspection, suffix: str) -> Item:
    # The time of the upload, not of this call: SQS may deliver out of order, and the later upload must win.
    received_at = timestamp(source.uploaded_at)
    return {
        "dataset": dataset,
        "entry": file_entry(found.sha256),
        "status": "registering",
        "sha256": found.sha256,
        "file_name": arrival.file_name,
        "landing_key": arrival.key,
        "sequencer": arrival.sequencer,
        "raw_key": naming.raw_key(
            dataset=dataset,
            ingest_date=received_at[:10],
            sha256=found.sha256,
            file_name=raw_name(arrival.file_name, suffix),
        ),
        "size_bytes": found.size_bytes,
        "received_at": received_at,
        "row_count": found.row_count,
        "header": list(found.header),
        "has_quotes": found.spans_lines,
    }
