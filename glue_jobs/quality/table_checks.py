"""Table rules over the table as a run would publish it, each by the narrowest read that answers it.

Row count and freshness are one aggregate that Iceberg answers from its file statistics (aggregate push-down, where
they are exact); unique reads its columns only; reference looks at the values that the run brought.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from contracts import model
from contracts.table_rules import Freshness, Reference, RowCount, TableRule, Unique
from rows import protection_history
from rows.columns import CONTRACT_VERSION
from rows.rule_results import RuleResult

ROWS = "rows"


def statistics(rules: Sequence[TableRule]) -> list[Column]:
    """Aggregates of the table that `row_count` and `freshness` judge, together."""
    names = sorted({rule.column for rule in rules if isinstance(rule, Freshness)})
    latest = [F.max(name).alias(f"latest_{name}") for name in names]
    return [
        F.count(F.lit(1)).alias(ROWS),
        *latest,
        *(F.count(name).alias(f"count_{name}") for name in names),
    ]


def row_count(rule: RowCount, found: Row) -> RuleResult:
    """Whether the table has as many rows as the rule wants."""
    rows: int = found[ROWS]
    holds = (rule.minimum is None or rows >= rule.minimum) and (
        rule.maximum is None or rows <= rule.maximum
    )
    sides = (f"at least {rule.minimum}", rule.minimum), (f"at most {rule.maximum}", rule.maximum)
    expected = " and ".join(text for text, limit in sides if limit is not None)
    return _result(
        rule,
        checked=rows,
        failed=0,
        holds=holds,
        measured=f"{rows} rows",
        expected=f"{expected} rows",
    )


def freshness(rule: Freshness, found: Row, started_at: datetime) -> RuleResult:
    """Whether the greatest value is young enough; a date counts from its midnight, UTC."""
    name = rule.column
    latest, checked = found[f"latest_{name}"], found[f"count_{name}"]
    limit = timedelta(hours=rule.max_age_hours)
    age = started_at - _moment(latest) if latest is not None else None
    return _result(
        rule,
        checked=checked,
        failed=0,
        holds=age is not None and age <= limit,
        measured=f"{latest}, {age / timedelta(hours=1):.1f} hours before the run"
        if age is not None
        else "no value",
        expected=f"at most {rule.max_age_hours} hours before the run",
    )


def repeated(table: DataFrame, columns: Sequence[str]) -> DataFrame:
    """One row: `rows` with a value in each of the columns, and how many of them share all with another (`failed`)."""
    whole = table.select(*columns).dropna()  # as SQL's UNIQUE: what is null equals nothing
    times = whole.groupBy(*columns).agg(F.count(F.lit(1)).alias("times"))
    sharing = F.when(F.col("times") > 1, F.col("times")).otherwise(F.lit(0))
    return times.agg(
        F.coalesce(F.sum("times"), F.lit(0)).alias(ROWS),
        F.coalesce(F.sum(sharing), F.lit(0)).alias("failed"),
    )


def unique(rule: Unique, found: Row) -> RuleResult:
    """Whether no two rows share the columns; `found` is the row of `repeated`."""
    names, failed = ", ".join(rule.columns), found["failed"]
    measured = f"{failed} rows share their {names} with another"
    expected = f"no two rows share {names}"
    return _result(
        rule,
        checked=found[ROWS],
        failed=failed,
        holds=not failed,
        measured=measured,
        expected=expected,
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
        F.coalesce(F.sum(failed), F.lit(0)).alias("failed"),
    )


def reference(rule: Reference, found: Row | None) -> RuleResult:
    """Whether every value is known; `found` is the row of `unmatched`, None where the other table does not exist."""
    if found is None:
        measured = f"there is no table of {rule.other_dataset} yet"
        return _result(
            rule, checked=0, failed=0, holds=False, measured=measured, expected=_known(rule)
        )
    checked, failed = found[ROWS], found["failed"]
    measured = f"{failed} of {checked} rows have a {rule.column} that is not there"
    return _result(
        rule,
        checked=checked,
        failed=failed,
        holds=not failed,
        measured=measured,
        expected=_known(rule),
    )


def other_forms(alike: Mapping[str, Sequence[str]]) -> list[Column]:
    """Aggregates that `protection` judges: all rows, and per column the values of versions that are not `alike`."""
    counts = [
        F.count(F.when(~F.col(CONTRACT_VERSION).isin(*versions), F.col(name))).alias(name)
        for name, versions in alike.items()
    ]
    return [F.count(F.lit(1)).alias(ROWS), *counts]


def protection(contract: model.Contract, name: str, found: Row) -> RuleResult:
    """Whether every value of a column is protected as the contract says; `found` is the row of `other_forms`.

    What an earlier contract left is told, since a row whose file has left raw cannot be loaded anew; but in a key it
    halts: a row would not be known as the newer one of another.
    """
    column, checked, failed = contract.column(name), found[ROWS], found[name]
    return RuleResult(
        rule_id=f"{name}.protection",
        scope="table",
        kind="protection",
        action="halt" if name in contract.key else "warn",
        rows_checked=checked,
        rows_failed=failed,
        holds=not failed,
        measured=f"{failed} of {checked} rows hold {name} in the form of an earlier contract",
        expected=f"{protection_history.WORDS[column.pii]} in every row; `slipway backfill` loads the others again",
    )


def _known(rule: Reference) -> str:
    return f"every {rule.column} is in {rule.reference}"


def _moment(value: datetime | date) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time())


def _result(rule: TableRule, *, checked: int, failed: int, holds: bool, **texts: Any) -> RuleResult:
    return RuleResult(
        rule_id=rule.id,
        scope="table",
        kind=rule.kind,
        action=rule.action,
        rows_checked=checked,
        rows_failed=failed,
        holds=holds,
        **texts,
    )
