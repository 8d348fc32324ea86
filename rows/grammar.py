"""What a text of each type looks like, as regular expressions that Spark and DuckDB read alike.

They are the definition of parsing: ASCII digits only, the whole text, no thousands separators, no exponents. Kept free
of Spark, for the engine that will do small batches.
"""

from __future__ import annotations

import re

from contracts import model
from contracts.errors import ContractInvalid

BLANKS = " \t\r\n\u00a0"  # U+00A0: spreadsheets write it as a thousands or padding blank
INTEGER = r"\A[+-]?[0-9]{1,18}\z"
NUMBER = r"\A[+-]?[0-9]+(\.[0-9]+)?\z"
TRUE, FALSE = ("true", "yes", "y", "1"), ("false", "no", "n", "0")

_DATE_FIELDS = {
    "yyyy": "[0-9]{4}",
    "yy": "[0-9]{2}",
    **dict.fromkeys("MdHms", "[0-9]{1,2}"),
    **{letter * 2: "[0-9]{2}" for letter in "MdHms"},
    "SSS": "[0-9]{3}",
    "SSSSSS": "[0-9]{6}",
}
_DATE_PARTS = re.compile(r"'(?P<quoted>[^']*)'|(?P<field>(?P<letter>[A-Za-z])(?P=letter)*)|(?P<other>.)")


def shape(column: model.Column) -> str | None:
    """The regular expression that a text of this column's type matches as a whole; None when any text will do."""
    if column.precision_and_scale:
        precision, scale = column.precision_and_scale
        fraction = rf"(\.[0-9]{{1,{scale}}})?" if scale else ""
        return rf"\A[+-]?[0-9]{{1,{precision - scale}}}{fraction}\z"
    if column.type in ("date", "timestamp"):
        return _date_shape(column)
    return INTEGER if column.type in ("int", "bigint") else None


def date_format(column: model.Column) -> str:
    """The format of a date or timestamp column; ContractInvalid when it has none."""
    if column.format is None:
        raise ContractInvalid(f"column {column.name!r} is a {column.type} without a format; run `make contracts`")
    return column.format


def _date_shape(column: model.Column) -> str:
    return rf"\A{''.join(_date_part(part, column) for part in _DATE_PARTS.finditer(date_format(column)))}\z"


def _date_part(part: re.Match[str], column: model.Column) -> str:
    field = part.group("field")
    if field is None:
        return re.escape(part.group("quoted") or part.group("other") or "'")
    if field not in _DATE_FIELDS:
        known = ", ".join(sorted(_DATE_FIELDS))
        raise ContractInvalid(f"column {column.name!r}: {field!r} in format {column.format!r} is none of {known}")
    return _DATE_FIELDS[field]
