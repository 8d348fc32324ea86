# ruff: noqa: S608 - names cannot be bound as parameters; they come from a validated contract
"""Rows become data files: one Parquet file per partition, with the statistics by which engines skip it.

Spark writes one file per partition and run as well (write.distribution-mode). Bounds of texts are cut to 16 characters,
Iceberg's default, and a text without a shorter upper bound has none.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, assert_never

import duckdb
from pyiceberg.conversions import to_bytes
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.schema import Schema
from pyiceberg.table import Table as IcebergTable
from pyiceberg.typedef import Record
from pyiceberg.types import NestedField, PrimitiveType, StringType
from pyiceberg.utils.truncate import truncate_upper_bound_text_string

from duckdb_jobs.tables.local_files import LocalFiles
from duckdb_jobs.tables.relations import cast, field_ids, listed, quoted
from rows.tables import Table

BOUND_CHARACTERS = 16  # Iceberg table property write.metadata.metrics.default, truncate(16)
EPOCH = datetime(1970, 1, 1)
TO_WRITE, PARTITION = "_rows_to_write", "_partition"
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class _Partition:
    """What is known of the rows of one partition."""

    value: int | date | None
    rows: int
    filled: Sequence[int]  # rows with a value, by field
    bounds: Sequence[tuple[Any, Any]]  # least and greatest value, by field that is no list


def write(
    database: duckdb.DuckDBPyConnection,
    files: LocalFiles,
    table: Table,
    loaded: IcebergTable,
    rows: str,
) -> list[DataFile]:
    """Store the rows of a relation as data files, which no snapshot knows yet."""
    schema = loaded.schema()
    database.execute(
        f"CREATE OR REPLACE TEMP TABLE {TO_WRITE} AS "
        f"SELECT *, {_partition_sql(table)} AS {PARTITION} FROM (SELECT {cast(schema)} FROM {rows})"
    )
    partitions = _partitions(database, schema)
    written = [
        (_write(database, files, schema, found), _place(loaded, found)) for found in partitions
    ]
    sizes = [path.stat().st_size for path, _ in written]
    files.store(written)
    database.execute(f"DROP TABLE {TO_WRITE}")
    return [
        _described(loaded, found, location, size)
        for found, (_, location), size in zip(partitions, written, sizes, strict=True)
    ]


def _partition_sql(table: Table) -> str:
    column = quoted(table.partition_column)
    match table.partition_transform:
        case "identity":
            return column
        case "day":
            return f"date_diff('day', DATE '1970-01-01', CAST({column} AS DATE))"
        case "month":
            return f"(year({column}) - 1970) * 12 + month({column}) - 1"
        case "year":
            return f"year({column}) - 1970"
        case _:
            assert_never(table.partition_transform)


def _partitions(database: duckdb.DuckDBPyConnection, schema: Schema) -> list[_Partition]:
    bounded = _bounded(schema)
    figures = [f"count({quoted(field.name)})" for field in schema.fields]
    figures += [f"{kind}({quoted(field.name)})" for field, _ in bounded for kind in ("min", "max")]
    statement = f"SELECT {PARTITION}, count(*), {', '.join(figures)} FROM {TO_WRITE} GROUP BY ALL ORDER BY 1"
    width = len(schema.fields)
    return [
        _Partition(
            value=value,
            rows=rows,
            filled=rest[:width],
            bounds=list(zip(rest[width::2], rest[width + 1 :: 2], strict=True)),
        )
        for value, rows, *rest in database.execute(statement).fetchall()
    ]


def _write(
    database: duckdb.DuckDBPyConnection, files: LocalFiles, schema: Schema, found: _Partition
) -> Path:
    path = files.new_path()
    database.execute(
        f"COPY (SELECT {listed(schema)} FROM {TO_WRITE} WHERE {PARTITION} IS NOT DISTINCT FROM "
        f"{_sql_value(found.value)}) TO '{path}' (FORMAT parquet, COMPRESSION zstd, {field_ids(schema)})"
    )
    return path


def _place(loaded: IcebergTable, found: _Partition) -> str:
    """A new location, in a folder named as Spark names it."""
    field = loaded.spec().fields[0]
    kind = loaded.schema().find_field(field.source_id).field_type
    value = field.transform.to_human_string(kind, _iceberg_value(found.value))
    return f"{loaded.location()}/data/{field.name}={value}/00000-0-{uuid.uuid4()}.parquet"


def _described(loaded: IcebergTable, found: _Partition, location: str, size: int) -> DataFile:
    schema = loaded.schema()
    bounded = _bounded(schema)
    filled = {
        field.field_id: count for field, count in zip(schema.fields, found.filled, strict=True)
    }
    lower, upper = {}, {}
    for (field, kind), (least, greatest) in zip(bounded, found.bounds, strict=True):
        if least is None:
            continue
        lower[field.field_id] = to_bytes(kind, _iceberg_value(_cut(kind, least)))
        highest = _cut_up(kind, greatest)
        if highest is not None:
            upper[field.field_id] = to_bytes(kind, _iceberg_value(highest))
    described = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=location,
        file_format=FileFormat.PARQUET,
        partition=Record(_iceberg_value(found.value)),
        record_count=found.rows,
        file_size_in_bytes=size,
        column_sizes=None,
        value_counts={field.field_id: found.rows for field, _ in bounded},
        null_value_counts={
            field.field_id: found.rows - filled[field.field_id] for field, _ in bounded
        },
        nan_value_counts=None,
        lower_bounds=lower,
        upper_bounds=upper,
        split_offsets=None,
        sort_order_id=None,
        equality_ids=None,
        key_metadata=None,
    )
    described.spec_id = loaded.metadata.default_spec_id
    return described


def _bounded(schema: Schema) -> list[tuple[NestedField, PrimitiveType]]:
    """The fields that have bounds: all but lists."""
    return [
        (field, field.field_type)
        for field in schema.fields
        if isinstance(field.field_type, PrimitiveType)
    ]


def _cut(kind: PrimitiveType, least: Any) -> Any:
    return least[:BOUND_CHARACTERS] if isinstance(kind, StringType) else least


def _cut_up(kind: PrimitiveType, greatest: Any) -> Any:
    if isinstance(kind, StringType):
        return truncate_upper_bound_text_string(greatest, BOUND_CHARACTERS)
    return greatest


def _iceberg_value(value: Any) -> Any:
    """Dates as days and timestamps as microseconds since 1970, everything else as it is."""
    if isinstance(value, datetime):
        return (value - EPOCH) // MICROSECOND
    if isinstance(value, date):
        return (value - EPOCH.date()).days
    return value


def _sql_value(value: int | date | None) -> str:
    if value is None:
        return "NULL"
    return f"DATE '{value}'" if isinstance(value, date) else str(value)
