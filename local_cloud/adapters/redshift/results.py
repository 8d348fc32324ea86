"""Rows as the Data API returns them: typed fields, decimals and dates as text, in pages.

Source: Redshift Data API reference, Field and ColumnMetadata; Redshift database developer guide, "Data types".
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any

PAGE_ROWS = 1000  # the service pages by size; so does this, in rows
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_LONGEST = 65535
_TYPES: dict[str, tuple[str, int]] = {  # Redshift's internal name and precision
    "BOOLEAN": ("bool", 1),
    "TINYINT": ("int2", 5),
    "SMALLINT": ("int2", 5),
    "INTEGER": ("int4", 10),
    "BIGINT": ("int8", 19),
    "HUGEINT": ("numeric", 38),
    "FLOAT": ("float4", 8),
    "DOUBLE": ("float8", 17),
    "VARCHAR": ("varchar", _LONGEST),
    "DATE": ("date", 13),
    "TIME": ("time", 15),
    "TIMESTAMP": ("timestamp", 29),
    "TIMESTAMP WITH TIME ZONE": ("timestamptz", 35),
    '"NULL"': ("varchar", _LONGEST),
}


def column_metadata(name: str, duckdb_type: str) -> dict[str, Any]:
    """ColumnMetadata of one result. Raises ValueError for a type that Redshift has not."""
    decimal = _DECIMAL.fullmatch(duckdb_type)
    if decimal:
        type_name, precision, scale = "numeric", int(decimal[1]), int(decimal[2])
    elif duckdb_type in _TYPES:
        (type_name, precision), scale = _TYPES[duckdb_type], 0
    else:
        raise ValueError(
            f"column {name} has the type {duckdb_type}, which Redshift has not; cast it"
        )
    return {
        "isCaseSensitive": type_name == "varchar",
        "isCurrency": False,
        "isSigned": type_name in ("int2", "int4", "int8", "numeric", "float4", "float8"),
        "label": name.lower(),
        "length": 0,
        "name": name.lower(),
        "nullable": 1,
        "precision": precision,
        "scale": scale,
        "schemaName": "",
        "tableName": "",
        "typeName": type_name,
    }


def record(row: tuple[Any, ...]) -> list[dict[str, Any]]:
    """One row as a list of Field."""
    return [field(value) for value in row]


def field(value: Any) -> dict[str, Any]:
    """One value as a Field."""
    if value is None:
        return {"isNull": True}
    if isinstance(value, bool):
        return {"booleanValue": value}
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return {"longValue": value}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": text(value)}


def text(value: Any) -> str:
    """A value as Redshift writes it."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        written = value.replace(tzinfo=None).isoformat(" ")
        written = written.rstrip("0") if value.microsecond else written
        return f"{written}+00" if value.tzinfo else written
    return str(value)
