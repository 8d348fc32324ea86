"""The rules of a run: how each ended, row rules from the staged verdicts and table rules on the branch."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from contracts.table_rules import Reference
from glue_jobs.loading.work import LoadRun
from glue_jobs.quality import table_checks
from glue_jobs.transforms import figures
from glue_jobs.transforms.figures import ROWS
from rows import protection_history, rule_results, table_rule_results
from rows.columns import SPLIT_START, STAGED_RULE_IDS, WARNINGS
from rows.expressions import checks
from rows.rule_results import RuleResult, Verdict
from rows.spark_dialect import SparkDialect
from rows.table_rule_results import LastResult
from rows.tables import Table


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
    every = checks.of_contract(SparkDialect(), loading.contract, 0)
    return rule_results.of_row_rules(every, found, judged)


def table_rules(loading: LoadRun, brought: DataFrame, brought_rows: int) -> list[RuleResult]:
    """The result of every table rule, over the table as the run would publish it.

    `brought` are the rows of this run's files in it, for which a reference is looked up. It is looked up for all rows
    when the run brought none, and as long as the last result does not prove the earlier ones: what they refer to may
    have come after them.
    """
    rules = loading.contract.table_rules
    table = loading.tables.read(loading.processed, draft=loading.branch)
    found = [result for each in loading.with_forms for result in _forms(loading, each)]
    if not rules:
        return found
    subject = table_checks.Subject(
        table=table,
        brought=brought if brought_rows else table,
        statistics=table.agg(*table_checks.statistics(rules)).collect()[0].asDict(),
        published=partial(_published, loading),
        last=_last_results(loading) if any(isinstance(rule, Reference) for rule in rules) else {},
    )
    started_at = loading.manifest.started_at
    judged = (
        table_rule_results.judged(rule, table_checks.counted(rule, subject), started_at)
        for rule in rules
    )
    return [*judged, *found]


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


def _forms(loading: LoadRun, table: Table) -> list[RuleResult]:
    """For each column that an earlier contract protected otherwise, whether rows in that form are left in a table."""
    alike = protection_history.alike(loading.contract, loading.tables.properties(table))
    if not alike:
        return []
    rows = loading.tables.read(table, draft=loading.branch)
    counts = rows.agg(*table_checks.other_forms(alike)).collect()[0].asDict()
    of_history = table is loading.history
    return [
        table_rule_results.protection(loading.contract, name, counts, of_history=of_history)
        for name in alike
    ]


def _last_results(loading: LoadRun) -> dict[str, LastResult]:
    """By table rule: how it ended in the last run before this one."""
    if not loading.tables.exists(loading.quality):
        return {}
    before = loading.tables.read(loading.quality).where(
        (F.col("scope") == "table") & (F.col("run_id") != loading.manifest.run_id)
    )
    found = before.groupBy("rule_id").agg(
        F.max_by("status", "checked_at").alias("status"),
        F.max_by("expected", "checked_at").alias("expected"),
    )
    return {
        row["rule_id"]: LastResult(status=row["status"], expected=row["expected"])
        for row in found.collect()
    }


def _published(loading: LoadRun, dataset: str) -> DataFrame | None:
    """The processed rows of another dataset, None before anything of it is published."""
    other = loading.published_of(dataset)
    return None if other is None else loading.tables.read(other)
