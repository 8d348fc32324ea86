"""Redshift's CREATE and DROP as DuckDB's: columns and NOT NULL are real, physical design is kept in a note.

PRIMARY KEY and UNIQUE are informational in Redshift, so they are not enforced here; a primary key's columns are NOT
NULL in both. DISTSTYLE, DISTKEY, SORTKEY, ENCODE and BACKUP have no effect and are kept with the table. VARCHAR(n)
counts bytes in Redshift, which a CHECK does here; LIKE does not copy that check. Source: Redshift database developer
guide, CREATE TABLE, CREATE EXTERNAL SCHEMA, "Defining table constraints".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlglot import exp

from local_cloud.adapters.redshift.sql import DIALECT, StatementRefused, unsupported

WITHOUT_EFFECT = (
    exp.DistStyleProperty,
    exp.DistKeyProperty,
    exp.SortKeyProperty,
    exp.BackupProperty,
)
DEFAULT_VARCHAR_BYTES = 256
MOST_VARCHAR_BYTES = 65535
_TYPES = {
    "SMALLINT": "SMALLINT", "INT": "INTEGER", "BIGINT": "BIGINT", "FLOAT": "FLOAT", "DOUBLE": "DOUBLE",
    "BOOLEAN": "BOOLEAN", "DATE": "DATE", "TIMESTAMP": "TIMESTAMP", "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE",
    "TIME": "TIME",
}  # fmt: skip
_TEXTS = {
    "VARCHAR": DEFAULT_VARCHAR_BYTES,
    "TEXT": DEFAULT_VARCHAR_BYTES,
    "CHAR": 1,
    "NCHAR": 1,
    "NVARCHAR": 256,
}
_EXTERNAL_SCHEMA = re.compile(
    r"CREATE\s+EXTERNAL\s+SCHEMA\s+(?P<exists>IF\s+NOT\s+EXISTS\s+)?\"?(?P<name>\w+)\"?\s+FROM\s+DATA\s+CATALOG\s+"
    r"DATABASE\s+'(?P<database>[^']+)'\s+(?:REGION\s+'[^']+'\s+)?"
    r"IAM_ROLE\s+(?:(?P<default>DEFAULT)|'(?P<role>arn:aws:iam::\d{12}:role/[^']+)')\s*;?\s*",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
_NOTED = re.compile(
    r"\s*((?:CREATE|ALTER|DROP)\s+(?:USER|GROUP|ROLE)\s+\S+|REVOKE\s[^;]*)", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class ExternalSchema:
    """CREATE EXTERNAL SCHEMA over a Glue database; `role` is None for the namespace's default role."""

    name: str
    database: str
    role: str | None
    if_not_exists: bool


@dataclass(frozen=True, kw_only=True)
class Table:
    """CREATE TABLE: what DuckDB runs, and what has no effect there."""

    name: exp.Table
    sql: str
    without_effect: str


def without_comments(sql: str) -> str:
    """The text of a statement alone."""
    return _COMMENT.sub(lambda found: found[0] if found[0].startswith("'") else " ", sql).strip()


def external_schema(sql: str) -> ExternalSchema | None:
    """The external schema that a statement creates, None for another statement; sqlglot does not know the form."""
    sql = without_comments(sql)
    if not re.match(r"CREATE\s+EXTERNAL\s", sql, re.IGNORECASE):
        return None
    match = _EXTERNAL_SCHEMA.fullmatch(sql)
    if match is None:
        raise unsupported(
            sql,
            "known is CREATE EXTERNAL SCHEMA name FROM DATA CATALOG DATABASE 'db' IAM_ROLE default | 'arn'",
        )
    return ExternalSchema(
        name=match["name"].lower(),
        database=match["database"].lower(),
        role=match["role"],
        if_not_exists=bool(match["exists"]),
    )


def noted(sql: str) -> str | None:
    """What is kept of a statement on users and privileges, which are not evaluated here; None for another statement.

    Of CREATE and ALTER USER only the name is kept: the rest may be a password.
    """
    match = _NOTED.match(without_comments(sql))
    return " ".join(match[1].split()) if match else None


def table(create: exp.Create) -> Table:
    """CREATE TABLE with columns, LIKE or AS.

    Raises:
        StatementRefused: an attribute or type that is not known here.
    """
    _check(create)
    properties = (
        list(create.args["properties"].expressions) if create.args.get("properties") else []
    )
    kept = [item for item in properties if isinstance(item, exp.TemporaryProperty)]
    dropped = [item for item in properties if isinstance(item, WITHOUT_EFFECT)]
    if len(kept) + len(dropped) != len(properties):
        raise unsupported(create.sql(DIALECT))
    made = create.copy()
    made.set(
        "properties", exp.Properties(expressions=[item.copy() for item in kept]) if kept else None
    )
    notes = [item.sql(DIALECT) for item in dropped]
    if isinstance(made.this, exp.Schema):
        like = made.this.find(exp.LikeProperty)
        if like is not None:
            return _like(made, like, notes)
        _columns(made.this, notes)
    target = create.find(exp.Table)
    if target is None:
        raise StatementRefused("the table has no name")
    return Table(name=target, sql=made.sql(dialect="duckdb"), without_effect=", ".join(notes))


def _check(create: exp.Create) -> None:
    for name, value in create.args.items():
        if value and name not in ("this", "kind", "exists", "properties", "expression"):
            raise unsupported(f"CREATE {create.kind} with {name}")


def _like(made: exp.Create, like: exp.LikeProperty, notes: list[str]) -> Table:
    """Redshift's LIKE copies columns and NOT NULL, and no keys. Source: CREATE TABLE, LIKE parent_table."""
    if like.expressions or len(made.this.expressions) != 1:
        raise unsupported(f"LIKE with options in {made.sql(DIALECT)}")
    target = made.this.this
    made.set("expression", exp.select("*").from_(like.this.copy()).limit(0))
    made.set("this", target)
    return Table(name=target, sql=made.sql(dialect="duckdb"), without_effect=", ".join(notes))


def _columns(schema: exp.Schema, notes: list[str]) -> None:
    keys: set[str] = set()
    columns = [item for item in schema.expressions if isinstance(item, exp.ColumnDef)]
    for item in schema.expressions:
        if isinstance(item, exp.PrimaryKey):
            keys |= {column.name.lower() for column in item.expressions}
        elif not isinstance(item, exp.ColumnDef | exp.UniqueColumnConstraint):
            raise unsupported(item.sql(DIALECT))
    checks = [check for column in columns if (check := _column(column, keys, notes))]
    schema.set("expressions", [*columns, *checks])


def _column(column: exp.ColumnDef, keys: set[str], notes: list[str]) -> exp.Expr | None:
    required = column.name.lower() in keys
    kept = []
    for constraint in column.args.get("constraints") or []:
        kind = constraint.args["kind"]
        if isinstance(kind, exp.EncodeColumnConstraint):
            notes.append(f"{column.name} {kind.sql(DIALECT)}")
        elif isinstance(kind, exp.NotNullColumnConstraint):
            required = required or not kind.args.get("allow_null")
        elif isinstance(kind, exp.PrimaryKeyColumnConstraint):
            required = True
        elif isinstance(kind, exp.DefaultColumnConstraint):
            kept.append(constraint)
        elif not isinstance(kind, exp.UniqueColumnConstraint):
            raise unsupported(f"{kind.sql(DIALECT)} of column {column.name}")
    if required:
        kept.append(exp.ColumnConstraint(kind=exp.NotNullColumnConstraint()))
    column.set("constraints", kept)
    return _type(column)


def _type(column: exp.ColumnDef) -> exp.Expr | None:
    """Give the column DuckDB's type; a text gets the check of its bytes."""
    declared = column.args.get("kind")
    if not isinstance(declared, exp.DataType):
        raise StatementRefused(f"column {column.name} has no type")
    name = str(declared.this.value) if isinstance(declared.this, exp.DType) else str(declared.this)
    parameters = [parameter.this.name.upper() for parameter in declared.expressions]
    if name == "DECIMAL":
        sizes = [int(size) for size in parameters] or [18, 0]  # Redshift's default
        column.set(
            "kind",
            exp.DataType.build(
                f"DECIMAL({sizes[0]}, {sizes[1] if sizes[1:] else 0})", dialect="duckdb"
            ),
        )
        return None
    if name in _TYPES and not parameters:
        column.set("kind", exp.DataType.build(_TYPES[name], dialect="duckdb"))
        return None
    if name not in _TEXTS:
        raise unsupported(f"type {declared.sql(DIALECT)} of column {column.name}")
    most = parameters[0] if parameters else str(_TEXTS[name])
    column.set("kind", exp.DataType.build("VARCHAR", dialect="duckdb"))
    length = exp.Anonymous(
        this="strlen", expressions=[exp.column(column.this.copy())]
    )  # bytes, as Redshift counts
    limit = MOST_VARCHAR_BYTES if most == "MAX" else int(most)
    return exp.CheckColumnConstraint(
        this=exp.LTE(this=length, expression=exp.Literal.number(limit))
    )
