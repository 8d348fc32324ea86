"""The rules of a run: how each ended, row rules from the staged verdicts and table rules on the branch."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import assert_never

from pyspark.sql import DataFrame, Row

from contracts.table_rules import Freshness, Reference, RowCount, TableRule, Unique
from glue_jobs.loading.work import LoadRun
from glue_jobs.quality import checks, table_checks
from glue_jobs.transforms import figures
from glue_jobs.transforms.figures import ROWS
from rows import protection_history, rule_results, table_rule_results
from rows.columns import SPLIT_START, STAGED_RULE_IDS, WARNINGS
from rows.rule_results import RuleResult, Verdict
from rows.table_rule_results import Counted


def verdicts(rows: DataFrame, splits: list[Row]) -> list[Verdict]:
    """The combinations of rules that rows break, refused or warned; rows without any are not looked at again."""
    if not any(split["refused"] or split["warned"] for split in splits):
        return []
    return [
        Verdict(
            rule_ids=frozenset((row[STAGED_RULE_IDS] or []) + (row[WARNINGS] or [])), rows=row[ROWS]
        )
        for row in figures.by_verdict(rows).collect()
    ]


def row_rules(loading: LoadRun, found: list[Verdict], splits: list[Row]) -> list[RuleResult]:
    """The result of every check that the contract implies, over the rows that this run judged."""
    judged = sum(split[ROWS] for split in splits if split[SPLIT_START] is not None)
    return rule_results.of_row_rules(checks.of_contract(loading.contract, 0), found, judged)


def table_rules(loading: LoadRun, brought: DataFrame, brought_rows: int) -> list[RuleResult]:
    """The result of every table rule, over the table as the run would publish it.

    `brought` are the rows of this run's files in it. Values of the others were looked up when they came, so that a
    reference is looked up for these, and for all only when the run brought none.
    """
    rules = loading.contract.table_rules
    table = loading.tables.read(loading.processed, draft=loading.branch)
    found = _forms(loading, table)
    if not rules:
        return found
    counted = table.agg(*table_checks.statistics(rules)).collect()[0].asDict()
    scope = brought if brought_rows else table
    return [*(_table_rule(loading, rule, table, scope, counted) for rule in rules), *found]


def record(loading: LoadRun, found: list[RuleResult]) -> None:
    """Note the results down in the quality table, in place of those of an earlier attempt of this run."""
    common: dict[str, str | datetime] = {
        "run_id": loading.manifest.run_id,
        "contract_version": loading.contract.version,
        "checked_at": datetime.now(UTC).replace(tzinfo=None),
    }
    columns = loading.quality.columns
    rows = [rule_results.quality_row(result, common) for result in found]
    frame = loading.spark.createDataFrame(
        [tuple(row[column.name] for column in columns) for row in rows],
        ", ".join(f"{column.name} {column.type}" for column in columns),
    )
    loading.tables.ensure(loading.quality, may_evolve=True)
    loading.tables.record(loading.quality, frame.coalesce(1), run_id=loading.manifest.run_id)


def _forms(loading: LoadRun, table: DataFrame) -> list[RuleResult]:
    """For each column that an earlier contract protected otherwise, whether rows in that form are left."""
    alike = protection_history.alike(loading.contract, loading.tables.properties(loading.processed))
    if not alike:
        return []
    counts = table.agg(*table_checks.other_forms(alike)).collect()[0].asDict()
    return [table_rule_results.protection(loading.contract, name, counts) for name in alike]


def _table_rule(
    loading: LoadRun, rule: TableRule, table: DataFrame, scope: DataFrame, counted: Counted
) -> RuleResult:
    match rule:
        case RowCount():
            return table_rule_results.row_count(rule, counted)
        case Freshness():
            return table_rule_results.freshness(rule, counted, loading.manifest.started_at)
        case Unique():
            (repeated,) = table_checks.repeated(table, rule.columns).collect()
            return table_rule_results.unique(rule, repeated.asDict())
        case Reference():
            return table_rule_results.reference(rule, _unmatched(loading, rule, scope))
        case _:
            assert_never(rule)


def _unmatched(loading: LoadRun, rule: Reference, scope: DataFrame) -> Counted | None:
    other = loading.processed_of(rule.other_dataset)
    if not loading.tables.exists(other):
        return None
    known = loading.tables.read(other)
    return (
        table_checks.unmatched(scope, rule.column, known, rule.other_column).collect()[0].asDict()
    )
