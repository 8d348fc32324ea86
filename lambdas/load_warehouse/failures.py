"""Why the warehouse refused a batch, in words of the contract: which table, which statement, by how much."""

from __future__ import annotations

import re
from collections.abc import Sequence

from contracts.errors import SlipwayError, WarehouseConflict, WarehouseLoadFailed
from contracts.warehouse.sql import Head, head_of
from lambdas.load_warehouse.data_api import Batch, Row

COMPARE, CHECKED_COLUMN = "compare", "equal_to_lake"
# Source: Redshift database developer guide, "Serializable isolation", "How to fix serializable isolation errors" (1023,
# and 1018 when another transaction dropped and made the table), "Potential deadlock situation".
_CONFLICT = re.compile(
    r"error:\s*(1023|1018)\b|serializable isolation violation|deadlock detected", re.IGNORECASE
)
DOING = {
    "create_schema": "creating a schema",
    "create_loads": "creating a table of loads",
    "create_load_checks": "creating a table of loads",
    "read_loads": "reading earlier loads",
    "drop_table": "dropping the table, whose shape has changed",
    "create_table": "creating the table",
    "stage_table": "creating the staging table",
    "stage_rows": "copying rows out of the lake",
    "delete_gone": "deleting rows that the lake no longer has",
    "merge": "merging the staged rows",
    "compare": "comparing with the lake",
    "record": "writing down the load",
    "figures": "reading the figures",
    "lake_bytes": "asking how many bytes were read",
    "comment_table": "describing the table",
    "comment_column": "describing a column",
}


def failed_head(batch: Batch) -> Head | None:
    """Which statement a batch failed at, when it is one that says so."""
    part = batch.failed_part
    return head_of(part.text) if part else None


def is_difference(batch: Batch) -> bool:
    """Whether the lake and the table differ: the comparison put a null where none may be."""
    head = failed_head(batch)
    return head is not None and head.kind == COMPARE and CHECKED_COLUMN in _words(batch)


def error_of(batch: Batch, figures: Sequence[Row] = ()) -> SlipwayError:
    """The error that a failed batch is; `figures` are those of lake and table, when they differ.

    A WarehouseConflict may succeed when the load is begun anew; everything else is WarehouseLoadFailed.
    """
    head, words = failed_head(batch), _words(batch)
    if _CONFLICT.search(words):
        return WarehouseConflict(f"{_subject(head)}: another transaction was in the way: {words}")
    if is_difference(batch) and head is not None:
        return WarehouseLoadFailed(
            "\n".join([f"{head.table}: {_difference(figures)}", *_lines(figures)])
        )
    return WarehouseLoadFailed(
        f"{_subject(head)}: the warehouse answered {words!r}; the load was rolled back, all tables are as before"
    )


def _subject(head: Head | None) -> str:
    if head is None:
        return "load of the warehouse"
    doing = DOING.get(head.kind, head.kind)
    return f"{head.table}: {doing}" if head.table else doing


def _words(batch: Batch) -> str:
    part = batch.failed_part
    return (part.error if part else "") or batch.error or f"nothing, status {batch.status}"


def _difference(figures: Sequence[Row]) -> str:
    kept = "the load was rolled back, the table is as before, and the next load takes all of it"
    wrong = [row for row in figures if row["lake_value"] != row["warehouse_value"]]
    if not wrong:
        return (
            "lake and warehouse differed after the load, and no longer do: "
            f"the lake has changed in the meantime; {kept}"
        )
    first = wrong[0]
    found = f"{first['measure']} would be {first['warehouse_value']} in the warehouse and is {first['lake_value']}"
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return f"{found} in the lake{more}; {kept}"


def _lines(figures: Sequence[Row]) -> list[str]:
    return [
        f"- {row['measure']}: lake {row['lake_value']}, warehouse {row['warehouse_value']}"
        + ("" if row["lake_value"] == row["warehouse_value"] else " DIFFERENT")
        for row in figures
    ]
