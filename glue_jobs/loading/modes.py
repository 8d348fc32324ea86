"""What the tables hold of a run's files already, and what that means in a backfill and in a replay.

A backfill takes the rows of its files off the branch and loads them anew. In a replay the rows in the table stay and
all others are judged anew; so a record that was refused can be loaded, and one of an erased person cannot come back.
In both, a refused record that a corrected one has replaced stays refused, or both would be loaded.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from glue_jobs import storage
from glue_jobs.loading.work import Loading
from glue_jobs.transforms import figures, records
from rows.columns import RESOLVED_BY

Heads = dict[str, int | None]


def clear(loading: Loading, before: Heads) -> int | None:
    """Take the files' rows off the processed branch in a backfill; the snapshot that the new rows are compared with."""
    head = before[loading.processed.name]
    if loading.manifest.mode != "backfill" or head is None:
        return head
    loading.tables.delete(loading.processed, loading.branch, loading.of_files_sql)
    return loading.tables.head(loading.processed, loading.branch)


def judged(
    loading: Loading, rows: DataFrame, splits: list[Row], before: Heads
) -> tuple[DataFrame, list[Row]]:
    """The rows with the verdicts that hold in this mode, and their figures by split.

    Rows that stay as the table holds them have no split.
    """
    if loading.manifest.mode == "load":
        return rows, splits
    found = rows
    if before[loading.quarantine.name] is not None:
        resolved = _resolved(loading)
        found = records.still_resolved(found, resolved) if resolved.take(1) else found
    if loading.manifest.mode == "replay" and before[loading.processed.name] is not None:
        found = records.standing(
            found, loading.tables.read(loading.processed).where(loading.of_files)
        )
    if found is rows:
        return rows, splits
    # Written aside: Spark 4.1.1 fails to plan a MERGE into a table from a view that reads the table
    # ("No plan for TableReference"), and these rows are used several times.
    storage.write_rows(found, loading.judged_uri)
    written = loading.spark.read.schema(found.schema).parquet(loading.judged_uri)
    return written, figures.by_split(written, loading.contract).collect()


def _resolved(loading: Loading) -> DataFrame:
    """Published records of these files that corrected ones have replaced."""
    refused = loading.tables.read(loading.quarantine).where(
        loading.of_files & F.expr(loading.received_sql)
    )
    return refused.where(F.col(RESOLVED_BY).isNotNull())
