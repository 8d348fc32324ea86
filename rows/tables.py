"""A table as its contract wants it, whatever engine writes it and whatever format keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Transform = Literal["identity", "day", "month", "year"]


@dataclass(frozen=True, kw_only=True)
class TableColumn:
    """Name, Spark type and description of a column; `is_required` when no row may lack a value."""

    name: str
    type: str
    comment: str
    is_required: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as its contract wants it: partitioned by one date or timestamp column.

    `location` is None where the catalog decides it. `properties` stay with the table for ever, beside those of earlier
    contracts.
    """

    database: str
    name: str
    columns: tuple[TableColumn, ...]
    partition_column: str
    partition_transform: Transform
    comment: str
    location: str | None
    properties: Mapping[str, str] = field(default_factory=dict)
