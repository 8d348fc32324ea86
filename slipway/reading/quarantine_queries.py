"""Questions to a dataset's quarantine table, asked through Athena.

A record is named by the hash of its file and its number in that file, which stay the same however often it is judged.
It is open until a corrected record resolves it, a person dismisses it, or the table has a newer row with its key. The
last is asked each time: after a rollback, retraction or backfill it is as the tables are then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contracts import model, naming
from contracts.model import Contract
from rows import table_definitions
from rows.columns import (
    CONTRACT_VERSION,
    RAW_TEXT,
    REASONS,
    RECEIVED_AT,
    RESOLVED_AT,
    RESOLVED_BY,
    RULE_IDS,
    RUN_ID,
    SOURCE_FILE,
    SOURCE_ROW,
    SOURCE_SHA256,
)
from slipway.deployment import Deployment
from slipway.reading import dismissals, lake

UNRESOLVED = f"{RESOLVED_BY} is null"
NONE = "(false)"  # of no record
NEWER = (
    "a newer delivery"  # what resolved a record whose key the table has from a file that came later
)
SEPARATOR = "; "


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which records: of these files, refused by this run, for this rule.

    `files` are full hashes; None takes every file. `records` are numbers within the files. Records that were corrected,
    dismissed or replaced are among them only if `resolved`.
    """

    files: Sequence[str] | None = None
    run_id: str | None = None
    rule: str | None = None
    records: Sequence[int] | None = None
    resolved: bool = False

    @property
    def condition(self) -> str:
        """The condition of a `where`, but for what is open."""
        numbers = ", ".join(str(int(number)) for number in self.records or ())
        parts = [
            "true",
            f"{SOURCE_ROW} in ({numbers})" if self.records else "",
            f"{SOURCE_SHA256} in ({lake.texts(self.files)})" if self.files is not None else "",
            f"{RUN_ID} = {lake.literal(self.run_id)}" if self.run_id else "",
            f"contains({RULE_IDS}, {lake.literal(self.rule)})" if self.rule else "",
        ]
        return " and ".join(part for part in parts if part)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One refused record, with its reasons in one line."""

    sha256: str
    row: int
    reasons: str


def listed(
    deployment: Deployment, dataset: str, selection: Selection, *, limit: int
) -> list[tuple[Any, ...]]:
    """(file name, hash, record number, rules, reasons, text, resolved by) of refused records, newest file first."""
    return lake.rows_if_loaded(
        deployment,
        f"""
        select {SOURCE_FILE}, {SOURCE_SHA256}, {SOURCE_ROW}, array_join({RULE_IDS}, ', '),
            array_join({REASONS}, '{SEPARATOR}'), {RAW_TEXT},
            coalesce({RESOLVED_BY}, case when {_replaced(deployment, dataset)} then '{NEWER}' end)
        from {_table(dataset)}
        where {_condition(deployment, dataset, selection)}
        order by {RECEIVED_AT} desc, {SOURCE_FILE}, {SOURCE_ROW}
        limit {int(limit)}
        """,  # noqa: S608 - names of a validated contract, literals quoted by lake.literal
    )


def count(deployment: Deployment, dataset: str, selection: Selection) -> int:
    """How many records there are."""
    sql = (
        f"select count(*) from {_table(dataset)} where {_condition(deployment, dataset, selection)}"  # noqa: S608 - as above
    )
    return sum(int(number) for (number,) in lake.rows_if_loaded(deployment, sql))


def count_replaced(deployment: Deployment, dataset: str, selection: Selection) -> int:
    """How many records nobody corrected or dismissed, and a newer delivery has replaced."""
    replaced = _replaced(deployment, dataset)
    if replaced == NONE:
        return 0
    unresolved = _unresolved(deployment, dataset)
    sql = f"select count(*) from {_table(dataset)} where {selection.condition} and {unresolved} and {replaced}"  # noqa: S608 - as above
    return sum(int(number) for (number,) in lake.rows_if_loaded(deployment, sql))


def open_by_file(deployment: Deployment, dataset: str) -> dict[str, int]:
    """How many open records each file has, by its hash."""
    is_open = open_condition(deployment, dataset)
    sql = f"select {SOURCE_SHA256}, count(*) from {_table(dataset)} where {is_open} group by {SOURCE_SHA256}"  # noqa: S608 - as above
    return {str(sha256): int(rows) for sha256, rows in lake.rows_if_loaded(deployment, sql)}


def references(
    deployment: Deployment, dataset: str, selection: Selection
) -> dict[str, list[Reference]]:
    """The selected records by the hash of their file, each file's in the order of its records."""
    sql = f"""
        select {SOURCE_SHA256}, {SOURCE_ROW}, array_join({REASONS}, '{SEPARATOR}')
        from {_table(dataset)}
        where {_condition(deployment, dataset, selection)}
        order by {SOURCE_SHA256}, {SOURCE_ROW}
    """  # noqa: S608 - as above
    found: dict[str, list[Reference]] = {}
    for sha256, row, reasons in lake.rows_if_loaded(deployment, sql):
        found.setdefault(str(sha256), []).append(
            Reference(sha256=str(sha256), row=int(row), reasons=str(reasons))
        )
    return found


def record(deployment: Deployment, dataset: str, sha256: str, row: int) -> list[tuple[Any, ...]]:
    """(rule, reason, text, run, contract version, resolved by, resolved at), one line per reason of one record."""
    return lake.rows_if_loaded(
        deployment,
        f"""
        select rule, reason, {RAW_TEXT}, {RUN_ID}, {CONTRACT_VERSION}, {RESOLVED_BY}, {RESOLVED_AT}
        from {_table(dataset)}
        cross join unnest({RULE_IDS}, {REASONS}) as t (rule, reason)
        where {SOURCE_SHA256} = {lake.literal(sha256)} and {SOURCE_ROW} = {int(row)}
        """,  # noqa: S608 - as above
    )


def open_condition(deployment: Deployment, dataset: str) -> str:
    """The condition of a `where` for records that nobody corrected or dismissed, nor a newer delivery replaced."""
    return f"{_unresolved(deployment, dataset)} and not {_replaced(deployment, dataset)}"


def _unresolved(deployment: Deployment, dataset: str) -> str:
    return f"{UNRESOLVED} and {dismissals.of_dataset(deployment, dataset).condition}"


def _replaced(deployment: Deployment, dataset: str) -> str:
    """The condition that the table has a row with the record's key from a file that came later."""
    contract = model.load(dataset)
    key = table_definitions.key_of_refused(contract)
    if not key or not {column.name for column in key} <= _kept_columns(deployment, dataset):
        return NONE
    same = [f'newer."{column.name}" = refused."{column.name}"' for column in key]
    later = f"newer.{RECEIVED_AT} > refused.{RECEIVED_AT}"
    # A set of places, since Trino documents no correlated subquery that compares other than by equality.
    replaced = f"""
        select {_place("refused.")} from {_table(dataset)} refused
        join processed.{dataset} newer on {" and ".join([*same, later])}
        where {_has_certain_key(contract)}
    """  # noqa: S608 - as above
    return f"({_place()} in ({replaced}))"


def _place(of: str = "") -> str:
    return f"concat({of}{SOURCE_SHA256}, ':', cast({of}{SOURCE_ROW} as varchar))"


def _kept_columns(deployment: Deployment, dataset: str) -> set[str]:
    """The first run after a deployment adds those that a new version keeps."""
    return lake.columns_if_loaded(deployment, _table(dataset))


def _has_certain_key(contract: Contract) -> str:
    """Whether no rule about a column of the key refused the record: the key may be another one then."""
    rules = f"concat(' ', array_join(refused.{RULE_IDS}, ' '))"
    return " and ".join(f"{rules} not like '% {name}.%'" for name in contract.key)


def _condition(deployment: Deployment, dataset: str, selection: Selection) -> str:
    if selection.resolved:
        return selection.condition
    return f"{selection.condition} and {open_condition(deployment, dataset)}"


def _table(dataset: str) -> str:
    return f"processed.{naming.quarantine_table(dataset)}"
