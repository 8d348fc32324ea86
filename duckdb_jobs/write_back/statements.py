"""Statements of a write-back: one table of a schema, made from the definition of the table in the lake.

Names are quoted by psycopg. Types are those that hold the same values: what the lake stores exactly, numeric and
timestamp without a zone store exactly, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from contracts.errors import PermanentError
from contracts.model import DECIMAL, Contract
from rows import columns
from rows.tables import Table, TableColumn

SCHEMA, OPERATIONS = "silver", "operations"
LOADS = sql.Identifier(OPERATIONS, "loads")
STAGED = sql.Identifier("pg_temp", "staged")
TYPES: dict[str, LiteralString] = {
    "string": "text",
    "int": "integer",
    "bigint": "bigint",
    "date": "date",
    "timestamp_ntz": "timestamp",
    "boolean": "boolean",
}
Query = sql.Composed | LiteralString


@dataclass(frozen=True, kw_only=True)
class Target:
    """The table as the database has it. `key` are the columns by which a row is found again."""

    name: str
    columns: tuple[TableColumn, ...]
    key: tuple[str, ...]
    money: tuple[str, ...]
    partition_column: str

    @property
    def place(self) -> sql.Identifier:
        """Its name with its schema."""
        return sql.Identifier(SCHEMA, self.name)

    @property
    def shape(self) -> str:
        """Fingerprint of its definition: a table of another shape is made anew."""
        return hashlib.sha256(create_table(self).as_string().encode()).hexdigest()[:16]


def target(contract: Contract, table: Table) -> Target:
    """Where the rows of a processed table go. Rows of a dataset without a key are known by file and record."""
    return Target(
        name=table.name,
        columns=table.columns,
        key=contract.key or (columns.SOURCE_SHA256, columns.SOURCE_ROW),
        money=tuple(column.name for column in contract.control_columns),
        partition_column=table.partition_column,
    )


def enlist(name: str) -> Query:
    """A row for the table, so that there is always one to lock."""
    return sql.SQL(
        "insert into {} (table_name, change) values ({}, 0) on conflict do nothing"
    ).format(LOADS, sql.Literal(name))


def held(name: str, *, lock: bool) -> Query:
    """What the database says that it holds."""
    return sql.SQL(
        "select change, version, shape, run_id, mode, written_rows, removed_rows, figures, compared"
        " from {} where table_name = {}"
    ).format(LOADS, sql.Literal(name)) + sql.SQL(" for update" if lock else "")


def create_table(to: Target) -> sql.Composed:
    """The table, empty."""
    defined = [
        sql.SQL("{}{}").format(_defined(column), sql.SQL(" not null" if column.is_required else ""))
        for column in to.columns
    ]
    key = sql.SQL("primary key ({})").format(_listed(to.key))
    return sql.SQL("create table {} ({})").format(to.place, sql.SQL(", ").join([*defined, key]))


def _defined(column: TableColumn) -> sql.Composed:
    return sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column_type(column.type)))


def drop_table(to: Target) -> Query:
    """Refused by the database while a view or another table depends on it."""
    return sql.SQL("drop table if exists {} restrict").format(to.place)


def stage(to: Target) -> Query:
    """An empty table for its rows, which nobody else sees and which ends with the session."""
    defined = sql.SQL(", ").join(map(_defined, to.columns))
    return sql.SQL("create temporary table staged ({})").format(defined)


def copy_rows(to: Target) -> Query:
    """Rows of a CSV file as duckdb_jobs.write_back.lake writes it."""
    names = _listed(column.name for column in to.columns)
    return sql.SQL("copy {} ({}) from stdin (format csv, null '\\N')").format(STAGED, names)


def remove_gone(to: Target, scope: sql.Composable) -> Query:
    """Rows of the scope that the lake does not have any more."""
    same = sql.SQL(" and ").join(
        sql.SQL("s.{0} = t.{0}").format(sql.Identifier(name)) for name in to.key
    )
    return sql.SQL(
        "delete from {} as t where {} and not exists (select 1 from {} as s where {})"
    ).format(to.place, scope, STAGED, same)


def upsert(to: Target) -> Query:
    """The one statement that changes rows: those that are new, and those that differ."""
    names = [column.name for column in to.columns]
    others = [name for name in names if name not in to.key]
    assigned = sql.SQL(", ").join(
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in others
    )
    return sql.SQL(
        "insert into {place} as t ({names}) select {names} from {staged} on conflict ({key}) do update set {assigned}"
        " where ({old}) is distinct from ({new})"
    ).format(
        place=to.place,
        names=_listed(names),
        staged=STAGED,
        key=_listed(to.key),
        assigned=assigned,
        old=_listed(others, prefix="t."),
        new=_listed(others, prefix="excluded."),
    )


def figures(to: Target, rows: sql.Composable, scope: sql.Composable) -> Query:
    """Rows, and the sum of each money column as text."""
    sums = [sql.SQL("coalesce(sum({}), 0)::text").format(sql.Identifier(name)) for name in to.money]
    listed = sql.SQL(", ").join([sql.SQL("count(*)::text"), *sums])
    return sql.SQL("select {} from {} as t where {}").format(listed, rows, scope)


def record(name: str, **values: object) -> Query:
    """What was written, in the transaction that wrote it; one change more."""
    assigned = [
        sql.SQL("{} = {}").format(sql.Identifier(column), sql.Literal(value))
        for column, value in values.items()
    ]
    return sql.SQL(
        "update {} set change = change + 1, written_at = now(), {} where table_name = {}"
    ).format(LOADS, sql.SQL(", ").join(assigned), sql.Literal(name))


def column_type(kind: str) -> LiteralString:
    """PostgreSQL's spelling of a type of the lake. Raises PermanentError for one that it has no equal of."""
    if decimal := DECIMAL.match(kind):
        precision, scale = int(decimal.group(1)), int(decimal.group(2))
        return f"numeric({precision},{scale})"
    if kind not in TYPES:
        known = ", ".join((*TYPES, "decimal(p,s)"))
        raise PermanentError(f"column type {kind!r} is none that is written back: {known}")
    return TYPES[kind]


def _listed(names: Iterable[str], prefix: LiteralString = "") -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL(prefix) + sql.Identifier(name) for name in names)
