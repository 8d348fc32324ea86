"""The two DynamoDB ledgers: what an entry is called, which states it has, and the only writes that move it.

Every move is one conditional write: two writers cannot both win, and the same writer may repeat itself after a crash.
Tables are handed in as boto3 Table objects; this package imports the standard library only. A run keeps the hashes of
its files itself (`file_hashes`): whoever ends or resumes it reads them strongly consistent; the index would lag.
"""

from pipeline.ledger.entries import (
    BY_STATUS,
    DUPLICATE_PREFIX,
    HELD_STATUS,
    LOCK_ENTRY,
    RUN_PREFIX,
    UNKNOWN_DATASET,
    FileStatus,
    Item,
    RunStatus,
    again_sha256,
    duplicate_entry,
    erased_entry,
    file_entry,
    ignored_entry,
    incomplete_entry,
    new_run_id,
    rejected_entry,
    run_entry,
    sequencer_of,
    timestamp,
)
from pipeline.ledger.files import DELIVERY, FileLedger
from pipeline.ledger.runs import RunLedger

__all__ = [
    "BY_STATUS",
    "DELIVERY",
    "DUPLICATE_PREFIX",
    "HELD_STATUS",
    "LOCK_ENTRY",
    "RUN_PREFIX",
    "UNKNOWN_DATASET",
    "FileLedger",
    "FileStatus",
    "Item",
    "RunLedger",
    "RunStatus",
    "again_sha256",
    "duplicate_entry",
    "erased_entry",
    "file_entry",
    "ignored_entry",
    "incomplete_entry",
    "new_run_id",
    "rejected_entry",
    "run_entry",
    "sequencer_of",
    "timestamp",
]
