"""What may stand in a contract as a type, a limit or a date format, and why something may not.

Each function returns what is wrong, or None. The formats are those that the jobs can parse exactly (decision record 4).
"""

from __future__ import annotations

import itertools
import re
from datetime import date, datetime
from decimal import Decimal
from typing import cast, get_args

from contracts.authoring.problems import did_you_mean
from contracts.model import DECIMAL, ColumnKind

SIMPLE_TYPES = tuple(kind for kind in get_args(ColumnKind) if kind != "decimal")
LOGICAL_TYPES: dict[ColumnKind, str] = {
    "string": "string",
    "int": "integer",
    "bigint": "integer",
    "date": "date",
    "timestamp": "timestamp",
    "boolean": "boolean",
    "decimal": "number",
}
OTHER_NAMES = {
    "integer": "int", "smallint": "int", "tinyint": "int", "long": "bigint", "varchar": "string", "char": "string",
    "text": "string", "float": "decimal(p,s)", "double": "decimal(p,s)", "real": "decimal(p,s)",
    "number": "decimal(p,s)", "numeric": "decimal(p,s)", "decimal": "decimal(p,s)", "bool": "boolean",
    "datetime": "timestamp", "timestamp_ntz": "timestamp",
}  # fmt: skip
MAX_PRECISION = 38  # of Spark, DuckDB, Athena and Redshift alike
INT_RANGES = {"int": range(-(2**31), 2**31), "bigint": range(-(2**63), 2**63)}

DATE_FIELDS = ("yyyy", "yy", "M", "MM", "d", "dd")
TIME_FIELDS = ("H", "HH", "m", "mm", "s", "ss", "SSS", "SSSSSS")
_FORMAT_PARTS = re.compile(r"'[^']*'|([A-Za-z])\1*|.")
_NAME = re.compile(r"^[a-z][a-z0-9_]*$")
MAX_NAME_LENGTH = (
    60  # leaves room for a suffix below the 127 characters of Redshift and the 128 of Athena
)

# Reserved in DuckDB (duckdb_keywords()) or in Athena's SELECT (Athena user guide, reserved keywords): a column or table
# with such a name would need quotes, which Spark and the others write differently.
RESERVED = frozenset(
    {
        "all", "alter", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "between", "both", "by",
        "case", "cast", "check", "collate", "column", "constraint", "create", "cross", "cube", "current_date",
        "current_time", "current_timestamp", "current_user", "deallocate", "default", "deferrable", "delete", "desc",
        "describe", "distinct", "do", "drop", "else", "end", "escape", "except", "exists", "extract", "false", "fetch",
        "first", "for", "foreign", "from", "full", "group", "grouping", "having", "in", "initially", "inner", "insert",
        "intersect", "into", "is", "join", "lambda", "last", "lateral", "leading", "left", "like", "limit", "listagg",
        "localtime", "localtimestamp", "natural", "normalize", "not", "null", "of", "offset", "on", "only", "or",
        "order", "outer", "pivot", "placing", "prepare", "primary", "qualify", "recursive", "references", "returning",
        "right", "rollup", "select", "show", "skip", "some", "summarize", "symmetric", "table", "then", "to",
        "trailing", "trim", "true", "uescape", "union", "unique", "unnest", "unpivot", "using", "values", "variadic",
        "when", "where", "window", "with",
    }
)  # fmt: skip


def wrong_name(name: str) -> str | None:
    """Why `name` cannot be a table or column."""
    if name.startswith("_"):
        return f"found {name!r}; names that start with _ belong to Slipway's own columns"
    if not _NAME.match(name) or len(name) > MAX_NAME_LENGTH:
        return f"found {name!r}; expected snake_case: a-z, 0-9 and _, starting with a letter, at most {MAX_NAME_LENGTH}"
    return f"{name!r} is a reserved word in SQL; choose another name" if name in RESERVED else None


def wrong_type(text: str) -> str | None:
    """Why `text` is not a type, with the type that was probably meant."""
    if text in SIMPLE_TYPES:
        return None
    found = DECIMAL.match(text)
    if found:
        precision, scale = int(found.group(1)), int(found.group(2))
        fits = 1 <= precision <= MAX_PRECISION and scale <= precision
        return (
            None
            if fits
            else f"found {text!r}; expected decimal(p,s) with p at most {MAX_PRECISION} and s at most p"
        )
    bare = re.sub(r"\s", "", text.lower())
    if DECIMAL.match(bare) or bare in SIMPLE_TYPES:
        return f"found {text!r}; write {bare!r}"
    other = OTHER_NAMES.get(bare.split("(")[0])
    return f"unknown type {text!r}; " + (
        f"write {other!r}" if other else did_you_mean(text, types())
    )


def types() -> tuple[str, ...]:
    """All types as an author writes them."""
    return (*SIMPLE_TYPES, "decimal(p,s)")


def logical_type(physical: str) -> str:
    """The ODCS logical type of a known type."""
    return LOGICAL_TYPES[cast(ColumnKind, physical.split("(")[0])]


def wrong_format(text: str, physical: str) -> str | None:
    """Why `text` is not a date or timestamp format that the jobs can read exactly."""
    allowed = DATE_FIELDS if physical == "date" else DATE_FIELDS + TIME_FIELDS
    parts = [part.group(0) for part in _FORMAT_PARTS.finditer(text)]
    fields = [part for part in parts if part[0].isalpha()]
    for name in fields:
        if name not in allowed:
            hint = f"known: {', '.join(allowed)}, and text in single quotes"
            return f"{name!r} in format {text!r} is not a field of a {physical}; {hint}"
    letters = [name[0] for name in fields]
    needed = "yMd" if physical == "date" else "yMdH"
    missing = [letter for letter in needed if letter not in letters]
    if missing or len(letters) != len(set(letters)):
        return f"format {text!r} must have each of {', '.join(needed)} exactly once, and no field twice"
    for before, after in itertools.pairwise(parts):
        if before[0].isalpha() and after[0].isalpha() and 1 in (len(before), len(after)):
            return f"{before + after!r} in format {text!r} is ambiguous: put a separator between the fields"
    return _unreadable_fraction(text, parts)


def _unreadable_fraction(text: str, parts: list[str]) -> str | None:
    """Why Spark would not find the fraction of a second among fields that nothing separates.

    It reads a fraction of any length, so Java does not count its digits when it tells adjacent fields
    apart: a year before it takes them, too, and a fraction takes the digits of a field after it.
    Source: Spark, DateTimeFormatterHelper.buildFormatter; Java, DateTimeFormatterBuilder.appendValue.
    """
    for are_fields, group in itertools.groupby(parts, key=lambda part: part[0].isalpha()):
        run = list(group)
        fraction = next((name for name in run if name[0] == "S"), None)
        if not are_fields or fraction is None:
            continue
        is_last = run[-1] == fraction
        if not is_last or "yyyy" in run:
            better = text.replace(fraction, f".{fraction}" if is_last else f".{fraction} ")
            return (
                f"{''.join(run)!r} in format {text!r} cannot be read, as nothing separates {fraction} from the other"
                f" fields: have it written {better!r}, or make the column a string"
            )
    return None


def limit_value(text: str, physical: str) -> int | Decimal | date | datetime:
    """A limit as a value of its column's type.

    Raises ValueError saying what is wrong.
    """
    if physical in INT_RANGES:
        return _whole(text, physical)
    if physical == "date":
        return _iso(text, date, "YYYY-MM-DD")
    if physical == "timestamp":
        return _iso(text, datetime, "YYYY-MM-DDTHH:MM:SS")
    return _decimal(text, physical)


def _whole(text: str, physical: str) -> int:
    if not re.fullmatch(r"-?\d+", text) or int(text) not in INT_RANGES[physical]:
        raise ValueError(f"found {text!r}; expected a whole number that fits into {physical}")
    return int(text)


def _decimal(text: str, physical: str) -> Decimal:
    kind, number = DECIMAL.match(physical), re.fullmatch(r"-?(\d+)(?:\.(\d+))?", text)
    if kind and number:
        precision, scale = int(kind[1]), int(kind[2])
        if len(number[1].lstrip("0")) <= precision - scale and len(number[2] or "") <= scale:
            return Decimal(text)
    raise ValueError(f"found {text!r}; expected a number that fits into {physical}")


def _iso(text: str, kind: type[date] | type[datetime], shape: str) -> date | datetime:
    try:
        value = kind.fromisoformat(text)
    except ValueError as error:
        raise ValueError(
            f"found {text!r}; expected {shape}, whatever the column's own format"
        ) from error
    if len(text) != len(shape):
        raise ValueError(f"found {text!r}; expected {shape}, without fraction or zone")
    return value


def wrong_pattern(text: str) -> str | None:
    """Why `text` is not a regular expression that Java, RE2 and Python read alike."""
    try:
        re.compile(text)
    except re.error as error:
        return f"found {text!r}; not a regular expression: {error}"
    if re.search(r"\(\?(?!:)|\\[1-9]|\\[AzZkpPQ]|[*+?}]\+", text):
        return f"found {text!r}; look-around, back references, flags and possessive quantifiers differ between engines"
    return None
