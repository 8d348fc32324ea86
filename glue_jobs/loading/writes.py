"""What a run writes on its branches: refused records, corrections, and the rows that are new.

A backfill or retraction takes the rows of its files off the branch and loads them anew, but not those of a
file that is retracted. In a replay the rows in the table stay and all others are judged anew; so a record that
was refused can be loaded, and one of an erased person cannot come back. In all of them, a refused record that
a corrected one has replaced stays refused, or both would be loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from contracts import model
from glue_jobs import storage
from glue_jobs.loading import keeping
from glue_jobs.loading.work import LoadRun
from glue_jobs.transforms import deduplication, figures, period_columns, records
from glue_jobs.transforms.deduplication import FATE, HAS_SAME_VALUES, HELD_FILE
from glue_jobs.transforms.figures import ROWS
from pipeline.modes import loads_again
from rows import periods
from rows.columns import ORDER, RESOLVED_AT, RESOLVED_BY, SOURCE_ROW, SOURCE_SHA256
from rows.effects import KEPT, OUTDATED, REPEATED, REPLACING, FateCount
from rows.spark_dialect import SparkDialect

Heads = dict[str, int | None]
VALID, EARLIER = "history_valid", "history_earlier"  # views that the queries of rows.history read


def clear(loading: LoadRun, before: Heads) -> int | None:
    """Take the files' rows off the processed branch where they are loaded anew; the snapshot that these are compared
    with.
    """
    head = before[loading.processed.name]
    if not loads_again(loading.manifest.mode) or head is None:
        return head
    loading.tables.delete(loading.processed, loading.branch, loading.of_files_sql)
    return loading.tables.head(loading.processed, loading.branch)


def judged(
    loading: LoadRun, rows: DataFrame, splits: list[Row], before: Heads
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


def _resolved(loading: LoadRun) -> DataFrame:
    """Published records of these files that corrected ones have replaced, but for those of a retracted file."""
    refused = loading.tables.read(loading.quarantine).where(
        loading.of_files & F.expr(loading.received_sql)
    )
    return refused.where(
        F.col(RESOLVED_BY).isNotNull() & ~F.col(RESOLVED_BY).isin(loading.retracted)
    )


def quarantine(loading: LoadRun, rows: DataFrame, splits: list[Row], before: int | None) -> None:
    """Put the refused records of the files in place of those that the table holds of them."""
    if (
        before is not None
    ):  # an earlier attempt, or another run with these files, may have published some
        condition = f"{loading.received_sql} AND {loading.of_files_sql}"
        loading.tables.delete(loading.quarantine, loading.branch, condition)
    if any(split["refused"] for split in splits):
        refused = records.quarantined(rows, loading.contract)
        loading.tables.append(loading.quarantine, loading.branch, refused)


def history(loading: LoadRun, rows: DataFrame, splits: list[Row], before: Heads) -> None:
    """Put the valid records of the files in place of those that the history holds of these deliveries."""
    if not loading.writes_history:
        return
    table, again = loading.history, loads_again(loading.manifest.mode)
    held = before[table.name]
    if held is not None:
        own = loading.of_files_sql if again else loading.of_deliveries
        loading.tables.delete(table, loading.branch, own)
    if not loading.contract.history or all(split[ROWS] == split["refused"] for split in splits):
        return
    queries = loading.histories(SparkDialect())
    records.valid(rows).createOrReplaceTempView(VALID)
    delivered = queries.delivered(VALID)
    if again and held is not None:
        earlier = loading.tables.read(table, version=held).where(loading.of_files)
        earlier.createOrReplaceTempView(EARLIER)
        delivered = queries.delivered_again(VALID, EARLIER)
    loading.tables.append(table, loading.branch, loading.spark.sql(delivered))


def reopen(loading: LoadRun, before: int | None) -> int:
    """Open the records again that a retracted file had corrected; how many.

    Those of files that are loaded anew are judged anew instead.
    """
    if before is None or not loading.retracted:
        return 0
    corrected = loading.tables.read(loading.quarantine, version=before).where(
        F.col(RESOLVED_BY).isin(loading.retracted) & ~loading.of_files
    )
    reopened = corrected.count()
    if reopened:
        by_it = f"{RESOLVED_BY} = '{loading.retracted[0]}' AND NOT {loading.of_files_sql}"
        loading.tables.delete(loading.quarantine, loading.branch, by_it)
        nothing = {RESOLVED_BY: F.lit(None), RESOLVED_AT: F.lit(None)}
        kinds = {field.name: field.dataType for field in corrected.schema.fields}
        columns = {name: value.cast(kinds[name]) for name, value in nothing.items()}
        loading.tables.append(loading.quarantine, loading.branch, corrected.withColumns(columns))
    return reopened


def resolve(loading: LoadRun, rows: DataFrame) -> int:
    """Mark the records that files of this run correct; how many records these files have resolved, with earlier runs.

    A record keeps the first file that corrected it.
    """
    replays = loading.manifest.replays
    if not replays:
        return 0
    origins = ", ".join(f"'{sha256}'" for sha256 in sorted(set(replays.values())))
    loading.tables.update(
        loading.quarantine,
        loading.branch,
        records.corrections(rows, replays),
        on=(
            f"t.{SOURCE_SHA256} = s.origin AND t.{SOURCE_ROW} = s.origin_row AND t.{SOURCE_SHA256} IN ({origins})"
        ),
        when=f"t.{RESOLVED_BY} IS NULL",
        values={
            RESOLVED_BY: "s.replay",
            RESOLVED_AT: f"TIMESTAMP_NTZ '{loading.manifest.started_at}'",
        },
    )
    committed = loading.tables.read(loading.quarantine, draft=loading.branch)
    return committed.where(F.col(RESOLVED_BY).isin(sorted(replays))).count()


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What became of the valid rows that were not simply new: per file and fate with their money, and by values.

    `amended`: rows that stay in the table and have another value now in a column that their file lacks.
    """

    fates: list[Row]
    counts: list[FateCount]
    amended: int


def merge(
    loading: LoadRun,
    rows: DataFrame,
    splits: list[Row],
    compared: int | None,
    published: int | None,
) -> Merged:
    """Write what is new to the processed branch.

    `compared` is the snapshot that the rows are compared with, `published` the one that the run began with. A row with
    the values that the table holds is written like any other: from then on it is of the newer delivery.
    """
    valid, amended = records.valid(rows), None
    valid_rows = sum(split[ROWS] - split["refused"] for split in splits)
    if loading.kept_columns:
        concerned = _concerned(loading, splits, compared)
        filled = keeping.fill(loading, valid, concerned, published)
        valid, amended = filled.valid, filled.amended
    if not valid_rows:
        return Merged(fates=[], counts=[], amended=_write(loading, None, amended, []))
    table = loading.rows_of(compared)
    held = table.where(_of_same_keys(loading, splits))
    judged = deduplication.not_new(valid, held, loading.contract).persist()
    fates = figures.by_fate(judged, loading.contract).collect()
    counts = [*_counted(fates), *_compared(loading, judged, valid, held, fates)]
    dropped = sum(row[ROWS] for row in fates if row[FATE] != REPLACING)
    kept = (
        deduplication.without(valid, judged.where(F.col(FATE) != REPLACING)) if dropped else valid
    )
    if amended is not None:
        amended = keeping.left(amended, judged.where(F.col(FATE) == REPLACING), loading)
    kept_rows = kept if dropped < valid_rows else None
    changed = _write(loading, kept_rows, amended, _replaced_days(fates))
    judged.unpersist()
    return Merged(fates=fates, counts=counts, amended=changed)


def _write(
    loading: LoadRun, kept: DataFrame | None, amended: DataFrame | None, replaced: list[date]
) -> int:
    """Write rows of the batch, and rows of the table in their own place; how many these are.

    `replaced`: partitions of rows that the batch replaces.
    """
    tables, processed, contract = loading.tables, loading.processed, loading.contract
    changed = amended.count() if amended is not None else 0
    if changed and amended is not None:
        names = [column.name for column in processed.columns]
        rows = amended.select(*names)
        rows = kept.select(*names).unionByName(rows) if kept is not None else rows
        on, newer = _match(contract, [*replaced, *_days(amended, contract)], ">=")
        tables.merge(processed, loading.branch, rows, on=on, newer=newer)
    elif kept is not None and replaced:
        on, newer = _match(contract, replaced, ">")
        tables.merge(processed, loading.branch, kept, on=on, newer=newer)
    elif kept is not None:
        tables.append(processed, loading.branch, kept)
    return changed


def _days(amended: DataFrame, contract: model.Contract) -> list[date]:
    """First days of the partitions in which rows of the table change."""
    found = amended.select(F.to_date(contract.partition_column).alias("day")).distinct().collect()
    return [periods.first_day(row["day"], contract.partition_transform) for row in found]


def _counted(fates: list[Row]) -> list[FateCount]:
    """The rows whose values say nothing about them."""
    return [
        FateCount(sha256=row[SOURCE_SHA256], fate=row[FATE], rows=row[ROWS])
        for row in fates
        if row[FATE] in (OUTDATED, KEPT)
    ]


def _compared(
    loading: LoadRun, judged: DataFrame, valid: DataFrame, held: DataFrame, fates: list[Row]
) -> list[FateCount]:
    """The repeated and replacing rows, by values; no pass over them where there are none."""
    if not any(row[FATE] in (REPEATED, REPLACING) for row in fates):
        return []
    compared = deduplication.compared(
        judged,
        valid,
        held.where(_partitions_replaced(loading, fates)),
        loading.contract,
        loading.columns_of_contract,
    )
    return [
        FateCount(
            sha256=row[SOURCE_SHA256],
            fate=row[FATE],
            rows=row[ROWS],
            has_same_values=row[HAS_SAME_VALUES],
            held_sha256=row[HELD_FILE],
        )
        for row in compared.collect()
    ]


def _partitions_replaced(loading: LoadRun, fates: list[Row]) -> Column:
    """The condition that a row of the table lies in a partition where rows are replaced."""
    contract = loading.contract
    return period_columns.within(
        contract.partition_column, _replaced_days(fates), contract.partition_transform
    )


def _replaced_days(fates: list[Row]) -> list[date]:
    return [day for row in fates if row[FATE] == REPLACING for day in row["partitions"]]


def _concerned(loading: LoadRun, splits: list[Row], before: int | None) -> DataFrame:
    """Rows of the table that can share a key with the batch, or that keep a value of a file that is read anew."""
    table = loading.rows_of(before)
    return table.where(
        _of_same_keys(loading, splits) | F.expr(keeping.of_run(loading).from_again())
    )


def _of_same_keys(loading: LoadRun, splits: list[Row]) -> Column:
    """The condition that a row of the table can share a key with the batch; file statistics skip the others."""
    spans = [split for split in splits if split["least_key"] is not None]
    if not loading.contract.key:
        return F.lit(True)
    if not spans:
        return F.lit(False)
    least = min(span["least_key"] for span in spans)
    greatest = max(span["greatest_key"] for span in spans)
    return F.col(loading.contract.key[0]).between(F.lit(least), F.lit(greatest))


def _match(contract: model.Contract, days: list[date], newer: str) -> tuple[str, str]:
    """Conditions of the merge: same key, within the partitions where rows change; and newer, or the row itself."""
    same = [f"t.`{name}` = s.`{name}`" for name in records.key(contract)]
    within = periods.within_sql(
        f"t.`{contract.partition_column}`", days, contract.partition_transform
    )
    mine, theirs = (", ".join(f"{side}.{name}" for name in ORDER) for side in "st")
    return f"{' AND '.join(same)} AND {within}", f"struct({mine}) {newer} struct({theirs})"
