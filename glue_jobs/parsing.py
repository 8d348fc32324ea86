"""Text to typed values, defined by regular expressions so that a second engine gives the same result.

Spark's typed CSV parse rounds decimals silently and accepts much else, so every value is read as text,
cleaned (contracts.texts; what is empty then is null), matched against its `shape` and converted; a date
must exist. A text that is not null but whose value is null did not parse, and `complaint` says why.
"""

from __future__ import annotations

from typing import assert_never

from pyspark.sql import Column
from pyspark.sql import functions as F

from contracts import model
from contracts.texts import BLANKS, BYTE_ORDER_MARK, INVISIBLE, QUOTE
from rows.grammar import DECIMALS, FALSE, INTEGER, NUMBER, TRUE, WIDEST_WHOLE, date_format, shape

QUOTED = (
    "begins and ends with a quote of its own; "
    "quotes enclose a value only directly between delimiters, and not doubled"
)
SHOWN_CHARACTERS = 60  # of a value, in a reason


def trimmed(raw: Column) -> Column:
    """Equals contracts.texts.cleaned."""
    return F.btrim(F.replace(raw, F.lit(BYTE_ORDER_MARK), F.lit("")), F.lit(BLANKS))


def present(text: Column) -> Column:
    """A trimmed text, null when nothing is left; of a column, since Spark would compute an expression twice."""
    return F.when(text != "", text)


def is_quoted(text: Column) -> Column:
    """Equals contracts.texts.is_quoted, of a trimmed text."""
    return text.startswith(QUOTE) & text.endswith(QUOTE)


def unquoted(text: Column) -> Column:
    """Equals contracts.texts.unquoted, of a trimmed text."""
    inside = F.btrim(text.substr(F.lit(2), F.length(text) - 2), F.lit(BLANKS))
    return F.when(is_quoted(text), inside).otherwise(text)


def value(column: model.Column, text: Column) -> Column:
    """The typed value of a trimmed text, null when it does not parse."""
    converted = _converted(column, text)
    pattern = shape(column)
    return converted if pattern is None else F.when(text.rlike(pattern), converted)


def complaint(column: model.Column, text: Column) -> Column:
    """Why this text did not parse, as the end of a sentence that starts with the value."""
    return F.when(is_quoted(text), F.lit(QUOTED)).otherwise(_mistake(column, text))


def _mistake(column: model.Column, text: Column) -> Column:
    kind = column.kind
    match kind:
        case "decimal":
            return _decimal_mistake(column, text)
        case "int" | "bigint":
            too_large = F.lit(f"does not fit into {kind}")
            return F.when(text.rlike(INTEGER), too_large).otherwise(F.lit("is not a whole number"))
        case "date" | "timestamp":
            return F.lit(f"is not a {kind} written {column.format}")
        case "boolean" | "string":
            return F.lit(f"is not a {kind}")
        case _:
            assert_never(kind)


def _decimal_mistake(column: model.Column, text: Column) -> Column:
    precision, scale = column.precision_and_scale or (0, 0)
    decimals = F.regexp_extract(text, DECIMALS, 1)
    digits = F.lit(f"has more than {precision - scale} digits before the decimal point")
    return (
        F.when(~text.rlike(NUMBER), F.lit("is not a number"))
        .when(F.length(decimals) > scale, F.lit(f"has more than {scale} decimals"))
        .otherwise(digits)
    )


def shown(column: model.Column, text: Column) -> Column:
    """The value as a reason may show it: quoted, shortened, and not at all when it is personal data."""
    if column.pii:
        return F.lit("the value (personal data, not shown)")
    short = F.when(
        F.length(text) > SHOWN_CHARACTERS,
        F.concat(F.substring(text, 1, SHOWN_CHARACTERS), F.lit("...")),
    )
    return F.concat(F.lit("'"), _escaped(F.coalesce(short, text)), F.lit("'"))


def _escaped(text: Column) -> Column:
    """Equals contracts.texts.escaped."""
    characters = F.regexp_extract_all(text, F.lit("(?s)(.)"))
    shown = F.transform(
        characters, lambda one: F.when(one.rlike(f"[{INVISIBLE}]"), _escape(one)).otherwise(one)
    )
    return F.when(text.rlike(f"[{INVISIBLE}]"), F.array_join(shown, "")).otherwise(text)


def _escape(character: Column) -> Column:
    return F.concat(F.lit("\\u"), F.lpad(F.lower(F.hex(F.ascii(character))), 4, "0"))


def _converted(column: model.Column, text: Column) -> Column:
    kind = column.kind
    match kind:
        case "string":
            return F.when(~is_quoted(text), text)
        case "boolean":
            word = F.lower(text)
            return F.when(word.isin(*TRUE), F.lit(True)).when(word.isin(*FALSE), F.lit(False))
        case "date":
            return F.try_to_date(text, date_format(column))
        case "timestamp":
            moment = F.try_to_timestamp(text, F.lit(date_format(column)))
            return moment.cast("timestamp_ntz")
        case "int" | "bigint":
            whole = text.try_cast(WIDEST_WHOLE).try_cast(kind)
            return F.when(text.contains("."), whole).otherwise(text.try_cast(kind))
        case "decimal":
            return text.try_cast(column.type)
        case _:
            assert_never(kind)
