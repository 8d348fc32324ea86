"""Numbers as Redshift computes them, where DuckDB would give another type or another value.

- SUM of integers is BIGINT, of BIGINT and decimals NUMERIC(38, scale); AVG has the type of its argument, integers cut.
- Integers divide to an integer; decimals to a decimal whose scale follows Redshift's rule. DuckDB divides decimals as
  DOUBLE, so such a quotient is right to 15 digits and its last digit rounded, where Redshift may cut.
- A division by zero is an error. Sums, differences and products of decimals are exact in both.
Where an operand's type cannot be told, the statement is refused and asks for a cast.
Source: Redshift database developer guide, "Computations with numeric values", SUM function, AVG function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import duckdb
from sqlglot import exp
from sqlglot.errors import OptimizeError, SchemaError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify_columns import qualify_columns
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

from local_cloud.adapters.redshift.sql import DIALECT, StatementRefused, unsupported

Columns: TypeAlias = dict[
    str, dict[str, dict[str, str]]
]  # schema ("" for temporary), table, column: DuckDB type
Numeric: TypeAlias = tuple[int, int]  # precision, scale
WIDEST = 38
LEAST_QUOTIENT_SCALE = 4
_INTEGERS = {"SMALLINT": 5, "INT": 10, "BIGINT": 19, "TINYINT": 3}
_SENSITIVE = (exp.Sum, exp.Avg, exp.Div, exp.Mul)
_AS_FIRST = (
    exp.Paren, exp.Neg, exp.Min, exp.Max, exp.Abs, exp.Coalesce, exp.Nullif, exp.Window, exp.Round, exp.Lag, exp.Lead,
    exp.FirstValue, exp.LastValue, exp.IgnoreNulls, exp.Alias,
)  # fmt: skip


def compute_as_redshift(statement: exp.Expr, columns: Callable[[], Columns]) -> exp.Expr:
    """The statement with casts where DuckDB would compute otherwise.

    Raises:
        StatementRefused: the type of an operand cannot be told.
    """
    if not any(statement.find(kind) for kind in _SENSITIVE):
        return statement
    query = _query_of(statement)
    if query is None:
        raise unsupported(
            f"arithmetic with SUM, AVG, * or / in {type(statement).__name__.upper()}",
            "compute it in a staged SELECT",
        )
    schema = MappingSchema(dict(columns()), dialect="duckdb")
    try:
        typed = qualify_columns(query, schema=schema, expand_stars=False, expand_alias_refs=False)
        for number in range(len(traverse_scope(typed))):
            annotate_types(typed, schema=schema, dialect=DIALECT)
            scope = traverse_scope(typed)[number]
            for node in [n for n in reversed(list(scope.walk())) if isinstance(n, _SENSITIVE)]:
                _fix(node)
    except (OptimizeError, SchemaError) as exc:
        raise StatementRefused(str(exc).splitlines()[0]) from exc
    if query is not statement:
        statement.set("expression", typed)
        return statement
    return typed


def columns_of(statement: exp.Expr, connection: duckdb.DuckDBPyConnection) -> Columns:
    """Types of the columns of every table that is named and exists; DuckDB will complain about the others."""
    columns: Columns = {}
    for table in statement.find_all(exp.Table):
        # asked of the catalog, since describing a table that is not there would end the transaction
        schemas = (
            [table.db.lower()] if table.db else ["public", "main"]
        )  # main is where temporary tables are
        found = connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE lower(table_name) = ? "
            "AND list_contains(?, lower(schema_name)) ORDER BY schema_name, column_index",
            [table.name.lower(), schemas],
        ).fetchall()
        if found:
            columns.setdefault(table.db, {})[table.name] = {
                str(name): str(kind) for name, kind in found
            }
    return columns


def _query_of(statement: exp.Expr) -> exp.Query | None:
    if isinstance(statement, exp.Query):
        return statement
    inner = statement.args.get("expression")
    return (
        inner
        if isinstance(statement, exp.Insert | exp.Create) and isinstance(inner, exp.Query)
        else None
    )


def _fix(node: exp.Expr) -> None:
    if isinstance(node, exp.Div):
        _divide(node)
    elif isinstance(node, exp.Mul):
        _multiply(node)
    elif isinstance(node, exp.Sum):
        kind = _numeric(node.this)
        if kind is not None:
            small = _is_integer(node.this) and kind[0] < _INTEGERS["BIGINT"]
            _cast(_whole(node), "BIGINT" if small else f"DECIMAL({WIDEST}, {kind[1]})")
    elif isinstance(node, exp.Avg):
        _average(node)


def _average(node: exp.Avg) -> None:
    kind = _numeric(node.this)
    if kind is None:
        _require_float(node, node.this)
    elif _is_integer(node.this):
        whole = _whole(node)
        whole.replace(exp.cast(exp.Anonymous(this="TRUNC", expressions=[whole.copy()]), "BIGINT"))
    else:
        _cast(_whole(node), f"DECIMAL({WIDEST}, {kind[1]})")


def _divide(node: exp.Div) -> None:
    left, right = _numeric(node.left), _numeric(node.right)
    divisor = exp.paren(node.right.copy())
    if not (isinstance(node.right, exp.Literal) and node.right.name.strip("0.")):
        node.set("expression", _not_zero(divisor))
    if left is None or right is None:
        _require_float(node, node.left if left is None else node.right)
    elif _is_integer(node.left) and _is_integer(divisor.this):
        node.replace(
            exp.IntDiv(this=exp.paren(node.left.copy()), expression=node.expression.copy())
        )
    else:
        _cast(node, f"DECIMAL({WIDEST}, {quotient_scale(left, right)})")


def _multiply(node: exp.Mul) -> None:
    """DuckDB refuses a product of more than 38 digits by its operands' types alone; Redshift narrows it."""
    left, right = _numeric(node.left), _numeric(node.right)
    if left is None or right is None or left[0] + right[0] <= WIDEST:
        return
    wide, narrow, operand = (
        (left, right, node.left) if left[0] >= right[0] else (right, left, node.right)
    )
    room = max(WIDEST - narrow[0], wide[1])
    if room + narrow[0] > WIDEST:
        raise unsupported(
            f"product of {wide} and {narrow} digits in {node.sql(DIALECT)}", "cast the operands"
        )
    _cast(operand, f"DECIMAL({room}, {wide[1]})")


def quotient_scale(left: Numeric, right: Numeric) -> int:
    """Digits after the point of a quotient of two decimals, as Redshift gives them."""
    scale = max(LEAST_QUOTIENT_SCALE, left[1] + right[0] - right[1] + 1)
    precision = left[0] - left[1] + right[1] + scale
    return scale if precision <= WIDEST else max(WIDEST + scale - precision, LEAST_QUOTIENT_SCALE)


def _not_zero(divisor: exp.Expr) -> exp.Expr:
    error = exp.Anonymous(this="error", expressions=[exp.Literal.string("Divide by zero")])
    return exp.Case(
        ifs=[
            exp.If(this=exp.EQ(this=divisor.copy(), expression=exp.Literal.number(0)), true=error)
        ],
        default=divisor,
    )


def _numeric(node: exp.Expr) -> Numeric | None:
    """Precision and scale of an exact number; None for anything else, or when it cannot be told."""
    if isinstance(node, exp.Literal):
        whole, _, fraction = node.name.partition(".")
        if node.is_string or not (whole + fraction).isdigit():
            return None
        return (
            max(len(whole) + len(fraction), _INTEGERS["INT"] if not fraction else 1),
            len(fraction),
        )
    if isinstance(node, exp.Cast | exp.Column):
        return _declared(node.to if isinstance(node, exp.Cast) else node.type)
    if isinstance(node, exp.Case):
        branches = [branch.args["true"] for branch in node.args["ifs"]] + [node.args.get("default")]
        kinds = [kind for branch in branches if branch is not None and (kind := _numeric(branch))]
        return _widest(kinds)
    if isinstance(node, exp.Add | exp.Sub):
        return _sum_of(_numeric(node.left), _numeric(node.right))
    if isinstance(node, exp.Mul):
        left, right = _numeric(node.left), _numeric(node.right)
        return (
            None
            if left is None or right is None
            else (min(left[0] + right[0], WIDEST), left[1] + right[1])
        )
    if isinstance(node, exp.Count | exp.RowNumber | exp.Rank | exp.DenseRank | exp.IntDiv):
        return (_INTEGERS["BIGINT"], 0)
    if isinstance(node, exp.Extract | exp.Length | exp.TsOrDsDiff | exp.DateDiff):
        return (_INTEGERS["INT"], 0)
    return _numeric(node.this) if isinstance(node, _AS_FIRST) else None


def _declared(kind: exp.DataType | None) -> Numeric | None:
    if kind is None:
        return None
    if kind.is_type("decimal") and len(kind.expressions) == 2:
        return int(kind.expressions[0].name), int(kind.expressions[1].name)
    digits = _INTEGERS.get(kind.this.value) if isinstance(kind.this, exp.DType) else None
    return (digits, 0) if digits else None


def _is_integer(node: exp.Expr) -> bool:
    kind = _numeric(node)
    decimal = node.find(exp.DataType) if isinstance(node, exp.Cast) else node.type
    return (
        kind is not None
        and kind[1] == 0
        and not (isinstance(decimal, exp.DataType) and decimal.is_type("decimal"))
    )


def _widest(kinds: list[Numeric]) -> Numeric | None:
    if not kinds:
        return None
    scale = max(kind[1] for kind in kinds)
    return min(max(kind[0] - kind[1] for kind in kinds) + scale, WIDEST), scale


def _sum_of(left: Numeric | None, right: Numeric | None) -> Numeric | None:
    if left is None or right is None:
        return None
    scale = max(left[1], right[1])
    return min(max(left[0] - left[1], right[0] - right[1]) + scale + 1, WIDEST), scale


def _require_float(node: exp.Expr, operand: exp.Expr) -> None:
    if operand.type is None or not operand.type.is_type("double", "float"):
        raise unsupported(
            f"type of {operand.sql(DIALECT)} in {node.sql(DIALECT)} cannot be told", "cast it"
        )


def _whole(node: exp.Expr) -> exp.Expr:
    """An aggregate with its OVER."""
    return node.parent if isinstance(node.parent, exp.Window) and node.arg_key == "this" else node


def _cast(node: exp.Expr, target: str) -> None:
    node.replace(exp.cast(exp.paren(node.copy(), copy=False), target, dialect="duckdb"))
