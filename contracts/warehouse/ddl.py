"""Types and layout of a table in Redshift, from the contract."""

from __future__ import annotations

from typing import assert_never

from contracts.errors import ContractInvalid
from contracts.model import Column, CuratedModel, Warehouse
from contracts.warehouse.sql import quoted

# VARCHAR counts bytes, a character of UTF-8 has up to four, and 65,535 is the most (Redshift database developer guide,
# "Character types"). Without a maxLength 256 characters: sorts and joins reserve memory for the declared length, so the
# guide advises against the maximum, and a longer text stops the load rather than being cut.
MOST_TEXT_BYTES = 65_535
USUAL_TEXT_BYTES = 1_024
BYTES_PER_CHARACTER = 4


def layout(model: CuratedModel) -> str:
    """How the rows of a table are distributed and sorted. Raises ContractInvalid for a table that is not marked."""
    warehouse = model.warehouse
    if warehouse is None:
        raise ContractInvalid(
            f"{model.name} is not marked for the warehouse; add the custom property 'warehouse'"
        )
    lines = [f"DISTSTYLE {warehouse.distribution.upper()}", *_distribution_key(model, warehouse)]
    if warehouse.sort_keys:
        lines.append(f"COMPOUND SORTKEY ({', '.join(map(quoted, warehouse.sort_keys))})")
    return "\n".join(lines)


def _distribution_key(model: CuratedModel, warehouse: Warehouse) -> list[str]:
    match warehouse.distribution:
        case "auto" | "all" | "even":
            return []
        case "key":
            if warehouse.distribution_key is None:
                problem = "is distributed by key and names none; add distributionKey"
                raise ContractInvalid(f"{model.name} {problem} to its custom property 'warehouse'")
            return [f"DISTKEY ({quoted(warehouse.distribution_key)})"]
        case _:
            assert_never(warehouse.distribution)


def column_type(column: Column) -> str:
    """The type of a column in Redshift. Raises ContractInvalid for an unknown type."""
    kind = column.kind
    match kind:
        case "string":
            return _varchar(column)
        case "int":
            return "INTEGER"
        case "bigint" | "date" | "timestamp" | "boolean" | "decimal":
            return column.type.upper()
        case _:
            assert_never(kind)


def _varchar(column: Column) -> str:
    if column.max_length is None:
        return f"VARCHAR({USUAL_TEXT_BYTES})"
    return f"VARCHAR({min(column.max_length * BYTES_PER_CHARACTER, MOST_TEXT_BYTES)})"
