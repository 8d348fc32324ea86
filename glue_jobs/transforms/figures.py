"""Counts and money totals of frames; money is exact, with the decimals of its column, never a float."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from contracts import model
from glue_jobs.transforms import period_columns
from glue_jobs.transforms.deduplication import FATE, HELD_DATE
from rows.columns import SOURCE_SHA256, SPLIT_START, STAGED_RULE_IDS, WARNINGS
from rows.money import EXACT, money

ROWS = "rows"

Totals = dict[str, Decimal]


def of_source(contract: model.Contract) -> list[Column]:
    """Row count and money totals, for an Observation; a value that did not parse counts as zero."""
    return [F.count(F.lit(1)).alias(ROWS), *_sums(contract)]


def by_split(staged: DataFrame, contract: model.Contract) -> DataFrame:
    """Per split of a file: rows, refused and warned rows, totals, and the days and keys that valid rows span."""
    is_valid = F.col(STAGED_RULE_IDS).isNull()
    day = F.when(is_valid, F.to_date(contract.partition_column))
    spans = [F.min(day).alias("first_day"), F.max(day).alias("last_day")]
    if contract.key:
        first_key = F.when(is_valid, F.col(contract.key[0]))
        spans += [F.min(first_key).alias("least_key"), F.max(first_key).alias("greatest_key")]
    return staged.groupBy(SOURCE_SHA256, SPLIT_START).agg(
        *of_source(contract),
        F.count(STAGED_RULE_IDS).alias("refused"),
        F.count(WARNINGS).alias("warned"),
        F.collect_set(period_columns.first_day_column(day, contract.partition_transform)).alias(
            "partitions"
        ),
        *spans,
    )


def by_fate(judged: DataFrame, contract: model.Contract) -> DataFrame:
    """Per file and fate: rows, totals, and the partitions of the rows held before."""
    held = period_columns.first_day_column(F.col(HELD_DATE), contract.partition_transform)
    return judged.groupBy(SOURCE_SHA256, FATE).agg(
        *of_source(contract), F.collect_set(held).alias("partitions")
    )


def by_file(rows: DataFrame, contract: model.Contract) -> DataFrame:
    """Per file: rows and totals."""
    return rows.groupBy(SOURCE_SHA256).agg(*of_source(contract))


def by_verdict(rows: DataFrame) -> DataFrame:
    """Per combination of broken and warning rules that occurs: how many rows have it. Rows without any are left out."""
    affected = rows.where(F.col(STAGED_RULE_IDS).isNotNull() | F.col(WARNINGS).isNotNull())
    return affected.groupBy(STAGED_RULE_IDS, WARNINGS).agg(F.count(F.lit(1)).alias(ROWS))


def totals(row: Mapping[str, Any], contract: model.Contract) -> Totals:
    """The money totals in an aggregated row."""
    return {column.name: row[column.name] or Decimal(0) for column in contract.control_columns}


def added(parts: Iterable[Totals], contract: model.Contract) -> Totals:
    """The sum of totals, exact."""
    found = {column.name: Decimal(0) for column in contract.control_columns}
    for part in parts:
        found = {name: EXACT.add(value, part[name]) for name, value in found.items()}
    return found


def to_scale(amounts: Totals, contract: model.Contract) -> Totals:
    """Totals with as many decimals as their column has."""
    return {name: money(amount, contract.column(name)) for name, amount in amounts.items()}


def _sums(contract: model.Contract) -> list[Column]:
    return [
        F.coalesce(F.sum(column.name), F.lit(0).cast(column.type)).alias(column.name)
        for column in contract.control_columns
    ]
