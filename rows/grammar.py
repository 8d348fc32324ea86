"""What a text of each type looks like, as regular expressions that Spark and DuckDB read alike.

They are the definition of parsing: ASCII digits only, the whole text, no thousands separators, no
exponents. A number may be written in any way that loses nothing: 00205.70, 238.0 for an integer,
.99, 5., and 47.4500 where the scale is 2. Texts are as contracts.texts.cleaned gives them.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import assert_never

from contracts import model
from contracts.errors import ContractInvalid
from contracts.texts import cleaned, unquoted

INTEGER = r"\A[+-]?([0-9]+(\.0*)?|\.0+)\z"
NUMBER = r"\A[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\z"
DECIMALS = r"\.([0-9]*?)0*\z"  # group 1: the decimals that a scale must hold
RANGES = {"int": range(-(2**31), 2**31), "bigint": range(-(2**63), 2**63)}
WIDEST_WHOLE = "decimal(38,0)"  # what a whole number with a decimal point is cast to first
TRUE, FALSE = ("true", "yes", "y", "1"), ("false", "no", "n", "0")

DATE_FIELDS = {
    "yyyy": "[0-9]{4}",
    "yy": "[0-9]{2}",
    **dict.fromkeys("MdHms", "[0-9]{1,2}"),
    **{letter * 2: "[0-9]{2}" for letter in "MdHms"},
    "SSS": "[0-9]{3}",
    "SSSSSS": "[0-9]{6}",
}
DATE_PARTS = re.compile(
    r"'(?P<quoted>[^']*)'|(?P<field>(?P<letter>[A-Za-z])(?P=letter)*)|(?P<other>.)"
)

_CHARACTERS = re.compile(r"\\.|.", re.DOTALL)
_PATTERN_PARTS = re.compile(r"(?P<begin>\[\^?)(?P<content>\]?(?:\\.|[^\]\\])*)\]|\\.|.", re.DOTALL)
_WHITE = r" \t\n\x0B\f\r"  # what \s is in Java
_OUTSIDE_CLASS = {
    ".": r"[^\n\r\x{85}\x{2028}\x{2029}]",
    r"\s": f"[{_WHITE}]",
    r"\S": f"[^{_WHITE}]",
}
_IN_CLASS = {r"\s": _WHITE, "[": r"\[", "&": r"\&"}


def shape(column: model.Column) -> str | None:
    """The regular expression that a text of this column's type matches as a whole; None when any text will do."""
    kind = column.kind
    match kind:
        case "string" | "boolean":  # a boolean is one of TRUE and FALSE, in any case
            return None
        case "int" | "bigint":
            return INTEGER
        case "decimal":
            return _decimal_shape(column)
        case "date" | "timestamp":
            return _date_shape(column)
        case _:
            assert_never(kind)


def fits(pattern: str, text: str) -> bool:
    """Whether a whole text matches a pattern of this module, for tools without an engine."""
    return re.fullmatch(pattern.removeprefix(r"\A").removesuffix(r"\z"), text) is not None


def whole_number(kind: str, text: str) -> int | None:
    """What a cleaned text is as an int or bigint; None when it is none, or beyond the type."""
    if not fits(INTEGER, text):
        return None
    number = int(Decimal(text))
    return number if number in RANGES[kind] else None


def subject_text(kind: str, text: str) -> str:
    """The text whose token stands for a person's value of type `kind` (string, int, bigint).

    Of equal values the same, however they were written: 7 for +007, 7.0 and "7" of an int. What is
    no such number, and every string, is its cleaned text.
    """
    bare = unquoted(cleaned(text))
    number = whole_number(kind, bare) if kind in RANGES else None
    return bare if number is None else str(number)


def portable(pattern: str) -> str:
    """A contract's pattern so that Java and RE2 read it alike, as Java did the pattern itself.

    RE2 excludes only \\n from `.`, and \\v from `\\s`; it knows neither && nor a class within a class.
    Source: java.util.regex.Pattern, "Line terminators" and "Predefined character classes".
    """
    found = ""
    for part in _PATTERN_PARTS.finditer(pattern):
        content = part.group("content")
        if content is None:
            found += _OUTSIDE_CLASS.get(part[0], part[0])
        else:
            inside = (_IN_CLASS.get(one, one) for one in _CHARACTERS.findall(content))
            found += f"{part.group('begin')}{''.join(inside)}]"
    return found


def date_format(column: model.Column) -> str:
    """The format of a date or timestamp column; ContractInvalid when it has none."""
    if column.format is None:
        raise ContractInvalid(
            f"column {column.name!r} is a {column.type} without a format; run `make contracts`"
        )
    return column.format


def _decimal_shape(column: model.Column) -> str:
    """Zeros before and behind the digits that count are free."""
    precision, scale = column.precision_and_scale or (0, 0)
    digits = precision - scale
    whole = rf"0*[0-9]{{1,{digits}}}" if digits else "0+"
    if not scale:
        return rf"\A[+-]?({whole}(\.0*)?|\.0+)\z"
    return rf"\A[+-]?({whole}(\.[0-9]{{0,{scale}}}0*)?|\.[0-9]{{1,{scale}}}0*)\z"


def _date_shape(column: model.Column) -> str:
    return rf"\A{''.join(_date_part(part, column) for part in DATE_PARTS.finditer(date_format(column)))}\z"


def _date_part(part: re.Match[str], column: model.Column) -> str:
    field = part.group("field")
    if field is None:
        return re.escape(part.group("quoted") or part.group("other") or "'")
    if field not in DATE_FIELDS:
        known = ", ".join(sorted(DATE_FIELDS))
        raise ContractInvalid(
            f"column {column.name!r}: {field!r} in format {column.format!r} is none of {known}"
        )
    return DATE_FIELDS[field]
