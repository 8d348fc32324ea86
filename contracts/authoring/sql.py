"""What is wrong with a row rule or a curated model; only this module and `arithmetic` know sqlglot.

Both must mean the same in Spark and DuckDB. So a rule may use only constructs on which the two agree, and a model must
cast every computed column; what neither grammar can show is compared in tests, with both engines.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import OptimizeError, SqlglotError
from sqlglot.lineage import lineage
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from contracts.authoring import arithmetic
from contracts.authoring.problems import did_you_mean

# What a rule may be made of. Left out on purpose: / and % (a zero raises in Spark and gives NULL in DuckDB), casts that
# may fail (`arithmetic` tells), rlike (other regular expressions), all that depends on the clock, chance or other rows.
RULE_NODES = (
    exp.Abs, exp.Add, exp.And, exp.Between, exp.Boolean, exp.Case, exp.Cast, exp.Coalesce, exp.Column, exp.DataType,
    exp.DataTypeParam, exp.Day, exp.EQ, exp.GT, exp.GTE, exp.Greatest, exp.Identifier, exp.If, exp.In, exp.Is, exp.LT,
    exp.LTE, exp.Least, exp.Length, exp.Like, exp.Literal, exp.Lower, exp.Month, exp.Mul, exp.NEQ, exp.Neg, exp.Not,
    exp.Null, exp.Nullif, exp.Or, exp.Paren, exp.Quarter, exp.Sub, exp.Trim, exp.TryCast, exp.TsOrDsToDate, exp.Upper,
    exp.Year,
)  # fmt: skip
UNREPEATABLE = (
    exp.CurrentDate, exp.CurrentDatetime, exp.CurrentTime, exp.CurrentTimestamp, exp.CurrentUser, exp.Localtime,
    exp.Localtimestamp, exp.Rand, exp.Randn, exp.Uuid,
)  # fmt: skip
_RELATION = "the_row"
Relations = Mapping[str, Mapping[str, str]]  # columns with their types, by name of the relation
_ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class SqlMistake:
    """What is wrong, and on which line of the SQL text."""

    line: int
    message: str


def expression_columns(expression: str) -> set[str]:
    """Names of the columns that a SQL expression reads."""
    return {
        column.name for column in sqlglot.parse_one(expression, read="spark").find_all(exp.Column)
    }


def expression_mistakes(expression: str, columns: Mapping[str, str]) -> list[str]:
    """Why `expression` cannot be a row rule over `columns` (type by name); empty when it can."""
    try:
        trees = {dialect: _condition(expression, dialect) for dialect in ("spark", "duckdb")}
    except SqlglotError as error:
        return [f"not a SQL expression that Spark and DuckDB both read: {_reason(error)}"]
    spark, duckdb = trees["spark"], trees["duckdb"]
    mistakes = [*_unknown_columns(spark, columns), *_forbidden_nodes(spark)]
    if any("\\" in literal.this for literal in duckdb.find_all(exp.Literal)):
        mistakes.append(
            "a text holds a backslash, which Spark reads as an escape and DuckDB as itself; write it without"
        )
    if not mistakes and _columns(spark) != _columns(duckdb):
        mistakes.append(
            "Spark and DuckDB read different columns; quote text with single quotes: 'text', not \"text\""
        )
    if not mistakes and not _columns(spark):
        mistakes.append("the expression reads no column, so it says nothing about a row")
    return mistakes or arithmetic.mistakes(spark, columns) or _not_boolean(spark, columns)


def select_mistakes(
    sql: str,
    relations: Relations,
    outputs: Mapping[str, str],
    *,
    dropped: Collection[str] = (),
) -> list[SqlMistake]:
    """Why `sql` cannot be a model over all of `relations` giving `outputs` (types by name).

    `dropped` are columns of the files that no relation has, since they are personal data.
    """
    try:
        statements = [tree for tree in sqlglot.parse(sql, read="spark") if tree is not None]
        sqlglot.parse(sql, read="duckdb")
    except SqlglotError as error:
        return [
            SqlMistake(_line(error), f"not SQL that Spark and DuckDB both read: {_reason(error)}")
        ]
    if len(statements) != 1 or not isinstance(statements[0], exp.Select):
        found = ", ".join(type(tree).__name__.upper() for tree in statements) or "nothing"
        return [SqlMistake(1, f"found {found}; expected exactly one SELECT")]
    select = statements[0]
    mistakes = [
        *_foreign_tables(select, relations),
        *_unrepeatable(select),
        *_wrong_outputs(select, outputs),
        *_dropped_columns(select, dropped),
    ]
    return mistakes or _wrong_types(select, relations, outputs)


def sources_of(sql: str, column: str, relations: Relations) -> set[tuple[str, str]]:
    """The (relation, column) pairs from which a valid model computes `column`, through every subquery."""
    schema = {name: dict(columns) for name, columns in relations.items()}
    found = lineage(column, sql, schema=schema, dialect="spark")
    return {
        (node.source.name, node.name.rpartition(".")[2])
        for node in found.walk()
        if isinstance(node.source, exp.Table)
    }


def truncates(sql: str, column: str, period: str, source: str) -> bool:
    """Whether the model computes `column` as CAST(date_trunc('<period>', <source>) AS date)."""
    found = [
        alias.this
        for alias in sqlglot.parse_one(sql, read="spark").find_all(exp.Alias)
        if alias.alias == column
    ]
    return bool(found) and all(_is_truncation(expression, period, source) for expression in found)


def _condition(expression: str, dialect: str) -> exp.Expr:
    trees = sqlglot.parse(expression, read=dialect)
    if len(trees) != 1 or trees[0] is None:
        raise SqlglotError("expected exactly one expression")
    return trees[0]


def _columns(tree: exp.Expr) -> set[str]:
    return {column.sql("spark") for column in tree.find_all(exp.Column)}


def _unknown_columns(tree: exp.Expr, columns: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({column.name for column in tree.find_all(exp.Column)} - set(columns)):
        yield f"unknown column {name!r}; {did_you_mean(name, columns)}"
    if any(column.table for column in tree.find_all(exp.Column)):
        yield "a column is written with a table name; a rule sees one row, write the column alone"


def _forbidden_nodes(tree: exp.Expr) -> list[str]:
    known = "comparisons, and/or/not, in, between, like, is null, case, + - *, abs, coalesce, length, year, ..."
    bad = {_shown(node) for node in tree.walk(prune=_is_forbidden) if _is_forbidden(node)}
    return [f"{text} is not allowed in a row rule; allowed are {known}" for text in sorted(bad)]


def _is_forbidden(node: exp.Expr) -> bool:
    return type(node) not in RULE_NODES


def _shown(node: exp.Expr) -> str:
    return " ".join(node.sql("spark").split())


def _not_boolean(condition: exp.Expr, columns: Mapping[str, str]) -> list[str]:
    found = _type(
        _typed(exp.select(condition.copy()).from_(_RELATION), {_RELATION: columns}).selects[0]
    )
    return (
        []
        if found == "boolean"
        else [f"gives {found}; a rule must be true or false, so compare with something"]
    )


def _foreign_tables(select: exp.Select, relations: Collection[str]) -> Iterator[SqlMistake]:
    own = {*relations, *(cte.alias for cte in select.find_all(exp.CTE))}
    expected = " or ".join(repr(name) for name in relations)
    for table in select.find_all(exp.Table):
        if table.name not in own or table.db:
            yield SqlMistake(
                _node_line(table), f"reads from {_shown(table)!r}; expected only {expected}"
            )
    read = {table.name for table in select.find_all(exp.Table)}
    for relation in relations:
        if relation not in read:
            yield SqlMistake(1, f"does not read from {relation!r}")


def _unrepeatable(select: exp.Select) -> Iterator[SqlMistake]:
    for node in select.walk():
        if isinstance(node, UNREPEATABLE):
            yield SqlMistake(
                _node_line(node),
                f"{_shown(node)!r} gives a different result each time; a model must not",
            )
        if isinstance(node, exp.Anonymous):
            yield SqlMistake(_node_line(node), f"unknown function {node.name!r}")
        if isinstance(node, exp.Limit):
            yield SqlMistake(_node_line(node), "LIMIT drops rows at random; remove it")


def _dropped_columns(select: exp.Select, dropped: Collection[str]) -> Iterator[SqlMistake]:
    for column in select.find_all(exp.Column):
        if column.name in dropped:
            message = f"reads {column.name!r}, which is dropped as personal data before the processed table; remove it"
            yield SqlMistake(_node_line(column), message)


def _wrong_outputs(select: exp.Select, outputs: Mapping[str, str]) -> Iterator[SqlMistake]:
    found = select.named_selects
    if found != list(outputs):
        missing = [name for name in outputs if name not in found]
        extra = [name for name in found if name not in outputs]
        detail = (
            f"missing {', '.join(missing) or 'none'}; not declared {', '.join(extra) or 'none'}"
        )
        detail = detail if missing or extra else "the order differs"
        yield SqlMistake(
            1, f"gives ({', '.join(found)}); the contract declares ({', '.join(outputs)}): {detail}"
        )


def _wrong_types(
    select: exp.Select, relations: Relations, outputs: Mapping[str, str]
) -> list[SqlMistake]:
    try:
        typed = _typed(select.copy(), relations)
    except OptimizeError as error:
        return [SqlMistake(_line(error), _reason(error))]
    return [
        mistake
        for node in typed.selects
        if (mistake := _wrong_type(node, outputs[node.alias_or_name]))
    ]


def _typed(select: exp.Select, relations: Relations) -> exp.Select:
    schema: dict[str, object] = {name: dict(columns) for name, columns in relations.items()}
    typed = annotate_types(
        qualify(select, schema=schema, dialect="spark"), schema=schema, dialect="spark"
    )
    if not isinstance(typed, exp.Select):
        raise TypeError(
            f"sqlglot turned a SELECT into {type(typed).__name__}; this version is not understood"
        )
    return typed


def _wrong_type(node: exp.Expr, declared: str) -> SqlMistake | None:
    name, found = node.alias_or_name, _type(node)
    if not isinstance(node.unalias(), exp.Column | exp.Cast):
        message = f"column {name!r} is computed; write CAST(... AS {declared}), so that every engine gives this type"
        return SqlMistake(_node_line(node), message)
    if found != declared:
        return SqlMistake(
            _node_line(node), f"column {name!r} gives {found}; the contract declares {declared}"
        )
    return None


def _type(node: exp.Expr) -> str:
    return node.type.sql("spark").lower().replace(" ", "") if node.type else "unknown"


def _is_truncation(expression: exp.Expr, period: str, source: str) -> bool:
    if not isinstance(expression, exp.Cast) or _shown(expression.to).lower() != "date":
        return False
    inner = expression.this
    if not isinstance(inner, exp.TimestampTrunc | exp.DateTrunc):
        return False
    unit = inner.unit.name.lower() if inner.unit else None
    return unit == period and isinstance(inner.this, exp.Column) and inner.this.name == source


def _node_line(node: exp.Expr) -> int:
    """Line on which the node starts; sqlglot notes lines on identifiers only."""
    lines = [line for inner in node.walk() if (line := inner.meta.get("line"))]
    return min(lines, default=1)


def _line(error: SqlglotError) -> int:
    details = getattr(error, "errors", None) or [{}]
    found = details[0].get("line") or next(iter(re.findall(r"Line:? (\d+)", str(error))), 1)
    return int(found)


def _reason(error: SqlglotError) -> str:
    details = getattr(error, "errors", None) or [{}]
    text = details[0].get("description") or str(error)
    if found := re.match(r"Required keyword: '\w+' missing for <class '.*\.(\w+)'>", text):
        return f"an operand of {found.group(1)} is missing"
    return _ANSI_COLOUR.sub("", text).splitlines()[0]
