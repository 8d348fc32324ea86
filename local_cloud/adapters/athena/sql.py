"""Athena's SQL as DuckDB's: parsed as Trino, names resolved, the few constructs rewritten that differ in meaning.

sqlglot knows the functions of both dialects. What it leaves as it is, and DuckDB reads differently, is here.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify_columns import qualify_columns
from sqlglot.schema import MappingSchema

CATALOG = "awsdatacatalog"
Schema = dict[str, dict[str, dict[str, str]]]  # database, table, column: DuckDB type
_PRESTO_VIEW = re.compile(r"/\*\s*Presto View:\s*([A-Za-z0-9+/=\s]+?)\s*\*/")


class QueryRefused(Exception):
    """A statement that Athena would refuse, or that is not emulated; the message begins with Athena's error name."""


@dataclass(frozen=True, kw_only=True, order=True)
class TableName:
    """A table or view in the catalog, in lower case as Glue keeps names."""

    database: str
    table: str

    def __str__(self) -> str:
        return f"{self.database}.{self.table}"


def parse(sql: str) -> exp.Expr:
    """The one statement that `sql` holds.

    Raises:
        QueryRefused: it is not one well-formed statement.
    """
    try:
        statements = [
            statement for statement in sqlglot.parse(sql, read="athena") if statement is not None
        ]
    except ParseError as exc:
        first = exc.errors[0]
        place = f"line {first.get('line')}:{first.get('col')}"
        raise QueryRefused(
            f"SYNTAX_ERROR: {place}: {first.get('description')} near {first.get('highlight')!r}"
        ) from exc
    if len(statements) != 1:
        raise QueryRefused(
            f"SYNTAX_ERROR: Only one sql statement is allowed. Got: {len(statements)}"
        )
    return statements[0]


def qualify(statement: exp.Expr, database: str) -> set[TableName]:
    """Give every table its database, in place, and return the tables that are named."""
    hidden = {cte.alias.lower() for cte in statement.find_all(exp.CTE)}
    found: set[TableName] = set()
    for table in statement.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or (
            not table.db and table.name.lower() in hidden
        ):
            continue
        if table.catalog and table.catalog.lower() != CATALOG:
            raise QueryRefused(
                f"CATALOG_NOT_FOUND: Catalog {table.catalog!r} not found; only {CATALOG} is emulated"
            )
        name = TableName(database=(table.db or database).lower(), table=table.name.lower())
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
        table.set("catalog", None)
        table.set("db", exp.to_identifier(name.database, quoted=True))
        table.set("this", exp.to_identifier(name.table, quoted=True))
        found.add(name)
    _drop_table_qualifiers(statement, found)
    return found


def to_duckdb(statement: exp.Expr, schema: Schema) -> str:
    """DuckDB's text of a qualified statement. `schema` holds the column types per database and table."""
    rewritten = statement.copy()
    _name_results(rewritten)
    for unnest in list(rewritten.find_all(exp.Unnest)):
        _spread_several_arrays(unnest)
    tables = MappingSchema(dict(schema), dialect="duckdb")
    typed = qualify_columns(rewritten, schema=tables, expand_alias_refs=False, expand_stars=False)
    typed = annotate_types(typed, schema=tables, dialect="athena")
    for node in list(
        typed.find_all(exp.Div, exp.Avg, exp.TimestampTrunc, exp.DateTrunc, exp.DateAdd)
    ):
        _keep_type(node)
    return typed.sql(dialect="duckdb")


def view_definition(view_original_text: str) -> dict[str, Any]:
    """What Athena keeps of a view: `originalSql`, `schema`, `columns`."""
    match = _PRESTO_VIEW.search(view_original_text or "")
    if match is None:
        raise QueryRefused(
            "INVALID_VIEW: the table is a view but its text has no '/* Presto View: ... */' definition"
        )
    definition: dict[str, Any] = json.loads(base64.b64decode(match.group(1)))
    return definition


def view_text(sql: str, database: str, columns: list[tuple[str, str]]) -> str:
    """The text under which Athena keeps a view in Glue."""
    definition = {
        "originalSql": sql,
        "catalog": CATALOG,
        "schema": database,
        "columns": [{"name": name, "type": kind} for name, kind in columns],
    }
    return f"/* Presto View: {base64.b64encode(json.dumps(definition).encode()).decode()} */"


def _drop_table_qualifiers(statement: exp.Expr, tables: set[TableName]) -> None:
    """`db.table.column` becomes `table.column`: every table carries its name as alias now.

    Not so `alias.column.field.field` of a structure, which is written the same way.
    """
    for column in statement.find_all(exp.Column):
        if not column.args.get("db"):
            continue
        if TableName(database=column.db.lower(), table=column.table.lower()) in tables:
            column.set("db", None)
            column.set("catalog", None)


def _spread_several_arrays(unnest: exp.Unnest) -> None:
    """`CROSS JOIN UNNEST(a, b) AS t (x, y)` walks the arrays side by side; DuckDB's table function takes only one."""
    alias = unnest.args.get("alias")
    arrays = unnest.expressions
    columns = list(alias.columns) if alias else []
    if len(arrays) < 2:
        return
    names = [column.name for column in columns] or [
        f"_col{number}" for number in range(len(arrays))
    ]
    select = exp.Select(
        expressions=[
            exp.alias_(exp.Anonymous(this="unnest", expressions=[array.copy()]), name, quoted=True)
            for array, name in zip(arrays, names, strict=False)
        ]
    )
    unnest.replace(
        exp.Subquery(this=select, alias=exp.TableAlias(this=alias.this if alias else None))
    )


def _name_results(statement: exp.Expr) -> None:
    """Athena calls the second result `_col1` when it has no name."""
    query = statement.this if isinstance(statement, exp.Subquery) else statement
    while isinstance(query, exp.SetOperation):
        query = query.left
    if isinstance(query, exp.Select):
        named = (exp.Alias, exp.Column, exp.Star)
        for position, result in enumerate(list(query.expressions)):
            if not isinstance(result, named):
                result.replace(exp.alias_(result.copy(), f"_col{position}"))


def _keep_type(node: exp.Expr) -> None:
    """Trino's quotient and average have the type of their operands, and a truncated date is a date."""
    if isinstance(node, exp.Div):
        left, right = node.left.type, node.right.type
        if _is_decimal(left) or _is_decimal(right):
            scale = max(_scale(left), _scale(right))
            _cast(node, f"DECIMAL(38, {scale})")
    elif isinstance(node, exp.Avg):
        if _is_decimal(node.this.type):
            _cast(node, node.this.type.sql("duckdb"))
    elif node.this.is_type("date"):
        _cast(node, "DATE")


def _is_decimal(kind: exp.DataType | None) -> bool:
    return kind is not None and kind.is_type("decimal")


def _scale(kind: exp.DataType | None) -> int:
    return int(kind.expressions[1].name) if kind is not None and len(kind.expressions) > 1 else 0


def _cast(node: exp.Expr, target: str) -> None:
    kept = node.copy()
    node.replace(exp.cast(exp.paren(kept, copy=False), target, dialect="duckdb"))
