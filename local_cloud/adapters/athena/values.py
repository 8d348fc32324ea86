"""Types and values as Athena writes them into results, from DuckDB's."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

_PLAIN = {
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "bigint",  # DuckDB widens sum(bigint); Trino keeps bigint
    "UBIGINT": "bigint",
    "FLOAT": "float",
    "DOUBLE": "double",
    "VARCHAR": "varchar",
    "BLOB": "varbinary",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_NS": "timestamp",
    "TIMESTAMP_MS": "timestamp",
    "TIMESTAMP_S": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "INTERVAL": "interval day to second",
    '"NULL"': "unknown",
}
_PRECISION = {
    "integer": 10,
    "bigint": 19,
    "smallint": 5,
    "tinyint": 3,
    "double": 17,
    "float": 17,
    "timestamp": 3,
    "timestamp with time zone": 3,
    "varchar": 2147483647,
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")


class ResultType(str):
    """A column's type as GetQueryResults names it, with its precision and scale."""

    precision: int
    scale: int

    def __new__(cls, name: str, *, precision: int = 0, scale: int = 0) -> ResultType:
        """A text, so that the emulator can put it into its answers."""
        made = super().__new__(cls, name)
        made.precision, made.scale = precision, scale
        return made

    @property
    def presto(self) -> str:
        """The type as a view's definition spells it."""
        return f"decimal({self.precision},{self.scale})" if self == "decimal" else str(self)


def result_type(duckdb_type: str) -> ResultType:
    """Athena's type for DuckDB's."""
    decimal = _DECIMAL.fullmatch(duckdb_type)
    if decimal:
        return ResultType("decimal", precision=int(decimal[1]), scale=int(decimal[2]))
    if duckdb_type.endswith("]"):
        return ResultType("array")
    if duckdb_type.startswith(("STRUCT", "MAP")):
        return ResultType("row" if duckdb_type.startswith("STRUCT") else "map")
    name = _PLAIN.get(duckdb_type)
    if name is None:
        raise ValueError(f"DuckDB's type {duckdb_type!r} has no counterpart in Athena")
    return ResultType(name, precision=_PRECISION.get(name, 0))


def text(value: Any) -> str | None:
    """A value as Athena prints it; None stays None."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        stamp = value.replace(tzinfo=None).isoformat(" ", "milliseconds")
        return f"{stamp} UTC" if value.tzinfo else stamp
    if isinstance(value, bytes):
        return value.hex(" ")
    if isinstance(value, list):
        return f"[{', '.join(text(item) or 'null' for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}={text(item)}' for key, item in value.items())}}}"
    return str(value)
