"""Makes and evolves Iceberg tables as contracts want them: the same properties, ids and comments as the Spark jobs."""

from __future__ import annotations

from typing import assert_never

from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table as IcebergTable
from pyiceberg.transforms import (
    DayTransform,
    IdentityTransform,
    MonthTransform,
    Transform,
    YearTransform,
)

from contracts.errors import NeedsSpark
from duckdb_jobs.tables.column_types import LIST_OF_TEXT, contract_type, iceberg_type, new_fields
from rows import evolution
from rows.evolution import Difference
from rows.partitions import partition_field, require_partitioning
from rows.tables import Table

PARTITION_FIELD_ID = 1000  # of the first one. Source: Iceberg table spec, "Partition Evolution"


def name(table: Table) -> str:
    """The table as messages call it."""
    return f"{table.database}.{table.name}"


def new_schema(table: Table) -> Schema:
    """Schema of a new table."""
    columns = [(column.name, column.type, column.comment) for column in table.columns]
    return Schema(*new_fields(columns))


def new_partitioning(table: Table, schema: Schema) -> PartitionSpec:
    """Partitioning of a new table."""
    source = schema.find_field(table.partition_column)
    field = PartitionField(
        source_id=source.field_id,
        field_id=PARTITION_FIELD_ID,
        transform=_transform(table),
        name=partition_field(table),
    )
    return PartitionSpec(field)


def required_changes(table: Table, loaded: IcebergTable, *, may_evolve: bool) -> list[Difference]:
    """How the table differs from its contract, in ways that lose nothing.

    Raises ContractInvalid when it differs in another way, or in any way without `may_evolve`.
    """
    partitions = [field.name for field in loaded.spec().fields]
    require_partitioning(name(table), partitions, table)
    found = evolution.differences(_columns(loaded), table)
    evolution.require_safe(name(table), found, may_evolve=may_evolve)
    return found


def change(
    table: Table, loaded: IcebergTable, *, columns: bool, properties: dict[str, str]
) -> None:
    """Evolve the columns if they differ, and set the properties, in one commit."""
    if not columns and not properties:
        return
    with loaded.transaction() as transaction:
        if columns:
            existing = _columns(loaded)
            with transaction.update_schema() as update:
                for column in table.columns:
                    if column.name not in existing:
                        _require_plain(table, column.name, column.type)
                        kind = iceberg_type(column.type)
                        update.add_column(column.name, kind, doc=column.comment)
                    elif existing[column.name] != column.type:
                        update.update_column(column.name, iceberg_type(column.type))
                added = [c.name for c in table.columns if c.name not in existing]
                for moved, before in evolution.moves([*existing, *added], table):
                    if before:
                        update.move_after(moved, before)
                    else:
                        update.move_first(moved)
        if properties:
            transaction.set_properties(properties)


def _columns(loaded: IcebergTable) -> dict[str, str]:
    return {field.name: contract_type(field.field_type) for field in loaded.schema().fields}


def _require_plain(table: Table, column: str, kind: str) -> None:
    if kind == LIST_OF_TEXT:
        raise NeedsSpark(f"{name(table)}: column {column!r} would be added as {kind}")


def _transform(table: Table) -> Transform[int, int]:
    match table.partition_transform:
        case "identity":
            return IdentityTransform()
        case "day":
            return DayTransform()
        case "month":
            return MonthTransform()
        case "year":
            return YearTransform()
        case _:
            assert_never(table.partition_transform)
