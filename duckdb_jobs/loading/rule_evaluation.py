# ruff: noqa: S608 - the SQL is made of a validated contract and of literals that the dialect quotes
"""The rules of a run: how each ended, row rules from the staged verdicts and table rules on the branch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, assert_never

from contracts.table_rules import Freshness, Reference, RowCount, TableRule, Unique
from duckdb_jobs.loading import measures
from duckdb_jobs.loading.work import DUCKDB, IS_JUDGED, JUDGED, LoadRun
from duckdb_jobs.loading.writes import count
from rows import protection_history, rule_results, table_rule_results
from rows.columns import CONTRACT_VERSION, STAGED_RULE_IDS, WARNINGS
from rows.expressions import checks
from rows.rule_results import RuleResult, Verdict
from rows.table_rule_results import (
    FAILED,
    ROWS,
    Counted,
    LastResult,
    count_name,
    latest_name,
    proved_before,
)
from rows.tables import Table

RESULTS = "rule_results"


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """Relations: the table as the run would publish it, and what the run brought to it."""

    table: str
    brought: str


def verdicts(loading: LoadRun) -> list[Verdict]:
    """The combinations of rules that rows break, refused or warned."""
    found = loading.database.execute(
        f"SELECT {STAGED_RULE_IDS}, {WARNINGS}, count(*) FROM {JUDGED} "
        f"WHERE {STAGED_RULE_IDS} IS NOT NULL OR {WARNINGS} IS NOT NULL GROUP BY ALL"
    ).fetchall()
    return [
        Verdict(rule_ids=frozenset((broken or []) + (warned or [])), rows=rows)
        for broken, warned, rows in found
    ]


def row_rules(loading: LoadRun, found: list[Verdict]) -> list[RuleResult]:
    """The result of every check that the contract implies, over the rows that this run judged."""
    judged = count(loading, f"{JUDGED} WHERE {IS_JUDGED}")
    every = checks.of_contract(DUCKDB, loading.contract, 0)
    return rule_results.of_row_rules(every, found, judged)


def table_rules(loading: LoadRun, *, brought_rows: int) -> list[RuleResult]:
    """The result of every table rule, over the table as the run would publish it.

    A reference is looked up for the rows that this run brought. It is looked up for all rows when the run brought none,
    and as long as the last result does not prove the earlier ones: what they refer to may have come after them.
    """
    rules = loading.contract.table_rules
    forms = _forms(loading)
    if not rules:
        return forms
    table = _table(loading)
    statistics = _statistics(loading, rules, table)
    brought = measures.loaded(loading) if brought_rows else table
    last = _last_results(loading)
    judged = (
        table_rule_results.judged(
            rule,
            _counted_for(loading, rule, _Rows(table=table, brought=brought), statistics, last),
            loading.manifest.started_at,
        )
        for rule in rules
    )
    return [*judged, *forms]


def record(loading: LoadRun, found: list[RuleResult]) -> None:
    """Note the results down in the quality table, in place of those of an earlier attempt of this run."""
    common: dict[str, str | datetime] = {
        "run_id": loading.manifest.run_id,
        "contract_version": loading.contract.version,
        "checked_at": datetime.now(UTC).replace(tzinfo=None),
    }
    columns = loading.quality.columns
    kinds = {"timestamp_ntz": "timestamp", "string": "varchar"}
    listed = ", ".join(f"{column.name} {kinds.get(column.type, column.type)}" for column in columns)
    loading.database.execute(f"CREATE OR REPLACE TABLE {RESULTS} ({listed})")
    rows = [rule_results.quality_row(result, common) for result in found]
    loading.database.executemany(
        f"INSERT INTO {RESULTS} VALUES ({', '.join('?' for _ in columns)})",
        [[row[column.name] for column in columns] for row in rows],
    )
    loading.tables.ensure(loading.quality, may_evolve=True)
    loading.tables.record(loading.quality, RESULTS, run_id=loading.manifest.run_id)


def _table(loading: LoadRun) -> str:
    """The table as the run would publish it."""
    return loading.tables.read(loading.processed, draft=loading.branch)


def _statistics(loading: LoadRun, rules: tuple[TableRule, ...], table: str) -> Counted:
    """What `row_count` and `freshness` judge, together."""
    names = sorted({rule.column for rule in rules if isinstance(rule, Freshness)})
    figures = {ROWS: "count(*)"}
    for name in names:
        figures[latest_name(name)] = f"max({DUCKDB.name(name)})"
        figures[count_name(name)] = f"count({DUCKDB.name(name)})"
    return _counted(loading, figures, table)


def _forms(loading: LoadRun) -> list[RuleResult]:
    """For each column that an earlier contract protected otherwise, whether rows in that form are left."""
    return [found for table in loading.with_forms for found in _forms_in(loading, table)]


def _forms_in(loading: LoadRun, table: Table) -> list[RuleResult]:
    alike = protection_history.alike(loading.contract, loading.tables.properties(table))
    if not alike:
        return []
    figures = {ROWS: "count(*)"}
    for name, versions in alike.items():
        known = ", ".join(map(DUCKDB.text, versions))
        is_other = f"{CONTRACT_VERSION} NOT IN ({known})" if versions else "true"
        figures[name] = f"count(CASE WHEN {is_other} THEN {DUCKDB.name(name)} END)"
    counted = _counted(loading, figures, loading.tables.read(table, draft=loading.branch))
    of_history = table is loading.history
    return [
        table_rule_results.protection(loading.contract, name, counted, of_history=of_history)
        for name in alike
    ]


def _last_results(loading: LoadRun) -> dict[str, LastResult]:
    """By table rule: how it ended in the last run before this one."""
    if not loading.tables.exists(loading.quality):
        return {}
    found = loading.database.execute(
        "SELECT rule_id, arg_max(status, checked_at), arg_max(expected, checked_at) "
        f"FROM {loading.tables.read(loading.quality)} "
        f"WHERE scope = 'table' AND run_id <> {DUCKDB.text(loading.manifest.run_id)} GROUP BY rule_id"
    ).fetchall()
    return {
        rule_id: LastResult(status=status, expected=expected) for rule_id, status, expected in found
    }


def _counted_for(
    loading: LoadRun,
    rule: TableRule,
    rows: _Rows,
    statistics: Counted,
    last: Mapping[str, LastResult],
) -> Counted | None:
    """The figures that the rule is judged by; None before the table of a reference is published."""
    match rule:
        case RowCount() | Freshness():
            return statistics
        case Unique():
            return _repeated(loading, rule, rows.table)
        case Reference():
            is_proven = proved_before(rule, last.get(rule.id))
            return _unmatched(loading, rule, rows.brought if is_proven else rows.table)
        case _:
            assert_never(rule)


def _repeated(loading: LoadRun, rule: Unique, table: str) -> Counted:
    """Rows with a value in each of the columns, and how many of them share all with another."""
    names = [DUCKDB.name(name) for name in rule.columns]
    whole = " AND ".join(f"{name} IS NOT NULL" for name in names)  # as SQL's UNIQUE
    times = f"SELECT count(*) AS times FROM {table} WHERE {whole} GROUP BY {', '.join(names)}"
    return _counted(
        loading,
        {
            ROWS: "CAST(coalesce(sum(times), 0) AS bigint)",
            FAILED: "CAST(coalesce(sum(CASE WHEN times > 1 THEN times END), 0) AS bigint)",
        },
        f"({times})",
    )


def _unmatched(loading: LoadRun, rule: Reference, scope: str) -> Counted | None:
    """Rows, and how many of them have a value that the other table has not; None before the other is published."""
    other = loading.published_of(rule.other_dataset)
    if other is None:
        return None
    value, known_value = DUCKDB.name(rule.column), DUCKDB.name(rule.other_column)
    known = f"(SELECT DISTINCT {known_value} AS value FROM {loading.tables.read(other)})"
    rows = f"(SELECT {value} AS value FROM {scope})"
    return _counted(
        loading,
        {
            ROWS: "count(*)",
            FAILED: "count(CASE WHEN r.value IS NOT NULL AND k.value IS NULL THEN 1 END)",
        },
        f"{rows} AS r LEFT JOIN {known} AS k ON r.value = k.value",
    )


def _counted(loading: LoadRun, figures: dict[str, str], relation: str) -> Counted:
    """One row of aggregates, by name."""
    row: tuple[Any, ...]
    (row,) = loading.database.execute(
        f"SELECT {', '.join(figures.values())} FROM {relation}"
    ).fetchall()
    return dict(zip(figures, row, strict=True))
