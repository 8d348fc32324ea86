"""Raw files of one run into the processed table and its quarantine, on branches that nobody reads yet.

One pass over the raw files writes staged rows; everything after reads those. The figures that the gate compares are
measured in four places on purpose: while reading (Observation), on the staged rows, against the table as it was, and in
the tables as committed. The run can be repeated at any time: branches start again from the published state, and a row
that the table already holds from the same place of the same file counts as loaded and is not written again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, Observation, Row, SparkSession
from pyspark.sql import functions as F

from contracts import model, naming
from glue_jobs import periods, reading
from glue_jobs.batch import Batch
from glue_jobs.tables import Table, Tables
from glue_jobs.transforms import deduplication, figures, layout, records, staging
from glue_jobs.transforms.deduplication import FATE, REPLACING, SUPERSEDED
from glue_jobs.transforms.figures import ROWS, Totals

SPLITS_SCHEMA = (
    f"{staging.SOURCE} string, {staging.SPLIT_START} bigint, {records.ROWS_BEFORE} bigint, "
    f"{records.FILE_NAME} string, {records.RECEIVED_AT} timestamp_ntz"
)


@dataclass(frozen=True, kw_only=True)
class Loading:
    """What a run works with."""

    spark: SparkSession
    contract: model.Contract
    batch: Batch
    processed: Table
    quarantine: Table
    tables: Tables
    staged_uri: str

    @property
    def branch(self) -> str:
        """Branch of this run."""
        return naming.branch(self.batch.run_id)

    @property
    def hashes(self) -> list[str]:
        """Content hashes of the files of this run."""
        return [file.sha256 for file in self.batch.files]


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What was counted while the raw files were read."""

    rows: int
    totals: Totals


def run(loading: Loading) -> dict[str, Any]:
    """Load the batch on the run's branches and return the result document (docs/architecture.md)."""
    started = time.monotonic()
    tables, branch = (loading.processed, loading.quarantine), loading.branch
    for table in tables:
        loading.tables.ensure(table)
    before = {table.name: loading.tables.start_branch(table, branch) for table in tables}
    staged, observed = _stage(loading)
    splits = figures.by_split(staged, loading.contract).collect()
    rows = _numbered(loading, staged, splits)
    _quarantine(loading, rows, splits, before[loading.quarantine.name])
    fates = _merge(loading, rows, splits, before[loading.processed.name])
    committed = _committed(loading, splits)
    by_rule = _by_rule(staged, splits)
    return {
        "dataset": loading.contract.dataset,
        "run_id": loading.batch.run_id,
        "contract_version": loading.contract.version,
        "engine": "spark",
        "branch": branch,
        "snapshots": {
            table.name: {"before": before[table.name], "after": loading.tables.head(table, branch)} for table in tables
        },
        "observed": {"rows_read": observed.rows, "totals": figures.written(observed.totals, loading.contract)},
        "files": _files(loading, splits, fates, committed),
        **_rules(loading.contract, by_rule),
        "touched_dates": {"min": _day(min, splits, "first_day"), "max": _day(max, splits, "last_day")},
        "duration_seconds": round(time.monotonic() - started, 1),
    }


def _stage(loading: Loading) -> tuple[DataFrame, Observed]:
    """The one pass over the raw files: parse, check, count, write; then the written rows, to be read again."""
    parts, observations = [], []
    for shape, files in layout.by_layout(loading.contract, loading.batch.files).items():
        observation = Observation()
        raw = reading.text_fields(loading.spark, loading.contract, shape, files)
        parsed = staging.parsed(raw, loading.contract, shape)
        counted = parsed.observe(observation, *figures.of_source(loading.contract))
        parts.append(staging.checked(counted, loading.contract, shape))
        observations.append(observation)
    rows = reduce(DataFrame.unionByName, parts)
    split_bytes = reading.split_bytes(loading.spark, loading.batch)
    tasks = max(loading.spark.sparkContext.defaultParallelism, math.ceil(loading.batch.size_bytes / split_bytes))
    with reading.one_split_per_partition(loading.spark, split_bytes):
        # Joins splits after the rows have got their numbers: 500 small files are not 500 tasks.
        writer = rows.coalesce(tasks).write.mode("overwrite")
        writer.option("mapreduce.fileoutputcommitter.algorithm.version", "2").parquet(loading.staged_uri)
    counts = [observation.get for observation in observations]
    totals = figures.added((figures.totals(count, loading.contract) for count in counts), loading.contract)
    observed = Observed(rows=sum(count[ROWS] for count in counts), totals=totals)
    return loading.spark.read.schema(rows.schema).parquet(loading.staged_uri), observed


def _numbered(loading: Loading, staged: DataFrame, splits: list[Row]) -> DataFrame:
    files = {file.sha256: file for file in loading.batch.files}
    places, before = [], dict.fromkeys(files, 0)
    for split in sorted(splits, key=lambda row: (row[staging.SOURCE], row[staging.SPLIT_START])):
        file = files[split[staging.SOURCE]]
        places.append((file.sha256, split[staging.SPLIT_START], before[file.sha256], file.file_name, file.received_at))
        before[file.sha256] += split[ROWS]
    frame = loading.spark.createDataFrame(places, SPLITS_SCHEMA)
    return records.numbered(staged, frame, loading.batch.run_id, loading.contract.version)


def _quarantine(loading: Loading, rows: DataFrame, splits: list[Row], before: int | None) -> None:
    if before is not None:  # an earlier attempt may have published refused records of the same files
        received = f"{records.RECEIVED_AT} BETWEEN {' AND '.join(_received(loading))}"
        hashes = ", ".join(f"'{sha256}'" for sha256 in loading.hashes)
        loading.tables.delete(loading.quarantine, loading.branch, f"{received} AND {staging.SOURCE} IN ({hashes})")
    if any(split["refused"] for split in splits):
        loading.tables.append(loading.quarantine, loading.branch, records.quarantined(rows))


def _merge(loading: Loading, rows: DataFrame, splits: list[Row], before: int | None) -> list[Row]:
    """Write what is new to the processed branch; per file and fate the rows that were not simply new."""
    if not any(split[ROWS] - split["refused"] for split in splits):
        return []
    contract, valid = loading.contract, records.valid(rows)
    judged = deduplication.not_new(valid, _held(loading, splits, before), contract).persist()
    fates = figures.by_fate(judged, contract).collect()
    dropped = sum(row[ROWS] for row in fates if row[FATE] != REPLACING)
    kept = deduplication.without(valid, judged.where(F.col(FATE) != REPLACING)) if dropped else valid
    if any(row[FATE] == REPLACING for row in fates):
        on, newer = _match(loading, fates)
        loading.tables.merge(loading.processed, loading.branch, kept, on=on, newer=newer)
    elif dropped < sum(split[ROWS] - split["refused"] for split in splits):
        loading.tables.append(loading.processed, loading.branch, kept)
    judged.unpersist()
    return fates


def _held(loading: Loading, splits: list[Row], before: int | None) -> DataFrame:
    """Rows of the table before the run that can share a key with the batch; file statistics skip the others."""
    held = loading.tables.read(loading.processed, snapshot=before)
    if not loading.contract.key:
        return held
    spans = [split for split in splits if split["least_key"] is not None]
    least, greatest = min(span["least_key"] for span in spans), max(span["greatest_key"] for span in spans)
    return held.where(F.col(loading.contract.key[0]).between(F.lit(least), F.lit(greatest)))


def _match(loading: Loading, fates: list[Row]) -> tuple[str, str]:
    """Conditions of the merge: same key, within the partitions where keys were found to match; and newer."""
    contract = loading.contract
    partitions = [day for row in fates if row[FATE] == REPLACING for day in row["partitions"]]
    same = [f"t.`{name}` = s.`{name}`" for name in records.key(contract)]
    within = periods.within_sql(f"t.`{contract.partition_column}`", partitions, contract.partition_transform)
    mine, theirs = (", ".join(f"{side}.{name}" for name in records.ORDER) for side in "st")
    return f"{' AND '.join(same)} AND {within}", f"struct({mine}) > struct({theirs})"


def _committed(loading: Loading, splits: list[Row]) -> dict[tuple[str, str], Row]:
    """What the tables hold of these files, on the branch as committed: (table, file) -> rows and totals."""
    contract, read = loading.contract, loading.tables.read
    ours = F.col(staging.SOURCE).isin(loading.hashes)
    partitions = [day for split in splits for day in split["partitions"]]
    touched = periods.within(contract.partition_column, partitions, contract.partition_transform)
    first, last = _received(loading)
    recent = F.col(records.RECEIVED_AT).between(F.expr(first), F.expr(last))
    loaded = read(loading.processed, branch=loading.branch).where(ours & touched)
    refused = read(loading.quarantine, branch=loading.branch).where(ours & recent)
    parts = [
        figures.by_file(rows, contract).withColumn("table", F.lit(name))
        for name, rows in (("processed", loaded), ("quarantine", refused))
    ]
    return {(row["table"], row[staging.SOURCE]): row for row in reduce(DataFrame.unionByName, parts).collect()}


def _received(loading: Loading) -> tuple[str, str]:
    """First and last arrival of the batch as SQL literals, by which the quarantine's partitions are skipped."""
    times = [file.received_at for file in loading.batch.files]
    return f"TIMESTAMP_NTZ '{min(times)}'", f"TIMESTAMP_NTZ '{max(times)}'"


def _by_rule(staged: DataFrame, splits: list[Row]) -> dict[str, int]:
    if not any(split["refused"] or split["warned"] for split in splits):
        return {}
    return {row["rule_id"]: row[ROWS] for row in figures.by_rule(staged).collect()}


def _rules(contract: model.Contract, by_rule: dict[str, int]) -> dict[str, dict[str, int]]:
    action = {rule.id: rule.action for rule in contract.rules}
    warned = {name: count for name, count in sorted(by_rule.items()) if action.get(name) == "warn"}
    halting = {name: count for name, count in sorted(by_rule.items()) if action.get(name) == "halt"}
    refused = {name: count for name, count in sorted(by_rule.items()) if name not in warned}
    return {"quarantine_by_rule": refused, "warnings_by_rule": warned, "halted_by_rule": halting}


def _files(
    loading: Loading, splits: list[Row], fates: list[Row], committed: dict[tuple[str, str], Row]
) -> list[dict[str, Any]]:
    """Rows and money of each file: read, loaded, quarantined and deduplicated, each as it was measured."""
    documents = []
    for file in loading.batch.files:
        measured = {
            "read": [split for split in splits if split[staging.SOURCE] == file.sha256],
            "loaded": [row for row in [committed.get(("processed", file.sha256))] if row],
            "quarantined": [row for row in [committed.get(("quarantine", file.sha256))] if row],
            "deduplicated": [row for row in fates if row[staging.SOURCE] == file.sha256 and row[FATE] == SUPERSEDED],
        }
        documents.append(
            {
                "sha256": file.sha256,
                "file_name": file.file_name,
                **{f"rows_{name}": sum(row[ROWS] for row in rows) for name, rows in measured.items()},
                "totals": {name: _totals(rows, loading.contract) for name, rows in measured.items()},
            }
        )
    return documents


def _totals(rows: Iterable[Row], contract: model.Contract) -> dict[str, str]:
    parts = (figures.totals(row.asDict(), contract) for row in rows)
    return figures.written(figures.added(parts, contract), contract)


def _day(best: Any, splits: list[Row], name: str) -> str | None:
    days = [split[name] for split in splits if split[name] is not None]
    return best(days).isoformat() if days else None
