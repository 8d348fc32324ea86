"""One column type in three spellings: the contract's (as Spark writes it), Iceberg's and DuckDB's.

Tables hold no other types: text, whole numbers, decimals, dates, timestamps without a zone, booleans, lists of text.
"""

from __future__ import annotations

from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    NestedField,
    PrimitiveType,
    StringType,
    TimestampType,
)

from contracts.errors import NeedsSpark
from contracts.model import DECIMAL

PLAIN: dict[str, tuple[PrimitiveType, str]] = {
    "string": (StringType(), "VARCHAR"),
    "int": (IntegerType(), "INTEGER"),
    "bigint": (LongType(), "BIGINT"),
    "date": (DateType(), "DATE"),
    "timestamp_ntz": (TimestampType(), "TIMESTAMP"),
    "boolean": (BooleanType(), "BOOLEAN"),
}
LIST_OF_TEXT = "array<string>"


def iceberg_type(kind: str) -> PrimitiveType:
    """Iceberg's type of a contract's type that is no list. Raises NeedsSpark for one that this engine does not know."""
    decimal = DECIMAL.match(kind)
    if decimal:
        return DecimalType(int(decimal.group(1)), int(decimal.group(2)))
    if kind not in PLAIN:
        known = ", ".join((*PLAIN, "decimal(p,s)", LIST_OF_TEXT))
        raise NeedsSpark(f"column type {kind!r} is none that the DuckDB engine writes: {known}")
    return PLAIN[kind][0]


def contract_type(kind: IcebergType) -> str:
    """The contract's spelling of an Iceberg type, by which a table is compared with its contract."""
    match kind:
        case DecimalType():
            return f"decimal({kind.precision},{kind.scale})"
        case ListType():
            return f"array<{contract_type(kind.element_type)}>"
        case _:
            names = [name for name, (known, _) in PLAIN.items() if known == kind]
            return names[0] if names else str(kind)


def duckdb_type(kind: IcebergType) -> str:
    """DuckDB's spelling of an Iceberg type. Raises NeedsSpark for one that this engine does not know."""
    match kind:
        case DecimalType():
            return f"DECIMAL({kind.precision},{kind.scale})"
        case ListType():
            return f"{duckdb_type(kind.element_type)}[]"
        case _:
            names = [name for known, name in PLAIN.values() if known == kind]
            if not names:
                raise NeedsSpark(f"the DuckDB engine does not read columns of Iceberg type {kind}")
            return names[0]


def new_fields(columns: list[tuple[str, str, str]]) -> list[NestedField]:
    """Fields of a new table from name, type and comment of its columns; all may be null, as Spark makes them."""
    fields: list[NestedField] = []
    next_element = len(columns) + 1
    for number, (name, kind, comment) in enumerate(columns, start=1):
        made: IcebergType
        if kind == LIST_OF_TEXT:
            made = ListType(next_element, StringType(), element_required=False)
            next_element += 1
        else:
            made = iceberg_type(kind)
        fields.append(NestedField(number, name, made, required=False, doc=comment))
    return fields
