"""Whether the numbers in a row rule can overflow: ranges are computed from the types, operator by operator.

Spark under ANSI rules and DuckDB both stop with an error when an int or bigint overflows, so one row with large values
would end a whole run. The limits of a column do not count: a rule also sees values that broke them. For decimals
Spark's own rule is applied, and its result must be exact (Spark, DecimalPrecision: at most 38 digits).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp

from contracts.authoring.values import INT_RANGES, MAX_PRECISION
from contracts.model import DECIMAL

INTEGERS = {kind: (values[0], values[-1]) for kind, values in INT_RANGES.items()}
DIGITS = {"int": 10, "bigint": 20}  # of the decimal that Spark makes of an integer
COMPUTATIONS = (exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Abs)
PARTS_OF_A_DATE: dict[type[exp.Expr], int] = {
    exp.Year: 9999,
    exp.Quarter: 4,
    exp.Month: 12,
    exp.Day: 31,
}


@dataclass(frozen=True)
class Number:
    """What an expression can be: `low` to `high` for an int or bigint, otherwise a decimal."""

    kind: str
    low: int
    high: int
    precision: int
    scale: int

    @property
    def whole_digits(self) -> int:
        """Digits before the decimal point that hold every value."""
        if self.kind == "decimal":
            return self.precision - self.scale
        return len(str(max(abs(self.low), abs(self.high))))


def mistakes(tree: exp.Expr, columns: Mapping[str, str]) -> list[str]:
    """Which computations in `tree` can overflow, and which casts can fail; `columns` are types by name."""
    return sorted(set(_casts_that_can_fail(tree, columns)) or set(_overflows_in(tree, columns)))


def _casts_that_can_fail(tree: exp.Expr, columns: Mapping[str, str]) -> Iterator[str]:
    for node in tree.find_all(exp.Cast):
        is_literal = isinstance(node.this, exp.Literal)
        if not is_literal and not _is_widening(_number(node.this, columns), _number_type(node)):
            yield (
                f"CAST({_text(node.this)} AS {node.to.sql('spark')}) can fail or lose digits; "
                "a row rule may only cast a number to a type that holds every value of it"
            )


def _overflows_in(tree: exp.Expr, columns: Mapping[str, str]) -> Iterator[str]:
    for node in tree.find_all(*COMPUTATIONS):
        if _overflows_first(node, columns):
            yield f"{_text(node)} can overflow {_type_of(node, columns)}; {_advice(node, columns)}"


def _overflows_first(node: exp.Expr, columns: Mapping[str, str]) -> bool:
    """Whether the node overflows and none of its operands does, whose own message is enough."""
    return _overflows(node, columns) and not any(
        _overflows(inner, columns) for inner in node.iter_expressions()
    )


def _overflows(node: exp.Expr, columns: Mapping[str, str]) -> bool:
    number = _number(node, columns)
    if number is None:
        return False
    if number.kind == "decimal":
        return number.precision > MAX_PRECISION
    low, high = INTEGERS[number.kind]
    return number.low < low or number.high > high


def _type_of(node: exp.Expr, columns: Mapping[str, str]) -> str:
    number = _number(node, columns)
    return (
        number.kind
        if number and number.kind in INTEGERS
        else f"the {MAX_PRECISION} digits of a decimal"
    )


def _advice(node: exp.Expr, columns: Mapping[str, str]) -> str:
    """The casts that make room, tried out; otherwise that there is no such type."""
    for kind in ("bigint", "decimal"):
        wider = node.copy()
        for side in ("this", "expression"):
            operand = wider.args.get(side)
            found = _number(operand, columns) if operand is not None else None
            if (
                operand is not None
                and found
                and found.kind in INTEGERS
                and not isinstance(operand, exp.Literal)
            ):
                to = kind if kind == "bigint" else f"decimal({found.whole_digits}, 0)"
                operand.replace(exp.cast(operand.unnest().copy(), to, dialect="spark"))
        if not _overflows(wider, columns):
            return f"write {_text(wider)}"
    return f"no type has room for it (at most {MAX_PRECISION} digits); compare the operands instead"


def _number(node: exp.Expr, columns: Mapping[str, str]) -> Number | None:
    """What the expression can be, None when it is no number."""
    if isinstance(node, exp.Column):
        return _of_column(columns.get(node.name, ""))
    if isinstance(node, exp.Literal):
        return None if node.is_string else _of_literal(node.name)
    if isinstance(node, exp.Cast):
        return _cast(_number(node.this, columns), _number_type(node))
    if type(node) in PARTS_OF_A_DATE:
        return Number("int", 0, PARTS_OF_A_DATE[type(node)], DIGITS["int"], 0)
    if isinstance(node, exp.Length):
        return Number("int", 0, INTEGERS["int"][1], DIGITS["int"], 0)
    if isinstance(node, exp.Paren | exp.Neg | exp.Abs):
        return _unary(node, _number(node.this, columns))
    if isinstance(node, exp.Add | exp.Sub | exp.Mul):
        left, right = _number(node.this, columns), _number(node.expression, columns)
        return _binary(node, left, right) if left and right else None
    branches = [found for inner in _branches(node) if (found := _number(inner, columns))]
    return _union(branches) if branches else None


def _branches(node: exp.Expr) -> list[exp.Expr]:
    """The expressions one of which is the value of `node`."""
    if isinstance(node, exp.Case):
        default = node.args.get("default")
        return [
            *(branch.args["true"] for branch in node.args["ifs"]),
            *([default] if default else []),
        ]
    if isinstance(node, exp.If):
        return [inner for side in ("true", "false") if (inner := node.args.get(side))]
    if isinstance(node, exp.Coalesce | exp.Greatest | exp.Least):
        return [node.this, *node.expressions]
    return [node.this] if isinstance(node, exp.Nullif) else []


def _of_column(kind: str) -> Number | None:
    if kind in INTEGERS:
        return Number(kind, *INTEGERS[kind], DIGITS[kind], 0)
    return _decimal(kind)


def _decimal(kind: str) -> Number | None:
    found = DECIMAL.match(kind)
    return Number("decimal", 0, 0, int(found.group(1)), int(found.group(2))) if found else None


def _of_literal(text: str) -> Number | None:
    whole, point, decimals = text.partition(".")
    if not (whole + decimals).isdigit():
        return None  # 1e3 is a double
    digits = len(whole.lstrip("0"))
    if point:
        return Number("decimal", 0, 0, max(digits + len(decimals), 1), len(decimals))
    kind = next((name for name, (_, high) in INTEGERS.items() if int(whole) <= high), "decimal")
    return Number(kind, int(whole), int(whole), max(digits, 1), 0)


def _number_type(cast: exp.Cast) -> Number | None:
    """The whole range of the type that is cast to, None for other types."""
    kind = cast.to.sql("spark").lower().replace(" ", "")
    return Number(kind, *INTEGERS[kind], DIGITS[kind], 0) if kind in INTEGERS else _decimal(kind)


def _is_widening(value: Number | None, to: Number | None) -> bool:
    if value is None or to is None:
        return False
    if to.kind in INTEGERS:
        return value.kind in INTEGERS and to.low <= value.low and value.high <= to.high
    return (
        value.scale <= to.scale
        and value.whole_digits <= to.whole_digits
        and to.precision <= MAX_PRECISION
    )


def _cast(value: Number | None, to: Number | None) -> Number | None:
    if value and to and value.kind in INTEGERS and to.kind in INTEGERS:
        return Number(to.kind, value.low, value.high, to.precision, 0)
    return to


def _unary(node: exp.Expr, value: Number | None) -> Number | None:
    if value is None or isinstance(node, exp.Paren) or value.kind == "decimal":
        return value
    ends = (
        (-value.low, -value.high)
        if isinstance(node, exp.Neg)
        else (abs(value.low), abs(value.high))
    )
    low = 0 if isinstance(node, exp.Abs) and value.low <= 0 <= value.high else min(ends)
    return Number(value.kind, low, max(ends), DIGITS[value.kind], 0)


def _binary(node: exp.Expr, left: Number, right: Number) -> Number:
    if "decimal" in (left.kind, right.kind):
        return _exact(node, left, right)
    if isinstance(node, exp.Mul):
        ends = [one * other for one in (left.low, left.high) for other in (right.low, right.high)]
    elif isinstance(node, exp.Add):
        ends = [left.low + right.low, left.high + right.high]
    else:
        ends = [left.low - right.high, left.high - right.low]
    kind = "bigint" if "bigint" in (left.kind, right.kind) else "int"
    return Number(kind, min(ends), max(ends), DIGITS[kind], 0)


def _exact(node: exp.Expr, left: Number, right: Number) -> Number:
    """The decimal that Spark computes with, before it would cut digits (DecimalPrecision)."""
    if isinstance(node, exp.Mul):
        return Number(
            "decimal", 0, 0, left.precision + right.precision + 1, left.scale + right.scale
        )
    scale = max(left.scale, right.scale)
    whole = max(left.precision - left.scale, right.precision - right.scale)
    return Number("decimal", 0, 0, whole + scale + 1, scale)


def _union(branches: list[Number]) -> Number:
    if any(item.kind == "decimal" for item in branches):
        scale = max(item.scale for item in branches)
        whole = max(item.precision - item.scale for item in branches)
        return Number("decimal", 0, 0, whole + scale, scale)
    kind = "bigint" if any(item.kind == "bigint" for item in branches) else "int"
    low, high = min(item.low for item in branches), max(item.high for item in branches)
    return Number(kind, low, high, DIGITS[kind], 0)


def _text(node: exp.Expr) -> str:
    """SQL as an author writes it; sqlglot reads a cast of Spark as one that may fail."""
    plain = node.transform(
        lambda inner: exp.Cast(**inner.args) if isinstance(inner, exp.TryCast) else inner
    )
    return " ".join(plain.sql("duckdb").split())
