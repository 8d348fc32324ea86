"""The one pass over the raw files, and every figure as it was measured: read, loaded, quarantined, deduplicated.

The pass parses, checks, protects, counts and writes; everything after reads the written rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import reduce
from itertools import groupby
from operator import itemgetter

from pyspark.sql import DataFrame, Observation, Row
from pyspark.sql import functions as F

from contracts import model
from glue_jobs import reading, storage
from glue_jobs.loading import keeping, samples
from glue_jobs.loading.work import LoadRun
from glue_jobs.transforms import figures, period_columns, records, staging
from glue_jobs.transforms.deduplication import FATE
from glue_jobs.transforms.figures import ROWS, Totals
from pipeline.modes import loads_again
from pipeline.run_documents import LoadedFile, RetractedRows, TableEffect, TouchedDates
from rows import effects, layout, load_figures
from rows.columns import (
    PLACE,
    RECEIVED_AT,
    ROWS_BEFORE,
    RULE_IDS,
    SOURCE_FILE,
    SOURCE_SHA256,
    SPLIT_START,
    origin_name,
)
from rows.effects import FateCount
from rows.expressions.checks import ERASED
from rows.expressions.one_pass import OnePass
from rows.load_figures import ByFile, Figures, Measured
from rows.spark_dialect import SparkDialect

SPLITS_SCHEMA = (
    f"{SOURCE_SHA256} string, {SPLIT_START} bigint, {ROWS_BEFORE} bigint, "
    f"{SOURCE_FILE} string, {RECEIVED_AT} timestamp_ntz"
)

ARRIVALS_SCHEMA = f"{SOURCE_SHA256} string, {RECEIVED_AT} timestamp_ntz"


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What was counted while the raw files were read."""

    rows: int
    totals: Totals


def stage(loading: LoadRun) -> tuple[DataFrame, Observed]:
    """Write the checked rows of all files aside; they, as read back, and what was counted on the way."""
    key, erased = loading.pii_key, loading.manifest.erased_subjects
    pads = None if key is None else staging.key_pads(loading.spark, key)
    parts, observations = [], []
    for shape, files in layout.by_layout(
        loading.contract, loading.manifest.files, loading.header_change
    ).items():
        observation = Observation()
        raw = reading.text_fields(loading.spark, loading.contract, shape, files)
        one_pass = OnePass(
            dialect=SparkDialect(), contract=loading.contract, layout=shape, erased=erased
        )
        parsed = staging.parsed(raw, one_pass)
        counted = parsed
        if files:  # Spark plans no observation of nothing, and would wait for it for ever
            counted = parsed.observe(observation, *figures.of_source(loading.contract))
            observations.append(observation)
        parts.append(staging.checked(counted, one_pass, pads))
    staged = keeping.of_run(loading).staged
    origins = {
        origin_name(name): F.expr(staged(loading.without(name))) for name in loading.kept_columns
    }
    rows = reduce(DataFrame.unionByName, parts).withColumns(origins)
    split_bytes = reading.split_bytes(loading.spark, loading.manifest)
    tasks = max(
        loading.spark.sparkContext.defaultParallelism,
        math.ceil(loading.manifest.size_bytes / split_bytes),
    )
    with reading.one_split_per_partition(loading.spark, split_bytes):
        # Joins splits after the rows have got their numbers: 500 small files are not 500 tasks.
        storage.write_rows(rows.coalesce(tasks), loading.staged_uri)
    counts = [observation.get for observation in observations]
    totals = figures.added(
        (figures.totals(count, loading.contract) for count in counts), loading.contract
    )
    observed = Observed(rows=sum(count[ROWS] for count in counts), totals=totals)
    return loading.spark.read.schema(rows.schema).parquet(loading.staged_uri), observed


def by_split(loading: LoadRun, staged: DataFrame) -> list[Row]:
    """Figures of each split as it was read; rows get their origin only by them, so arrivals come from the manifest."""
    if loading.contract.partition_column == RECEIVED_AT:
        arrivals = [(file.sha256, file.received_at) for file in loading.manifest.files]
        frame = loading.spark.createDataFrame(arrivals, ARRIVALS_SCHEMA)
        staged = staged.join(F.broadcast(frame), SOURCE_SHA256)
    return figures.by_split(staged, loading.contract).collect()


def numbered(loading: LoadRun, staged: DataFrame, splits: list[Row]) -> DataFrame:
    """Staged rows with their origin; a record's number is the rows of earlier splits of its file plus its place."""
    files = {file.sha256: file for file in loading.manifest.files}
    places, before = [], dict.fromkeys(files, 0)
    for split in sorted(splits, key=lambda row: (row[SOURCE_SHA256], row[SPLIT_START])):
        file = files[split[SOURCE_SHA256]]
        places.append(
            (file.sha256, split[SPLIT_START], before[file.sha256], file.file_name, file.received_at)
        )
        before[file.sha256] += split[ROWS]
    frame = loading.spark.createDataFrame(places, SPLITS_SCHEMA)
    return records.numbered(staged, frame, loading.manifest.run_id, loading.contract.version)


Committed = dict[tuple[str, str], Row]  # (table, file) -> rows and totals
PROCESSED, QUARANTINE, HISTORY = "processed", "quarantine", "history"


def loaded(loading: LoadRun, splits: list[Row]) -> DataFrame:
    """The rows of the run's files on the processed branch as committed."""
    contract = loading.contract
    partitions = [day for split in splits for day in split["partitions"]]
    touched = period_columns.within(
        contract.partition_column, partitions, contract.partition_transform
    )
    return loading.tables.read(loading.processed, draft=loading.branch).where(
        loading.of_files & touched
    )


def committed(loading: LoadRun, splits: list[Row]) -> Committed:
    """What the tables hold of these files, on the branch as committed."""
    refused = loading.tables.read(loading.quarantine, draft=loading.branch)
    held = [
        (PROCESSED, loaded(loading, splits)),
        (QUARANTINE, refused.where(loading.of_files & F.expr(loading.received_sql))),
    ]
    if loading.contract.history:
        versions = loading.tables.read(loading.history, draft=loading.branch)
        held.append((HISTORY, versions.where(loading.of_deliveries)))
    parts = [
        figures.by_file(rows, loading.contract).withColumn("table", F.lit(name))
        for name, rows in held
    ]
    return {
        (row["table"], row[SOURCE_SHA256]): row
        for row in reduce(DataFrame.unionByName, parts).collect()
    }


def erased(loading: LoadRun) -> dict[str, int]:
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


def rows_keeping(loading: LoadRun) -> dict[str, int]:
    """Rows in the table with a value of another delivery, by file; files without any are left out."""
    if not loading.kept_columns:
        return {}
    is_keeping = F.expr(keeping.of_run(loading).is_keeping)
    rows = loading.tables.read(loading.processed, draft=loading.branch)
    counted = rows.where(loading.of_files & is_keeping).groupBy(SOURCE_SHA256).count()
    return {row[SOURCE_SHA256]: row["count"] for row in counted.collect()}


def effects_of(
    loading: LoadRun, splits: list[Row], counts: list[FateCount], before: int | None
) -> dict[str, TableEffect]:
    """What each file did to the table as it was at the snapshot `before`. `splits` are those of the rows judged."""
    valid = dict.fromkeys(loading.hashes, 0)
    for split in splits:
        valid[split[SOURCE_SHA256]] += split[ROWS] - split["refused"]
    return effects.by_file(valid, counts, _reloaded(loading, splits, before))


def retracted(
    loading: LoadRun, before: Mapping[str, int | None], reopened: int
) -> RetractedRows | None:
    """What became of the file that this run retracts, counted in the tables as published and as committed."""
    for sha256 in loading.retracted:
        tables = loading.drafts
        own = F.col(SOURCE_SHA256) == sha256
        rows, refusals, *versions = (
            0
            if before[table.name] is None
            else loading.tables.read(table, version=before[table.name]).where(own).count()
            for table in tables
        )
        kept = F.expr(keeping.of_run(loading).said_by(sha256))
        conditions = {loading.processed.name: own | kept}
        left = (
            loading.tables.read(t, draft=loading.branch).where(conditions.get(t.name, own))
            for t in tables
        )
        return RetractedRows(
            sha256=sha256,
            rows_taken_out=rows,
            refusals_taken_out=refusals,
            versions_taken_out=versions[0] if versions else None,
            corrections_reopened=reopened,
            rows_left=sum(each.count() for each in left),
        )
    return None


def _reloaded(loading: LoadRun, splits: list[Row], before: int | None) -> dict[str, int]:
    """Rows by file that the run took off the branch and loaded anew."""
    if not loads_again(loading.manifest.mode) or before is None:
        return {}
    earlier = loading.tables.read(loading.processed, version=before).where(loading.of_files)
    again = (
        loaded(loading, splits).select(*PLACE).join(earlier.select(*PLACE), [*PLACE], "left_semi")
    )
    return {
        row[SOURCE_SHA256]: row["count"] for row in again.groupBy(SOURCE_SHA256).count().collect()
    }


def by_file(
    loading: LoadRun,
    read: list[Row],
    fates: list[Row],
    found: Committed,
    effects_by_file: Mapping[str, TableEffect],
) -> tuple[LoadedFile, ...]:
    """What became of each file. `read` are the figures of the staged rows by split."""
    contract = loading.contract
    of_table = {
        name: [row for (table, _), row in found.items() if table == name]
        for name in (PROCESSED, QUARANTINE, HISTORY)
    }
    measured = Measured(
        read=_figures(read, contract),
        loaded=_figures(of_table[PROCESSED], contract),
        quarantined=_figures(of_table[QUARANTINE], contract),
        deduplicated=_figures([row for row in fates if row[FATE] in effects.DROPPED], contract),
        effects=effects_by_file,
        erased=erased(loading),
        samples=samples.by_file(loading) if of_table[QUARANTINE] else {},
        last_days=_last_days(read),
        keeping=rows_keeping(loading),
        history=_figures(of_table[HISTORY], contract) if contract.history else None,
    )
    return load_figures.loaded_files(contract, loading.manifest.files, measured)


def _figures(rows: list[Row], contract: model.Contract) -> ByFile:
    """By file, the figures of its rows together."""
    return {
        sha256: Figures(
            rows=sum(row[ROWS] for row in own),
            totals=figures.added((figures.totals(row.asDict(), contract) for row in own), contract),
        )
        for sha256, own in _of_each_file(rows)
    }


def _last_days(splits: list[Row]) -> dict[str, date]:
    """By file, the last day of its valid rows; files without any are left out."""
    days = {
        sha256: [split["last_day"] for split in own if split["last_day"] is not None]
        for sha256, own in _of_each_file(splits)
    }
    return {sha256: max(own) for sha256, own in days.items() if own}


def _of_each_file(rows: list[Row]) -> Iterator[tuple[str, list[Row]]]:
    own = itemgetter(SOURCE_SHA256)
    yield from ((sha256, list(group)) for sha256, group in groupby(sorted(rows, key=own), own))


def touched_dates(splits: list[Row]) -> TouchedDates:
    """First and last day of the valid rows."""
    days = [
        split[name]
        for split in splits
        for name in ("first_day", "last_day")
        if split[name] is not None
    ]
    return TouchedDates(min=min(days, default=None), max=max(days, default=None))
