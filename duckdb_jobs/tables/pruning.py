"""Which data files a SQL condition may concern, by Iceberg's statistics; DuckDB then looks at their rows.

The condition is written once, as SQL. DuckDB's own parser takes it apart, and what it says of single columns becomes
an Iceberg expression. Whatever is not understood may concern every file, so a file is never left out by mistake.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, time
from typing import Any, Literal

import duckdb
from pyiceberg.expressions import (
    AlwaysFalse,
    AlwaysTrue,
    And,
    BooleanExpression,
    EqualTo,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    LessThan,
    LessThanOrEqual,
    Or,
)
from pyiceberg.schema import Schema
from pyiceberg.types import (
    DateType,
    IcebergType,
    IntegerType,
    LongType,
    StringType,
    TimestampType,
)

# Any: pyiceberg's classes take a column and a value by position, and their types know only names.
EXPRESSIONS: dict[str, Any] = {
    "=": EqualTo,
    ">": GreaterThan,
    ">=": GreaterThanOrEqual,
    "<": LessThan,
    "<=": LessThanOrEqual,
    "in": In,
}
COMPARISONS = {  # the second with both sides exchanged
    "COMPARE_EQUAL": ("=", "="),
    "COMPARE_GREATERTHAN": (">", "<"),
    "COMPARE_GREATERTHANOREQUALTO": (">=", "<="),
    "COMPARE_LESSTHAN": ("<", ">"),
    "COMPARE_LESSTHANOREQUALTO": ("<=", ">="),
}
Kind = Literal["number", "text", "date", "timestamp"]
KINDS: dict[type[IcebergType], Kind] = {
    IntegerType: "number",
    LongType: "number",
    StringType: "text",
    DateType: "date",
    TimestampType: "timestamp",
}
Node = Mapping[str, Any]
Spans = Mapping[str, tuple[Any, Any]]  # by column of `s`: least and greatest value


class Pruning:
    """Expressions over the columns of one table; in joins the table is `t` and the rows that come are `s`."""

    def __init__(self, database: duckdb.DuckDBPyConnection, schema: Schema) -> None:
        self._database, self._schema = database, schema

    def expression(self, condition: str, spans: Spans | None = None) -> BooleanExpression:
        """What the condition says of single columns; `spans` of `s` bound the columns that are compared with them."""
        return self._of(self._parsed(condition), spans or {})

    def joined(self, condition: str) -> list[str]:
        """Columns of `s` that a column of `t` must equal wherever the condition holds."""
        node = self._parsed(condition)
        parts = node["children"] if node["type"] == "CONJUNCTION_AND" else [node]
        pairs = [_joined(part) for part in parts]
        return [pair[1] for pair in pairs if pair and pair[0] in self._schema.column_names]

    def _parsed(self, condition: str) -> Node:
        statement = f"SELECT 1 FROM t, s WHERE {condition}"  # noqa: S608 - parsed, never run
        answer = self._database.execute("SELECT json_serialize_sql(?)", [statement]).fetchone()
        parsed = json.loads(answer[0]) if answer else {}
        if parsed.get("error", True):
            raise ValueError(f"not a SQL condition: {condition!r}: {parsed.get('error_message')}")
        node: Node = parsed["statements"][0]["node"]["where_clause"]
        return node

    def _of(self, node: Node, spans: Spans) -> BooleanExpression:
        match node["type"]:
            case "CONJUNCTION_AND":
                return _joined_by(And, [self._of(part, spans) for part in node["children"]])
            case "CONJUNCTION_OR":
                return _joined_by(Or, [self._of(part, spans) for part in node["children"]])
            case "COMPARE_BETWEEN":
                value = node["input"]
                return And(
                    self._compared("COMPARE_GREATERTHANOREQUALTO", value, node["lower"]),
                    self._compared("COMPARE_LESSTHANOREQUALTO", value, node["upper"]),
                )
            case "COMPARE_IN":
                return self._listed(node["children"])
            case "VALUE_CONSTANT" if node["literal"]["kind"] == "BOOLEAN":
                return AlwaysTrue() if node["literal"]["text"] == "true" else AlwaysFalse()
            case kind if kind in COMPARISONS:
                pair = _joined(node)
                if pair and pair[1] in spans:
                    return self._within(pair[0], spans[pair[1]])
                return self._compared(kind, node["left"], node["right"])
            case _:
                return AlwaysTrue()

    def _compared(self, kind: str, left: Node, right: Node) -> BooleanExpression:
        for exchanged, (one, other) in enumerate(((left, right), (right, left))):
            column = self._column(one)
            value = self._value(column, other) if column else None
            if column and value is not None:
                made: BooleanExpression = EXPRESSIONS[COMPARISONS[kind][exchanged]](column, value)
                return made
        return AlwaysTrue()

    def _listed(self, nodes: list[Node]) -> BooleanExpression:
        column = self._column(nodes[0])
        values = [self._value(column, node) for node in nodes[1:]] if column else [None]
        if column is None or None in values:
            return AlwaysTrue()
        among: BooleanExpression = EXPRESSIONS["in"](column, values)
        return among

    def _within(self, column: str, span: tuple[Any, Any]) -> BooleanExpression:
        if self._kind(column) is None:
            return AlwaysTrue()
        if span[0] is None:
            return AlwaysFalse()  # no row comes that could be equal
        least, greatest = (_literal(value) for value in span)
        within: BooleanExpression = And(
            EXPRESSIONS[">="](column, least), EXPRESSIONS["<="](column, greatest)
        )
        return within

    def _column(self, node: Node) -> str | None:
        if node["type"] != "COLUMN_REF" or node["column_names"][:-1] not in ([], ["t"]):
            return None
        name: str = node["column_names"][-1]
        return name if name in self._schema.column_names else None

    def _value(self, column: str, node: Node) -> Any:
        """The value as Iceberg reads it for the column; None for what is no plain value of the column's type."""
        if node["type"] == "OPERATOR_CAST":
            return self._value(column, node["child"])
        if node["type"] != "VALUE_CONSTANT":
            return None
        kind, written, text = self._kind(column), node["literal"]["kind"], node["literal"]["text"]
        if (kind, written) == ("number", "INTEGER"):
            return int(text)
        if (kind, written) == ("text", "STRING"):
            return text
        return _moment(kind, text) if written == "STRING" else None

    def _kind(self, column: str) -> Kind | None:
        if column not in self._schema.column_names:
            return None
        return KINDS.get(type(self._schema.find_type(column)))


def _moment(kind: Kind | None, text: str) -> str | None:
    """ISO text of a date or timestamp; None for what is written in another way, or has a part that would get lost."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if kind == "date" and moment.time() == time() and moment.tzinfo is None:
        return moment.date().isoformat()
    return moment.isoformat() if kind == "timestamp" and moment.tzinfo is None else None


def _joined_by(kind: Any, parts: list[BooleanExpression]) -> BooleanExpression:
    found = parts[0]
    for part in parts[1:]:
        found = kind(found, part)
    return found


def _joined(node: Node) -> tuple[str, str] | None:
    """Columns of `t` and `s` that the node wants to be equal."""
    if node["type"] != "COMPARE_EQUAL":
        return None
    sides = {
        side["column_names"][0]: side["column_names"][1]
        for side in (node["left"], node["right"])
        if side["type"] == "COLUMN_REF" and len(side["column_names"]) == 2
    }
    return (sides["t"], sides["s"]) if sides.keys() == {"t", "s"} else None


def _literal(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
