"""What table rules need to be counted in the table as a run would publish it, each by the narrowest read.

Row count and freshness are one aggregate that Iceberg answers from its file statistics (aggregate push-down, where
they are exact); unique reads its columns only; reference looks at the values that the run brought, once those of
earlier rows are proven.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from contracts.table_rules import Freshness, Reference, RowCount, TableRule, Unique
from rows.columns import CONTRACT_VERSION
from rows.table_rule_results import (
    FAILED,
    ROWS,
    Counted,
    LastResult,
    count_name,
    latest_name,
    proved_before,
)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What the rules of a run are about.

    `table`: all rows as the run would publish them, `statistics` of it already counted. `brought`: those of them that
    the run brought. `published` finds the processed table of another dataset, None before anything of it is published.
    `last`: by rule, how it ended in the run before.
    """

    table: DataFrame
    brought: DataFrame
    statistics: Counted
    published: Callable[[str], DataFrame | None]
    last: Mapping[str, LastResult]


def counted(rule: TableRule, subject: Subject) -> Counted | None:
    """The figures that the rule is judged by; None before the table of a reference is published."""
    match rule:
        case RowCount() | Freshness():
            return subject.statistics
        case Unique():
            return _only_row(repeated(subject.table, rule.columns))
        case Reference():
            known = subject.published(rule.other_dataset)
            if known is None:
                return None
            is_proven = proved_before(rule, subject.last.get(rule.id))
            rows = subject.brought if is_proven else subject.table
            return _only_row(unmatched(rows, rule.column, known, rule.other_column))
        case _:
            assert_never(rule)


def statistics(rules: Sequence[TableRule]) -> list[Column]:
    """Aggregates of the table that rules of row count and freshness judge, together."""
    names = sorted({rule.column for rule in rules if isinstance(rule, Freshness)})
    latest = [F.max(name).alias(latest_name(name)) for name in names]
    return [
        F.count(F.lit(1)).alias(ROWS),
        *latest,
        *(F.count(name).alias(count_name(name)) for name in names),
    ]


def repeated(table: DataFrame, columns: Sequence[str]) -> DataFrame:
    """One row: `rows` with a value in each of the columns, and how many of them share all with another (`failed`)."""
    whole = table.select(*columns).dropna()  # as SQL's UNIQUE: what is null equals nothing
    times = whole.groupBy(*columns).agg(F.count(F.lit(1)).alias("times"))
    sharing = F.when(F.col("times") > 1, F.col("times")).otherwise(F.lit(0))
    return times.agg(
        F.coalesce(F.sum("times"), F.lit(0)).alias(ROWS),
        F.coalesce(F.sum(sharing), F.lit(0)).alias(FAILED),
    )


def unmatched(rows: DataFrame, column: str, known: DataFrame, known_column: str) -> DataFrame:
    """One row: `rows`, and how many of them have a value that `known_column` of `known` has not (`failed`)."""
    times = rows.groupBy(F.col(column).alias("value")).agg(F.count(F.lit(1)).alias("times"))
    values = known.select(
        F.col(known_column).alias("value"), F.lit(True).alias("is_known")
    ).distinct()
    is_missing = F.col("value").isNotNull() & F.col("is_known").isNull()
    failed = F.when(is_missing, F.col("times")).otherwise(F.lit(0))
    return times.join(values, "value", "left").agg(
        F.coalesce(F.sum("times"), F.lit(0)).alias(ROWS),
        F.coalesce(F.sum(failed), F.lit(0)).alias(FAILED),
    )


def other_forms(alike: Mapping[str, Sequence[str]]) -> list[Column]:
    """Aggregates that tell of protection: all rows, and per column the values of versions that are not `alike`."""
    counts = [
        F.count(F.when(~F.col(CONTRACT_VERSION).isin(*versions), F.col(name))).alias(name)
        for name, versions in alike.items()
    ]
    return [F.count(F.lit(1)).alias(ROWS), *counts]


def _only_row(figures: DataFrame) -> Counted:
    (row,) = figures.collect()
    found: Counted = row.asDict()
    return found
