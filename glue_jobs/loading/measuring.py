"""Rows and money of each file, each figure as it was measured: read, loaded, quarantined, deduplicated."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from contracts import model
from glue_jobs.loading.work import Loading
from glue_jobs.quality.checks import ERASED
from glue_jobs.transforms import figures, period_columns
from glue_jobs.transforms.deduplication import FATE, SUPERSEDED
from glue_jobs.transforms.figures import ROWS, Totals
from pipeline.run_documents import LoadedFile, PartTotals, TouchedDates
from rows.columns import RULE_IDS, SOURCE_SHA256

Committed = dict[tuple[str, str], Row]  # (table, file) -> rows and totals
PROCESSED, QUARANTINE = "processed", "quarantine"


def loaded(loading: Loading, splits: list[Row]) -> DataFrame:
    """The rows of the run's files on the processed branch as committed."""
    contract = loading.contract
    partitions = [day for split in splits for day in split["partitions"]]
    touched = period_columns.within(
        contract.partition_column, partitions, contract.partition_transform
    )
    return loading.tables.read(loading.processed, draft=loading.branch).where(
        loading.of_files & touched
    )


def committed(loading: Loading, splits: list[Row]) -> Committed:
    """What the tables hold of these files, on the branch as committed."""
    refused = loading.tables.read(loading.quarantine, draft=loading.branch)
    parts = [
        figures.by_file(rows, loading.contract).withColumn("table", F.lit(name))
        for name, rows in (
            (PROCESSED, loaded(loading, splits)),
            (QUARANTINE, refused.where(loading.of_files & F.expr(loading.received_sql))),
        )
    ]
    return {
        (row["table"], row[SOURCE_SHA256]): row
        for row in reduce(DataFrame.unionByName, parts).collect()
    }


def erased(loading: Loading) -> dict[str, int]:
    """Records that were refused because their person was erased, by file; files without any are left out."""
    if not loading.manifest.erased_subjects:
        return {}
    refused = loading.tables.read(loading.quarantine, draft=loading.branch)
    theirs = refused.where(
        loading.of_files & F.expr(loading.received_sql) & F.array_contains(RULE_IDS, ERASED)
    )
    return {
        row[SOURCE_SHA256]: row["count"] for row in theirs.groupBy(SOURCE_SHA256).count().collect()
    }


def by_file(
    loading: Loading, read: list[Row], fates: list[Row], found: Committed
) -> tuple[LoadedFile, ...]:
    """What became of each file. `read` are the figures of the staged rows by split."""
    files, of_erased = [], erased(loading)
    for file in loading.manifest.files:
        measured = {
            "read": [split for split in read if split[SOURCE_SHA256] == file.sha256],
            "loaded": [row for row in [found.get((PROCESSED, file.sha256))] if row],
            "quarantined": [row for row in [found.get((QUARANTINE, file.sha256))] if row],
            "deduplicated": [
                row
                for row in fates
                if row[SOURCE_SHA256] == file.sha256 and row[FATE] == SUPERSEDED
            ],
        }
        files.append(
            LoadedFile(
                sha256=file.sha256,
                file_name=file.file_name,
                **{
                    f"rows_{name}": sum(row[ROWS] for row in rows)
                    for name, rows in measured.items()
                },
                totals=PartTotals(
                    **{name: _totals(rows, loading.contract) for name, rows in measured.items()}
                ),
                rows_erased=of_erased.get(file.sha256),
            )
        )
    return tuple(files)


def touched_dates(splits: list[Row]) -> TouchedDates:
    """First and last day of the valid rows."""
    days = [
        split[name]
        for split in splits
        for name in ("first_day", "last_day")
        if split[name] is not None
    ]
    return TouchedDates(min=min(days, default=None), max=max(days, default=None))


def _totals(rows: Iterable[Row], contract: model.Contract) -> Totals:
    parts = (figures.totals(row.asDict(), contract) for row in rows)
    return figures.to_scale(figures.added(parts, contract), contract)
