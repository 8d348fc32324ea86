"""What a column of the database must be for a column of the contract, and the SQL that writes it as a file would.

Nothing passes through a float and nothing is rounded: a pair of types that could lose something is refused before a
row is read. Names are quoted by psycopg; no value of a row is ever part of a query but the bounds of a chunk.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from psycopg import sql

from contracts.model import Column
from sources.model import LineBreaks

WHOLE = ("int2", "int4", "int8")
TEXTS = ("text", "varchar", "bpchar", "citext", "name")
# What has one exact text of its own: uuid and json as stored, floats by the shortest text that gives them again.
AS_TEXT = (
    *TEXTS,
    *WHOLE,
    *("numeric", "float4", "float8", "bool", "uuid", "json", "jsonb", "xml", "inet", "cidr"),
    *("macaddr", "date", "timestamp", "timestamptz", "time", "interval", "enum"),
)
# By the formats that read what they write: a format with M takes 07, too.
# Source: PostgreSQL manual, "Date/Time Output".
ISO = "ISO, YMD"
STYLES = {
    "yyyy-MM-dd": ISO,
    **dict.fromkeys(("M/d/yyyy", "MM/dd/yyyy"), "SQL, MDY"),
    **dict.fromkeys(("d/M/yyyy", "dd/MM/yyyy"), "SQL, DMY"),
    **dict.fromkeys(("d.M.yyyy", "dd.MM.yyyy"), "German, DMY"),
}
CAST = ("bool", "bpchar")  # COPY writes t and f, and the blanks that fill a char(n)
FIRST_DATE = "0001-01-01"  # earlier ones are BC, which to_char leaves out
FIELDS = {
    **{"yyyy": "YYYY", "MM": "MM", "dd": "DD", "HH": "HH24", "mm": "MI", "ss": "SS"},
    # FM holds for the one that follows. Source: PostgreSQL manual, "Data Type Formatting Functions"
    **{"M": "FMMM", "d": "FMDD", "H": "FMHH24", "m": "FMMI", "s": "FMSS"},
    **{"SSS": "MS", "SSSSSS": "US"},
}
DIGITS = {"SSS": 3, "SSSSSS": 6}  # of a second
_PARTS = re.compile(r"'(?P<quoted>[^']*)'|(?P<field>(?P<letter>[A-Za-z])(?P=letter)*)|(?P<other>.)")


@dataclass(frozen=True, kw_only=True)
class TableColumn:
    """A column as the catalog describes it: `type` is the base type, `shown` as people write it.

    `digits` are those of a second that a timestamp keeps, 6 for other types.
    """

    name: str
    type: str
    shown: str
    not_null: bool
    digits: int


def mismatch(column: Column, given: TableColumn) -> str | None:
    """Why a column of the database cannot be this column of the contract; None if it can."""
    kind = column.kind
    fits: tuple[str, ...]
    match kind:
        case "string":
            fits = AS_TEXT
        case "int" | "bigint" | "decimal":
            fits = (*WHOLE, "numeric")
        case "boolean":
            fits = ("bool",)
        case "date":
            fits = ("date",)
        case "timestamp":
            fits = ("timestamp", "timestamptz")
        case _:
            assert_never(kind)
    if given.type not in fits:
        return (
            f"{given.name!r} is {given.shown}, and {column.name!r} of the contract is {column.type}"
        )
    if kind in ("date", "timestamp"):
        return _format_mismatch(column, given)
    return None


def date_style(pairs: Iterable[tuple[Column, TableColumn]]) -> str:
    """The style in which COPY itself writes most dates, in a third of to_char's time.

    It says how every date of a query is written, so there is only one, and none but ISO where a date is a text.
    """
    styles = Counter[str]()
    for column, given in pairs:
        if column.kind == "string" and given.type in ("date", "timestamp", "timestamptz"):
            return ISO
        if column.kind == "date":
            styles[STYLES.get(column.format or "", ISO)] += 1
    return styles.most_common(1)[0][0] if styles else ISO


def rendered(
    column: Column, given: TableColumn, line_breaks: LineBreaks, style: str = ISO
) -> sql.Composable:
    """The SQL of a value as a file has it, where dates have this style; NULL stays NULL."""
    name = sql.Identifier(given.name)
    if column.kind == "date" and STYLES.get(column.format or "") == style:
        return name
    if column.kind in ("date", "timestamp"):
        return _formatted(column, given)
    text = sql.SQL("{}::text").format(name)
    if line_breaks == "spaces" and given.type not in (*WHOLE, "numeric", "bool", "uuid"):
        return sql.SQL(r"regexp_replace({}, E'\r\n|\r|\n', ' ', 'g')").format(text)
    # COPY writes the others as a cast would, in two thirds of its time.
    return text if given.type in CAST else name


def _formatted(column: Column, given: TableColumn) -> sql.Composable:
    """What no format can say (infinity, years before Christ) stays as it is, and is refused as a value later."""
    name = sql.Identifier(given.name)
    value = sql.SQL("{} at time zone 'UTC'").format(name) if given.type == "timestamptz" else name
    return sql.SQL(
        "case when isfinite({name}) and {name} >= {first} then to_char({value}, {pattern}) else {name}::text end"
    ).format(
        name=name,
        first=sql.Literal(FIRST_DATE),
        value=value,
        pattern=sql.Literal(to_char_pattern(column.format or "")),
    )


def to_char_pattern(pattern: str) -> str:
    """PostgreSQL's pattern for one of the contract's. Raises KeyError for a field that it cannot write exactly."""
    parts = []
    for part in _PARTS.finditer(pattern):
        field = part.group("field")
        if field is not None:
            parts.append(FIELDS[field])
        else:
            literal = part.group("quoted") or part.group("other") or "'"
            parts.append('"' + literal.replace("\\", "\\\\").replace('"', '\\"') + '"')
    return "".join(parts)


def _format_mismatch(column: Column, given: TableColumn) -> str | None:
    fields = [part["field"] for part in _PARTS.finditer(column.format or "") if part["field"]]
    if unknown := [field for field in fields if field not in FIELDS]:
        return (
            f"{column.name!r} of the contract has the format {column.format!r}, and {unknown[0]!r} of it cannot"
            " be written exactly; write years as yyyy"
        )
    kept = max((DIGITS.get(field, 0) for field in fields), default=0)
    if given.type != "date" and given.digits > kept:
        return (
            f"{given.name!r} keeps {given.digits} digits of a second, and the format {column.format!r} of"
            f" {column.name!r} has {kept}; end it with .SSSSSS"
        )
    return None
