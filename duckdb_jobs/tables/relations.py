# ruff: noqa: S608 - names cannot be bound as parameters; they come from a validated contract
"""Data files as relations of DuckDB: each column by its field id, null where a file is older than the column.

Widened types are cast by DuckDB. Files with row deletes, which no writer of this project makes, are left to Spark.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pyiceberg.schema import Schema
from pyiceberg.types import ListType, NestedField

from duckdb_jobs.tables.column_types import duckdb_type

FILE, ROW = "filename", "file_row_number"  # how DuckDB names the place of a row


def quoted(name: str) -> str:
    """A name as SQL text."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def text(value: str) -> str:
    """A text as SQL text."""
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


def listed(schema: Schema, prefix: str = "") -> str:
    """The columns of a table as a list of SQL."""
    return ", ".join(f"{prefix}{quoted(field.name)}" for field in schema.fields)


def cast(schema: Schema) -> str:
    """The columns of a table as a list of SQL, each in its type."""
    return ", ".join(
        f"CAST({quoted(field.name)} AS {duckdb_type(field.field_type)}) AS {quoted(field.name)}"
        for field in schema.fields
    )


def relation(paths: Sequence[Path], schema: Schema, *, with_place: bool = False) -> str:
    """The rows of these files, as text that stands after FROM; `with_place` adds FILE and ROW."""
    places = ", VARCHAR 'none' AS filename, BIGINT '0' AS file_row_number" if with_place else ""
    if not paths:
        nothing = ", ".join(
            f"CAST(NULL AS {duckdb_type(field.field_type)}) AS {quoted(field.name)}"
            for field in schema.fields
        )
        return f"(SELECT {nothing}{places} WHERE false)"
    files = ", ".join(text(str(path)) for path in paths)
    columns = ", ".join(
        f"{field.field_id}: {{name: {text(field.name)}, type: {text(duckdb_type(field.field_type))}, "
        "default_value: NULL}"
        for field in schema.fields
    )
    options = f", {FILE} = true, {ROW} = true" if with_place else ""
    return f"(SELECT * FROM read_parquet([{files}], schema = MAP {{{columns}}}{options}))"


def field_ids(schema: Schema) -> str:
    """The option of COPY that writes Iceberg's field ids into a Parquet file."""
    ids = ", ".join(f"{quoted(field.name)}: {_field_id(field)}" for field in schema.fields)
    return f"FIELD_IDS {{{ids}}}"


def _field_id(field: NestedField) -> str:
    if isinstance(field.field_type, ListType):
        return f"{{__duckdb_field_id: {field.field_id}, element: {field.field_type.element_id}}}"
    return str(field.field_id)
