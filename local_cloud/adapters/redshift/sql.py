"""Redshift's SQL, read by sqlglot and let through only where every part of it is known to mean the same here.

A statement is a tree of sqlglot's; whatever is in it and not in `KNOWN` is refused by name, so a construct that nobody
has compared with Redshift never runs. What differs and is handled: numeric types (redshift_types), external tables
(redshift_lake), attributes of tables (redshift_ddl), some functions (redshift_rewriting). What differs and is left:
ROUND may show another number of digits, CAST to VARCHAR(n) cuts by characters and not by bytes, GETDATE() has
microseconds and is the time of the transaction, trailing blanks count when texts are compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

DIALECT = "redshift"
REFUSAL = "statement not supported by the embedded warehouse"
_SHOWN = 120

_STRUCTURE = (
    exp.Identifier, exp.Column, exp.Star, exp.Table, exp.TableAlias, exp.Alias, exp.Literal, exp.Boolean, exp.Null,
    exp.Var, exp.Tuple, exp.Paren, exp.Dot, exp.DataType, exp.DataTypeParam,
)  # fmt: skip
_QUERIES = (
    exp.Select, exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered, exp.Limit, exp.Offset,
    exp.Distinct, exp.Subquery, exp.With, exp.CTE, exp.Union, exp.Except, exp.Intersect, exp.Values, exp.Qualify,
    exp.Window, exp.WindowSpec, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls, exp.Exists, exp.In, exp.Any,
)  # fmt: skip
_OPERATORS = (
    exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.Between, exp.Like,
    exp.ILike, exp.Escape, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.DPipe, exp.Case, exp.If,
)  # fmt: skip
_FUNCTIONS = (
    exp.Sum, exp.Count, exp.Avg, exp.Min, exp.Max, exp.Median, exp.PercentileCont, exp.GroupConcat, exp.Stddev,
    exp.StddevSamp, exp.StddevPop, exp.Variance, exp.VariancePop, exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile,
    exp.PercentRank, exp.CumeDist, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.Coalesce, exp.Nullif,
    exp.Greatest, exp.Least, exp.Cast, exp.Extract, exp.DateTrunc, exp.TimestampTrunc, exp.TsOrDsAdd, exp.TsOrDsDiff,
    exp.DateAdd, exp.DateDiff, exp.TsOrDsToDate, exp.LastDay, exp.AddMonths, exp.CurrentTimestamp, exp.CurrentDate,
    exp.CurrentUser, exp.TimeToStr, exp.StrToDate, exp.Upper, exp.Lower, exp.Trim, exp.Length,
    exp.Substring, exp.Left, exp.Right, exp.Replace, exp.Concat, exp.StrPosition, exp.Initcap, exp.Pad, exp.Round,
    exp.Abs, exp.Ceil, exp.Floor, exp.Trunc, exp.Sqrt, exp.Pow, exp.Exp, exp.Ln, exp.Sign, exp.DecodeCase,
    exp.DatetimeAdd, exp.DatetimeDiff, exp.Date,
)  # fmt: skip
_CHANGES = (
    exp.Insert, exp.Delete, exp.Update, exp.Merge, exp.Whens, exp.When, exp.Create, exp.Drop, exp.Schema,
    exp.ColumnDef, exp.ColumnConstraint, exp.NotNullColumnConstraint, exp.DefaultColumnConstraint,
    exp.EncodeColumnConstraint, exp.PrimaryKeyColumnConstraint, exp.UniqueColumnConstraint, exp.PrimaryKey,
    exp.IndexParameters, exp.Properties, exp.TemporaryProperty, exp.LikeProperty, exp.DistStyleProperty,
    exp.DistKeyProperty, exp.SortKeyProperty, exp.BackupProperty, exp.Comment, exp.TruncateTable, exp.Grant,
    exp.GrantPrivilege, exp.GrantPrincipal,
)  # fmt: skip
KNOWN: frozenset[type[exp.Expr]] = frozenset(
    {*_STRUCTURE, *_QUERIES, *_OPERATORS, *_FUNCTIONS, *_CHANGES}
)
STATEMENTS = (
    exp.Select, exp.SetOperation, exp.Subquery, exp.Insert, exp.Delete, exp.Update, exp.Merge, exp.Create, exp.Drop,
    exp.Comment, exp.TruncateTable, exp.Grant,
)  # fmt: skip
RESERVED_SCHEMAS = (
    "main",
    "temp",
    "slipway_catalog",
    "pg_catalog",
    "information_schema",
    "pg_internal",
)
_PARAMETER = re.compile(r"'(?:[^']|'')*'|--[^\n]*|(?<![:\w]):([0-9a-zA-Z_]+)")


class StatementRefused(Exception):
    """A statement that Redshift would refuse, or that the embedded warehouse cannot run as Redshift would."""


def unsupported(what: str, advice: str = "") -> StatementRefused:
    """The refusal, naming the part that is not supported and, where there is one, the next step."""
    shown = what if len(what) <= _SHOWN else what[:_SHOWN] + "..."
    return StatementRefused(f"{REFUSAL}: {shown}" + (f"; {advice}" if advice else ""))


def parameter_names(sql: str) -> set[str]:
    """Names of the `:name` parameters in a text, those inside string literals not counted."""
    return {match[1] for match in _PARAMETER.finditer(sql) if match[1]}


def parse(sql: str, parameters: Mapping[str, str] | None = None) -> exp.Expr:
    """The one statement in `sql`, its parameters put in as text literals, every part of it known.

    Raises:
        StatementRefused: it is not one well-formed statement, or holds what is not known here.
    """
    statement = _one(sql)
    for placeholder in list(statement.find_all(exp.Placeholder)):
        value = (parameters or {}).get(placeholder.name)
        if value is None:
            raise StatementRefused(f"there is no parameter {placeholder.name!r}")
        placeholder.replace(exp.Literal.string(value))
    if not isinstance(statement, STATEMENTS):
        raise unsupported(_verb(sql, statement), _advice(statement))
    for node in statement.walk():
        if type(node) not in KNOWN:
            raise unsupported(f"{_name(node)} in {node.sql(DIALECT)}")
    _check_names(statement)
    _check_shape(statement)
    return statement


def _one(sql: str) -> exp.Expr:
    try:
        found = [tree for tree in sqlglot.parse(sql, read=DIALECT) if tree is not None]
    except (ParseError, TokenError) as exc:
        details = exc.errors[0] if isinstance(exc, ParseError) and exc.errors else {}
        reason = f"{details.get('description', exc)} at or near {details.get('highlight')!r}"
        raise unsupported(f"syntax error: {reason}") from exc
    if len(found) != 1:
        raise StatementRefused(
            f"one statement is expected, {len(found)} were sent"
        )  # Redshift: "multiple commands"
    return found[0]


def _verb(sql: str, statement: exp.Expr) -> str:
    words = [token.text.upper() for token in sqlglot.tokenize(sql, read=DIALECT)]
    return " ".join(words[:2]) if words else type(statement).__name__


def _advice(statement: exp.Expr) -> str:
    if isinstance(statement, exp.Transaction | exp.Commit | exp.Rollback):
        return "a batch is one transaction, opened and ended by the Data API"
    if isinstance(statement, exp.Copy):
        return "read the lake through an external schema"
    return ""


def _name(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return f"function {node.name.upper()}"
    return f"function {node.sql_name()}" if isinstance(node, exp.Func) else type(node).__name__


def _check_names(statement: exp.Expr) -> None:
    for table in statement.find_all(exp.Table):
        if isinstance(statement, exp.Create | exp.Drop) and statement.kind == "SCHEMA" and table.db:
            continue
        if not isinstance(table.this, exp.Identifier | type(None)):
            raise unsupported(f"table function {table.sql(DIALECT)}")
        if table.catalog:
            raise unsupported(f"name of three parts {table.sql(DIALECT)}", "write schema.table")
        if table.db.lower() in RESERVED_SCHEMAS:
            raise unsupported(f"schema {table.db} of {table.sql(DIALECT)}")


def _check_shape(statement: exp.Expr) -> None:
    """What sqlglot takes and Redshift does not. Source: Redshift database developer guide, by statement."""
    for distinct in statement.find_all(exp.Distinct):
        if distinct.args.get("on"):
            raise unsupported("DISTINCT ON")
    for written in statement.find_all(exp.TimeToStr, exp.StrToDate):
        if re.search("[A-Za-z]", re.sub("%-?[A-Za-z]", "", written.text("format"))):
            raise unsupported(f"format of {written.sql(DIALECT)}")
    for group in statement.find_all(exp.Group):
        if group.args.get("all"):
            raise unsupported("GROUP BY ALL")
    if isinstance(statement, exp.Merge):
        _check_merge(statement)
    elif isinstance(statement, exp.Insert):
        _check_arguments(statement, "this", "expression", "exists", "by_name", "with_")
    elif isinstance(statement, exp.Delete):
        _check_arguments(statement, "this", "using", "where", "with_")
        if statement.this.alias:
            raise unsupported("DELETE with an alias of its target", "name the table in full")
    elif isinstance(statement, exp.Update):
        _check_arguments(statement, "this", "expressions", "from_", "where", "with_")
        _check_targets(statement.expressions, "UPDATE")
    elif isinstance(statement, exp.Create) and statement.kind not in ("TABLE", "SCHEMA"):
        raise unsupported(f"CREATE {statement.kind}")
    elif isinstance(statement, exp.TruncateTable) and len(statement.expressions) != 1:
        raise unsupported("TRUNCATE of several tables")


def _check_arguments(statement: exp.Expr, *known: str) -> None:
    for name, value in statement.args.items():
        if value and name not in known:
            raise unsupported(f"{type(statement).__name__.upper()} with {name}")
    if statement.args.get("exists") or statement.args.get("by_name"):
        raise unsupported(f"{type(statement).__name__.upper()} in {statement.sql(DIALECT)}")


def _check_merge(merge: exp.Merge) -> None:
    """Source: Redshift database developer guide, MERGE: both clauses, no alias of the target, plain SET columns."""
    if merge.this.alias:
        raise unsupported("MERGE with an alias of its target", "name the table in full")
    if not isinstance(merge.args["using"], exp.Table):
        raise unsupported("MERGE from a subquery", "stage the rows in a temporary table")
    whens = list(merge.args["whens"].expressions)
    if [bool(when.args["matched"]) for when in whens] != [True, False]:
        raise StatementRefused("MERGE needs WHEN MATCHED and then WHEN NOT MATCHED, once each")
    if any(when.args.get("condition") or when.args.get("source") for when in whens):
        raise unsupported("a condition in WHEN of MERGE")
    changed, added = (when.args["then"] for when in whens)
    if isinstance(changed, exp.Update):
        _check_targets(changed.expressions, "MERGE")
    if not isinstance(added, exp.Insert):
        raise StatementRefused("WHEN NOT MATCHED of MERGE can only INSERT")


def _check_targets(assignments: list[exp.Expr], verb: str) -> None:
    for assignment in assignments:
        if not isinstance(assignment, exp.EQ) or assignment.this.table:
            raise StatementRefused(
                f"{verb} SET {assignment.sql(DIALECT)}: name the target column without its table"
            )
