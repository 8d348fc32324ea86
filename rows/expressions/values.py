"""Text to typed values, defined by regular expressions so that every engine gives the same result.

Typed CSV parsers round decimals silently and accept much else, so every value is read as text,
cleaned (contracts.texts; what is empty then is null), matched against its `shape` and converted; a date
must exist. A text that is not null but whose value is null did not parse, and `complaint` says why.
Arguments called `text` are SQL; they are repeated, so they should be column names.
"""

from __future__ import annotations

from typing import assert_never

from contracts import model
from contracts.texts import BLANKS, BYTE_ORDER_MARK, INVISIBLE, QUOTE
from rows.dialect import Dialect
from rows.grammar import DECIMALS, FALSE, INTEGER, NUMBER, TRUE, WIDEST_WHOLE, date_format, shape

QUOTED = (
    "begins and ends with a quote of its own; "
    "quotes enclose a value only directly between delimiters, and not doubled"
)
SHOWN_CHARACTERS = 60  # of a value, in a reason


def trimmed(dialect: Dialect, raw: str) -> str:
    """Equals contracts.texts.cleaned."""
    whole = f"replace({raw}, {dialect.text(BYTE_ORDER_MARK)}, '')"
    return dialect.trimmed(whole, BLANKS)


def present(text: str) -> str:
    """A trimmed text, null when nothing is left."""
    return f"CASE WHEN {text} <> '' THEN {text} END"


def is_quoted(dialect: Dialect, text: str) -> str:
    """Equals contracts.texts.is_quoted, of a trimmed text."""
    begins, ends = dialect.text(QUOTE + "%"), dialect.text("%" + QUOTE)
    return f"({text} LIKE {begins} AND {text} LIKE {ends})"


def unquoted(dialect: Dialect, text: str) -> str:
    """Equals contracts.texts.unquoted, of a trimmed text."""
    inside = trimmed(dialect, f"substring({text}, 2, greatest(length({text}) - 2, 0))")
    return f"CASE WHEN {is_quoted(dialect, text)} THEN {inside} ELSE {text} END"


def value(dialect: Dialect, column: model.Column, text: str) -> str:
    """The typed value of a trimmed text, null when it does not parse."""
    converted, pattern = _converted(dialect, column, text), shape(column)
    if pattern is None:
        return converted
    return f"CASE WHEN {dialect.matches(text, pattern)} THEN {converted} END"


def complaint(dialect: Dialect, column: model.Column, text: str) -> str:
    """Why this text did not parse, as the end of a sentence that starts with the value."""
    mistake = _mistake(dialect, column, text)
    quoted = is_quoted(dialect, text)
    return f"CASE WHEN {quoted} THEN {dialect.text(QUOTED)} ELSE {mistake} END"


def shown(dialect: Dialect, column: model.Column, text: str) -> str:
    """The value as a reason may show it: quoted, shortened, and not at all when it is personal data."""
    if column.pii:
        return dialect.text("the value (personal data, not shown)")
    begin = f"substring({text}, 1, {SHOWN_CHARACTERS})"
    short = dialect.escaped(begin, INVISIBLE)
    more = f"CASE WHEN length({text}) > {SHOWN_CHARACTERS} THEN '...' ELSE '' END"
    quote = dialect.text("'")
    return f"({quote} || ({short}) || {more} || {quote})"


def _mistake(dialect: Dialect, column: model.Column, text: str) -> str:
    kind = column.kind
    match kind:
        case "decimal":
            return _decimal_mistake(dialect, column, text)
        case "int" | "bigint":
            is_whole = dialect.matches(text, INTEGER)
            too_large = dialect.text(f"does not fit into {kind}")
            return f"CASE WHEN {is_whole} THEN {too_large} ELSE 'is not a whole number' END"
        case "date" | "timestamp":
            return dialect.text(f"is not a {kind} written {column.format}")
        case "boolean" | "string":
            return dialect.text(f"is not a {kind}")
        case _:
            assert_never(kind)


def _decimal_mistake(dialect: Dialect, column: model.Column, text: str) -> str:
    precision, scale = column.precision_and_scale or (0, 0)
    decimals = f"length(regexp_extract({text}, {dialect.text(DECIMALS)}, 1))"
    return (
        f"CASE WHEN NOT ({dialect.matches(text, NUMBER)}) THEN 'is not a number' "
        f"WHEN {decimals} > {scale} THEN 'has more than {scale} decimals' "
        f"ELSE 'has more than {precision - scale} digits before the decimal point' END"
    )


def _converted(dialect: Dialect, column: model.Column, text: str) -> str:
    kind = column.kind
    match kind:
        case "string":
            return f"CASE WHEN NOT {is_quoted(dialect, text)} THEN {text} END"
        case "boolean":
            yes, no = (", ".join(map(dialect.text, words)) for words in (TRUE, FALSE))
            word = dialect.lowered(text)
            return f"CASE WHEN {word} IN ({yes}) THEN true WHEN {word} IN ({no}) THEN false END"
        case "date":
            return dialect.date(text, date_format(column))
        case "timestamp":
            return dialect.timestamp(text, date_format(column))
        case "int" | "bigint":
            whole = f"TRY_CAST(TRY_CAST({text} AS {WIDEST_WHOLE}) AS {kind})"
            plain = f"TRY_CAST({text} AS {kind})"
            return f"CASE WHEN contains({text}, '.') THEN {whole} ELSE {plain} END"
        case "decimal":
            return f"TRY_CAST({text} AS {column.type})"
        case _:
            assert_never(kind)
