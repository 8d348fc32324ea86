"""Types and layout of a table in Redshift, from the contract."""

from __future__ import annotations

from contracts.errors import ContractInvalid
from contracts.model import Column, CuratedModel
from contracts.warehouse.sql import quoted

# VARCHAR counts bytes, a character of UTF-8 has up to four, and 65,535 is the most (Redshift database developer guide,
# "Character types"). Without a maxLength 256 characters: sorts and joins reserve memory for the declared length, so the
# guide advises against the maximum, and a longer text stops the load rather than being cut.
MOST_TEXT_BYTES = 65_535
USUAL_TEXT_BYTES = 1_024
BYTES_PER_CHARACTER = 4
TYPES = {"int": "INTEGER", "bigint": "BIGINT", "date": "DATE", "timestamp": "TIMESTAMP", "boolean": "BOOLEAN"}


def layout(model: CuratedModel) -> str:
    """How the rows of a table are distributed and sorted. Raises ContractInvalid for a table that is not marked."""
    warehouse = model.warehouse
    if warehouse is None:
        raise ContractInvalid(f"{model.name} is not marked for the warehouse; add the custom property 'warehouse'")
    lines = [f"DISTSTYLE {warehouse.distribution.upper()}"]
    if warehouse.distribution_key:
        lines.append(f"DISTKEY ({quoted(warehouse.distribution_key)})")
    if warehouse.sort_keys:
        lines.append(f"COMPOUND SORTKEY ({', '.join(map(quoted, warehouse.sort_keys))})")
    return "\n".join(lines)


def column_type(column: Column) -> str:
    """The type of a column in Redshift."""
    if column.type != "string":
        return TYPES.get(column.type, column.type.upper())
    if column.max_length is None:
        return f"VARCHAR({USUAL_TEXT_BYTES})"
    return f"VARCHAR({min(column.max_length * BYTES_PER_CHARACTER, MOST_TEXT_BYTES)})"
