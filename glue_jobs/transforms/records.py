"""Staged rows with their origin: the columns that say where a row came from and decide which of two rows is newer."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from contracts import model
from glue_jobs.transforms.staging import RAW_TEXT, REASONS, RULE_IDS, SOURCE, SPLIT_ROW, SPLIT_START

FILE_NAME, RECEIVED_AT, ROW, ROWS_BEFORE = "_source_file", "_received_at", "_source_row", "_rows_before"
ORDER = (RECEIVED_AT, SOURCE, ROW)  # the greater wins


def numbered(staged: DataFrame, splits: DataFrame, run_id: str, contract_version: str) -> DataFrame:
    """Add the origin of each row. `splits` has, per SOURCE and SPLIT_START: FILE_NAME, RECEIVED_AT and ROWS_BEFORE."""
    rows = staged.join(F.broadcast(splits), [SOURCE, SPLIT_START], "inner")
    return rows.withColumns(
        {
            ROW: F.col(ROWS_BEFORE) + F.col(SPLIT_ROW) + 1,
            "_run_id": F.lit(run_id),
            "_contract_version": F.lit(contract_version),
        }
    )


def valid(rows: DataFrame) -> DataFrame:
    """The rows that break no rule."""
    return rows.where(F.col(RULE_IDS).isNull())


def quarantined(rows: DataFrame) -> DataFrame:
    """The rows that break one, named as the quarantine table names their columns."""
    broken = rows.where(F.col(RULE_IDS).isNotNull())
    return broken.withColumnsRenamed({RULE_IDS: "rule_ids", REASONS: "reasons", RAW_TEXT: "raw_text"})


def order(*, of: str = "") -> Column:
    """What decides which of two rows with the same key is newer; `of` is the alias of their frame."""
    return F.struct(*(F.col(f"{of}.{name}" if of else name).alias(name) for name in ORDER))


def key(contract: model.Contract) -> tuple[str, ...]:
    """Columns that identify a row; without a key in the contract every record is its own."""
    return contract.key or (SOURCE, ROW)
