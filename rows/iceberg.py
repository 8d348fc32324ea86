"""What both engines must agree on about Iceberg tables: names, properties, and what a partition value means.

MERGE is copy-on-write: a run rewrites only the month files that hold a corrected row, once or a few times a day, and
every reader (Athena, Redshift, PyIceberg) then reads plain files. Merge-on-read would make each of them apply position
deletes until a compaction, which is a better trade only for many small updates per hour.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, assert_never

from rows.tables import Table

MAIN = "main"
RUN_BRANCHES = "run_"  # prefix of contracts.naming.branch
UNIX_EPOCH = date(1970, 1, 1)

PROPERTIES = {
    "format-version": "2",
    "write.merge.mode": "copy-on-write",
    "write.delete.mode": "copy-on-write",
    "write.distribution-mode": "hash",  # rows of a partition meet in one task: one file per partition and run
    "write.merge.distribution-mode": "hash",
    "write.parquet.compression-codec": "zstd",
    "write.target-file-size-bytes": str(128 * 1024 * 1024),
    "write.metadata.delete-after-commit.enabled": "true",  # each commit writes a metadata file: keep the last 50
    "write.metadata.previous-versions-max": "50",
}


def first_day(table: Table, value: Any) -> date:
    """The date that an Iceberg partition value stands for: months and years are counted from 1970."""
    match table.partition_transform:
        case "month":
            return date(1970 + value // 12, value % 12 + 1, 1)
        case "year":
            return date(1970 + value, 1, 1)
        case "identity" | "day":
            return value if isinstance(value, date) else UNIX_EPOCH + timedelta(days=value)
        case _:
            assert_never(table.partition_transform)
