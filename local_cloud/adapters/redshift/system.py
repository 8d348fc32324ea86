"""System views: what the warehouse tells about its own work. Only SYS_EXTERNAL_QUERY_DETAIL is emulated.

Source: Redshift database developer guide, SYS_EXTERNAL_QUERY_DETAIL. `returned_rows` and `returned_bytes` are, for S3,
what was read of the external table; partitions are null, since Iceberg tables have none of Glue's.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from local_cloud.adapters.redshift.lake import Scan

EXTERNAL_QUERY_DETAIL = "sys_external_query_detail"
TEXT_LIMIT = 4000
_STAMP = pa.timestamp("us")
_SCHEMA = pa.schema(
    [
        ("user_id", pa.int32()), ("query_id", pa.int64()), ("transaction_id", pa.int64()),
        ("child_query_sequence", pa.int32()), ("segment_id", pa.int32()), ("source_type", pa.string()),
        ("start_time", _STAMP), ("end_time", _STAMP), ("duration", pa.int64()), ("total_partitions", pa.int32()),
        ("qualified_partitions", pa.int32()), ("scanned_files", pa.int32()), ("returned_rows", pa.int64()),
        ("returned_bytes", pa.int64()), ("file_format", pa.string()), ("file_location", pa.string()),
        ("external_query_text", pa.string()), ("table_name", pa.string()),
    ]
)  # fmt: skip


@dataclass(kw_only=True)
class Log:
    """Reads of external tables since the server started, those of rolled back statements too."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def scanned(
        self, scan: Scan, *, user_id: int, query_id: int, started: dt.datetime, sql: str
    ) -> None:
        """Keep one read; `started` is in UTC."""
        ended = dt.datetime.now(dt.UTC)
        self.rows.append(
            {
                "user_id": user_id,
                "query_id": query_id,
                "transaction_id": None,
                "child_query_sequence": 0,
                "segment_id": 0,
                "source_type": "S3",
                "start_time": started.replace(tzinfo=None),
                "end_time": ended.replace(tzinfo=None),
                "duration": (ended - started) // dt.timedelta(microseconds=1),
                "scanned_files": scan.files,
                "returned_rows": scan.data.num_rows,
                "returned_bytes": scan.bytes_read,
                "file_format": "Parquet",
                "file_location": scan.location,
                "external_query_text": sql[:TEXT_LIMIT],
                "table_name": scan.table,
            }
        )

    def external_query_detail(self, user_id: int | None) -> pa.Table:
        """The view as user `user_id` sees it; None is a superuser, who sees every row."""
        rows = [row for row in self.rows if user_id is None or row["user_id"] == user_id]
        return pa.Table.from_pylist(rows, schema=_SCHEMA)
