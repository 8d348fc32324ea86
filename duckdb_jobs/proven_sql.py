"""Curated SQL that means the same in Spark and in DuckDB; a model with anything else is computed by Spark.

A list of what is allowed; what is not listed differs somewhere, or nobody has looked. DuckDB's own parser takes the SQL
apart, and casts are judged by what they are of: CAST(2.5 AS int) is 2 in Spark and 3 in DuckDB. A quotient of decimals
is exact in Spark and binary in DuckDB: 52033.0000 / 20000 to four decimals is 2.6017 in the one, 2.6016 in the other.
A quotient of whole numbers is allowed only where nothing is left to round: (a - a % n) / n, with n times count(*).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import duckdb

from contracts.errors import NeedsSpark
from contracts.model import Contract, CuratedModel

Kind = Literal["whole", "decimal", "text", "day", "moment", "interval", "flag", "null"]
Node = Mapping[str, Any]
COLUMN_KINDS: dict[str, Kind] = {
    "string": "text", "int": "whole", "bigint": "whole", "date": "day", "timestamp": "moment", "boolean": "flag",
    "decimal": "decimal",
}  # fmt: skip
CONSTANT_KINDS: dict[str, Kind] = {
    "INTEGER": "whole", "NUMERIC": "decimal", "STRING": "text", "BOOLEAN": "flag", "NULL_LITERAL": "null",
}  # fmt: skip
CASTS: dict[str, tuple[Kind, tuple[Kind, ...]]] = {  # the kind that it gives, of which kinds
    "INT": ("whole", ("whole",)), "INTEGER": ("whole", ("whole",)), "BIGINT": ("whole", ("whole",)),
    "DECIMAL": ("decimal", ("whole", "decimal")), "DATE": ("day", ("day", "moment")),
    "TIMESTAMP": ("moment", ("day", "moment")), "STRING": ("text", ("text",)), "VARCHAR": ("text", ("text",)),
    "BOOLEAN": ("flag", ("flag",)),
}  # fmt: skip
WHOLE_NUMBERS = ("count", "count_star", "year", "quarter", "month", "day")
AS_THEIR_ARGUMENTS = ("min", "max", "coalesce", "greatest", "least")
ARITHMETIC = ("sum", "abs", "+", "-", "*")
TRUNCATED_TO = ("day", "month", "quarter", "year")
CONDITIONS = (
    "COMPARE_EQUAL", "COMPARE_NOTEQUAL", "COMPARE_LESSTHAN", "COMPARE_GREATERTHAN", "COMPARE_LESSTHANOREQUALTO",
    "COMPARE_GREATERTHANOREQUALTO", "COMPARE_BETWEEN", "CONJUNCTION_AND", "CONJUNCTION_OR",
    "OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "COMPARE_IN", "COMPARE_NOT_IN",
)  # fmt: skip


def require_proven(database: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Raises NeedsSpark, naming model and construct, when a curated model may mean something else in DuckDB."""
    for sentence in unproven(database, contract):
        raise NeedsSpark(sentence)


def unproven(database: duckdb.DuckDBPyConnection, contract: Contract) -> Iterator[str]:
    """Each curated model that is Spark's alone, with the construct that makes it so."""
    for curated_model in contract.curated:
        if reason := _Model(database, contract, curated_model).reason():
            yield f"curated model {curated_model.name}: {reason}"


class _Unproven(Exception):
    """A construct, as a sentence says it."""


class _Model:
    """The SQL of one model: its columns by name, and what each expression gives."""

    def __init__(
        self, database: duckdb.DuckDBPyConnection, contract: Contract, curated_model: CuratedModel
    ) -> None:
        answer = database.execute("SELECT json_serialize_sql(?)", [curated_model.sql]).fetchone()
        self._parsed: dict[str, Any] = json.loads(answer[0]) if answer else {"error": True}
        self._columns: dict[str, Kind] = {
            column.name: COLUMN_KINDS[column.kind] if column.pii is None else "text"
            for column in contract.stored_columns
        }

    def reason(self) -> str | None:
        """What is not proven equal; None when all is."""
        if self._parsed.get("error", True):
            return f"DuckDB does not read its SQL: {self._parsed.get('error_message')}"
        try:
            self._query(self._parsed["statements"][0]["node"])
        except _Unproven as found:
            return f"{found}, which Spark and DuckDB are not known to do alike"
        return None

    def _query(self, node: Node) -> None:
        if node["type"] != "SELECT_NODE" or node["cte_map"]["map"] or node["modifiers"]:
            raise _Unproven(
                "it is more than one plain SELECT (WITH, UNION, DISTINCT, ORDER BY, LIMIT)"
            )
        if node["qualify"] or node["sample"] or node["having"] or len(node["group_sets"]) > 1:
            raise _Unproven("it has HAVING, QUALIFY, a sample or several groupings")
        source = node["from_table"]
        if source["type"] == "SUBQUERY":
            self._query(source["subquery"]["node"])
        elif source["type"] != "BASE_TABLE":
            raise _Unproven(f"it reads from {source['type']}")
        outputs = {item["alias"]: self._kind(item) for item in node["select_list"]}
        for item in _listed(node.get("where_clause"), *node.get("group_expressions", [])):
            self._kind(item)
        self._columns |= {name: kind for name, kind in outputs.items() if name}

    def _kind(self, node: Node) -> Kind:
        match node["class"]:
            case "CONSTANT" if chr(92) in str(node["literal"].get("text", "")):
                raise _Unproven("it uses a text with a backslash")  # an escape in Spark alone
            case "CONSTANT":
                return self._known(CONSTANT_KINDS, node["literal"]["kind"], "a constant")
            case "COLUMN_REF":
                return self._known(self._columns, node["column_names"][-1], "column")
            case "CAST":
                return self._cast(node)
            case "CASE":
                return self._case(node)
            case "FUNCTION":
                return self._function(node)
            case _ if node["type"] in CONDITIONS:
                self._alike(list(_parts(node)), "a condition")
                return "flag"
            case _:
                raise _Unproven(f"it uses {node['type']}")

    def _known(self, kinds: Mapping[str, Kind], name: str, what: str) -> Kind:
        if name not in kinds:
            raise _Unproven(f"it uses {what} {name}")
        return kinds[name]

    def _cast(self, node: Node) -> Kind:
        wanted, given = node["type_expr"]["type_name"].upper(), self._kind(node["child"])
        if node["try_cast"] or wanted not in CASTS or given not in (*CASTS[wanted][1], "null"):
            raise _Unproven(f"it casts a value of kind {given} to {wanted}")
        return CASTS[wanted][0]

    def _case(self, node: Node) -> Kind:
        for check in node["case_checks"]:
            self._kind(check["when_expr"])
        results = [check["then_expr"] for check in node["case_checks"]]
        return self._alike([*results, node["else_expr"]], "CASE")

    def _function(self, node: Node) -> Kind:
        name, given = node["function_name"], [part["expression"] for part in node["arguments"]]
        if node.get("filter") or node.get("order_bys", {}).get("orders"):
            raise _Unproven(f"it uses {name} with FILTER or ORDER BY")
        if (
            name == "date_part"
            and _constant(given[0]) == "day"
            and self._kind(given[1]) == "interval"
        ):
            return "whole"
        if name == "date_trunc" and _constant(given[0]) in TRUNCATED_TO:
            return self._kind(given[1])
        if name == "/" and self._is_exact_quotient(*given):
            return "whole"
        kinds = [self._kind(part) for part in given]
        if name == "-" and kinds == ["moment", "moment"]:
            return "interval"
        if name in WHOLE_NUMBERS:
            return "whole"
        if name in AS_THEIR_ARGUMENTS:
            return self._alike(given, name)
        is_product = name == "*" and kinds.count("decimal") > 1  # of which Spark may round
        if name in ARITHMETIC and {*kinds} <= {"whole", "decimal"} and not is_product:
            return self._alike(given, name)
        raise _Unproven(f"it uses {name}")

    def _is_exact_quotient(self, dividend: Node, divisor: Node) -> bool:
        """Whether it is (a - a % n) / n of whole numbers: a double in both engines, below 2**53 without a fraction."""
        whole, rest = _operands("-", dividend)
        of, by = _operands("%", rest)
        return (
            _plain(of) == _plain(whole)
            and _plain(by) == _plain(divisor)
            and self._kind(whole) == "whole"
            and _is_never_zero(divisor)
        )

    def _alike(self, parts: list[Node], what: str) -> Kind:
        kinds = {self._kind(part) for part in parts} - {"null"}
        if kinds == {"whole", "decimal"}:
            return "decimal"
        if not kinds:
            return "null"
        if len(kinds) != 1:
            raise _Unproven(f"it mixes values of kinds {', '.join(sorted(kinds))} in {what}")
        return kinds.pop()


def _listed(*nodes: Node | None) -> Iterator[Node]:
    return (node for node in nodes if node)


def _parts(node: Node) -> Iterator[Node]:
    names = ("left", "right", "input", "lower", "upper")
    yield from (node[name] for name in names if name in node)
    yield from node.get("children", [])


def _operands(operator: str, node: Node) -> tuple[Node, Node]:
    """Both sides of an operator; two empty nodes for anything else."""
    if node.get("function_name") != operator or len(node["arguments"]) != 2:
        return {}, {}
    left, right = (part["expression"] for part in node["arguments"])
    return left, right


def _is_never_zero(node: Node) -> bool:
    """Whether it is count(*) of a group, or that times a constant: by zero, Spark fails and DuckDB gives null."""
    if node.get("function_name") == "count_star":
        return True
    factor, counted = _operands("*", node)
    is_constant = factor.get("class") == "CONSTANT" and factor["literal"]["kind"] == "INTEGER"
    return is_constant and int(factor["literal"]["text"]) > 0 and _is_never_zero(counted)


def _plain(node: Any) -> Any:
    """An expression without the places where its parts stand in the text."""
    if isinstance(node, list):
        return [_plain(part) for part in node]
    if not isinstance(node, dict):
        return node
    return {
        name: _plain(part) for name, part in node.items() if not name.startswith("query_location")
    }


def _constant(node: Node) -> str | None:
    return str(node["literal"]["text"]).lower() if node["class"] == "CONSTANT" else None
