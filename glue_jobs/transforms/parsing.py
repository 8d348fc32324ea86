"""Text to typed values, defined by regular expressions so that a second engine can give the same result.

Spark's typed CSV parse rounds decimals silently and accepts much else, so every value is read as text and then
- trimmed of BLANKS on both ends; what is empty then is null,
- matched as a whole against `shape`, ASCII digits only, and converted by `value`; a date must also exist.
A text that is not null but whose value is null did not parse, and `complaint` says why.
"""

from __future__ import annotations

import re

from pyspark.sql import Column
from pyspark.sql import functions as F

from contracts import model
from contracts.errors import ContractInvalid

BLANKS = " \t\r\n\u00a0"  # U+00A0: spreadsheets write it as a thousands or padding blank
INTEGER = r"\A[+-]?[0-9]{1,18}\z"
NUMBER = r"\A[+-]?[0-9]+(\.[0-9]+)?\z"
TRUE, FALSE = ("true", "yes", "y", "1"), ("false", "no", "n", "0")
SHOWN_CHARACTERS = 60  # of a value, in a reason

_DATE_FIELDS = {
    "yyyy": "[0-9]{4}",
    "yy": "[0-9]{2}",
    **dict.fromkeys("MdHms", "[0-9]{1,2}"),
    **{letter * 2: "[0-9]{2}" for letter in "MdHms"},
    "SSS": "[0-9]{3}",
    "SSSSSS": "[0-9]{6}",
}
_DATE_PARTS = re.compile(r"'(?P<quoted>[^']*)'|(?P<field>(?P<letter>[A-Za-z])(?P=letter)*)|(?P<other>.)")


def trimmed(raw: Column) -> Column:
    """The text without BLANKS around it; null when nothing is left."""
    text = F.btrim(raw, F.lit(BLANKS))
    return F.when(text != "", text)


def value(column: model.Column, text: Column) -> Column:
    """The typed value of a trimmed text, null when it does not parse."""
    converted = _converted(column, text)
    pattern = shape(column)
    return converted if pattern is None else F.when(text.rlike(pattern), converted)


def shape(column: model.Column) -> str | None:
    """The regular expression that a text of this column's type matches as a whole; None when any text will do."""
    if column.precision_and_scale:
        precision, scale = column.precision_and_scale
        fraction = rf"(\.[0-9]{{1,{scale}}})?" if scale else ""
        return rf"\A[+-]?[0-9]{{1,{precision - scale}}}{fraction}\z"
    if column.type in ("date", "timestamp"):
        return _date_shape(column)
    return INTEGER if column.type in ("int", "bigint") else None


def complaint(column: model.Column, text: Column) -> Column:
    """Why this text did not parse, as the end of a sentence that starts with the value."""
    if column.precision_and_scale:
        precision, scale = column.precision_and_scale
        digits = precision - scale
        return (
            F.when(~text.rlike(NUMBER), F.lit("is not a number"))
            .when(F.length(F.regexp_extract(text, r"\.([0-9]+)", 1)) > scale, F.lit(f"has more than {scale} decimals"))
            .otherwise(F.lit(f"has more than {digits} digits before the decimal point"))
        )
    if column.type in ("int", "bigint"):
        too_large = F.lit(f"does not fit into {column.type}")
        return F.when(text.rlike(r"\A[+-]?[0-9]+\z"), too_large).otherwise(F.lit("is not a whole number"))
    if column.type in ("date", "timestamp"):
        return F.lit(f"is not a {column.type} written {column.format}")
    return F.lit(f"is not a {column.type}")


def shown(column: model.Column, text: Column) -> Column:
    """The value as a reason may show it: quoted, shortened, and not at all when it is personal data."""
    if column.pii:
        return F.lit("the value (personal data, not shown)")
    short = F.when(F.length(text) > SHOWN_CHARACTERS, F.concat(F.substring(text, 1, SHOWN_CHARACTERS), F.lit("...")))
    return F.concat(F.lit("'"), F.coalesce(short, text), F.lit("'"))


def _converted(column: model.Column, text: Column) -> Column:
    if column.type == "string":
        return text
    if column.type == "boolean":
        word = F.lower(text)
        return F.when(word.isin(*TRUE), F.lit(True)).when(word.isin(*FALSE), F.lit(False))
    if column.type == "date":
        return F.try_to_date(text, _format(column))
    if column.type == "timestamp":
        return F.try_to_timestamp(text, F.lit(_format(column))).cast("timestamp_ntz")
    return text.try_cast(column.type)


def _format(column: model.Column) -> str:
    if column.format is None:
        raise ContractInvalid(f"column {column.name!r} is a {column.type} without a format; run `make contracts`")
    return column.format


def _date_shape(column: model.Column) -> str:
    return rf"\A{''.join(_date_part(part, column) for part in _DATE_PARTS.finditer(_format(column)))}\z"


def _date_part(part: re.Match[str], column: model.Column) -> str:
    field = part.group("field")
    if field is None:
        return re.escape(part.group("quoted") or part.group("other") or "'")
    if field not in _DATE_FIELDS:
        known = ", ".join(sorted(_DATE_FIELDS))
        raise ContractInvalid(f"column {column.name!r}: {field!r} in format {column.format!r} is none of {known}")
    return _DATE_FIELDS[field]
