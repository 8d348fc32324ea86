"""Staged rows with their origin: the columns that say where a row came from and decide which of two rows is newer."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from contracts import model
from rows.columns import (
    CONTRACT_VERSION,
    ORDER,
    ORIGIN_ROW,
    PLACE,
    RAW_TEXT,
    REASONS,
    RECEIVED_AT,
    RESOLVED_AT,
    RESOLVED_BY,
    ROWS_BEFORE,
    RULE_IDS,
    RUN_ID,
    SOURCE_ROW,
    SOURCE_SHA256,
    SPLIT_ROW,
    SPLIT_START,
    STAGED_RAW_TEXT,
    STAGED_REASONS,
    STAGED_RULE_IDS,
    SUBJECT,
    WARNINGS,
)

PUBLISHED = {STAGED_RULE_IDS: RULE_IDS, STAGED_REASONS: REASONS, STAGED_RAW_TEXT: RAW_TEXT}


def numbered(staged: DataFrame, splits: DataFrame, run_id: str, contract_version: str) -> DataFrame:
    """Add the origin of each row.

    `splits` has, per SOURCE_SHA256 and SPLIT_START: SOURCE_FILE, RECEIVED_AT and ROWS_BEFORE.
    """
    rows = staged.join(F.broadcast(splits), [SOURCE_SHA256, SPLIT_START], "inner")
    return rows.withColumns(
        {
            SOURCE_ROW: F.col(ROWS_BEFORE) + F.col(SPLIT_ROW) + 1,
            RUN_ID: F.lit(run_id),
            CONTRACT_VERSION: F.lit(contract_version),
            RESOLVED_BY: F.lit(None).cast("string"),
            RESOLVED_AT: F.lit(None).cast("timestamp_ntz"),
        }
    )


def valid(rows: DataFrame) -> DataFrame:
    """The rows that break no rule."""
    return rows.where(F.col(STAGED_RULE_IDS).isNull())


def quarantined(rows: DataFrame, contract: model.Contract) -> DataFrame:
    """The rows that break one, named as the quarantine table names their columns."""
    broken = rows.where(F.col(STAGED_RULE_IDS).isNotNull())
    subject = contract.subject_column
    person = F.col(subject.name) if subject else F.lit(None).cast("string")
    return broken.withColumnsRenamed(PUBLISHED).withColumn(SUBJECT, person)


def still_resolved(rows: DataFrame, resolved: DataFrame) -> DataFrame:
    """Rows with the verdicts of `resolved`, records of the quarantine that a corrected record has replaced.

    They stay refused whatever the contract says now, or record and correction would both be loaded.
    """
    old = {name: f"_old_{name}" for name in (*PUBLISHED.values(), RESOLVED_BY, RESOLVED_AT)}
    theirs = resolved.select(*PLACE, *(F.col(name).alias(alias) for name, alias in old.items()))
    both = rows.join(theirs, [*PLACE], "left")
    is_resolved = F.col(old[RESOLVED_BY]).isNotNull()
    kept = {
        ours: F.when(is_resolved, F.col(old[name])).otherwise(F.col(ours))
        for ours, name in PUBLISHED.items()
    }
    found = {name: F.col(old[name]) for name in (RESOLVED_BY, RESOLVED_AT)}
    return both.withColumns(
        {**kept, WARNINGS: F.when(~is_resolved, F.col(WARNINGS)), **found}
    ).drop(*old.values())


def standing(rows: DataFrame, held: DataFrame) -> DataFrame:
    """Rows, but those that the table holds as it holds them: a replay does not judge these again."""
    others = rows.join(held.select(*PLACE), [*PLACE], "left_anti")
    return others.unionByName(held, allowMissingColumns=True)


def corrections(rows: DataFrame, replays: dict[str, str]) -> DataFrame:
    """Per corrected record (`origin`, `origin_row`), the hash of the newest file that corrects it (`replay`).

    `replays`: hash of each file of corrections, with the hash of the file that they correct.
    """
    pairs = [F.lit(text) for pair in replays.items() for text in pair]
    named = rows.where(F.col(ORIGIN_ROW).isNotNull()).select(
        F.create_map(*pairs)[F.col(SOURCE_SHA256)].alias("origin"),
        F.col(ORIGIN_ROW).alias("origin_row"),
        F.struct(RECEIVED_AT, SOURCE_SHA256).alias("_by"),
    )
    newest = named.groupBy("origin", "origin_row").agg(F.max("_by").alias("_by"))
    return newest.select("origin", "origin_row", F.col("_by")[SOURCE_SHA256].alias("replay"))


def order(*, of: str = "") -> Column:
    """What decides which of two rows with the same key is newer; `of` is the alias of their frame."""
    return F.struct(*(F.col(f"{of}.{name}" if of else name).alias(name) for name in ORDER))


def key(contract: model.Contract) -> tuple[str, ...]:
    """Columns that identify a row; without a key in the contract every record is its own."""
    return contract.key or (SOURCE_SHA256, SOURCE_ROW)
