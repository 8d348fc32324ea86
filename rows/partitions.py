"""What every table format means by a table's partitions and properties, and when a table is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from contracts.errors import ContractInvalid
from rows.tables import Table


def partition_field(table: Table) -> str:
    """Name of the table's one partition: the column itself, or column and unit, as Iceberg names it."""
    match table.partition_transform:
        case "identity":
            return table.partition_column
        case "day" | "month" | "year":
            return f"{table.partition_column}_{table.partition_transform}"
        case _:
            assert_never(table.partition_transform)


def require_partitioning(name: str, partition_fields: Sequence[str], table: Table) -> None:
    """Raises ContractInvalid when the table is partitioned otherwise: what to recompute is told by partitions."""
    wanted = partition_field(table)
    if list(partition_fields) != [wanted]:
        raise ContractInvalid(
            f"{name} is partitioned by {', '.join(partition_fields)}, and the contract wants {wanted}; a table keeps "
            "its partitioning: give the dataset another name and load its files there"
        )


def missing_properties(name: str, known: Mapping[str, str], table: Table) -> dict[str, str]:
    """Properties that the table should have and has not.

    Raises ContractInvalid when one is there with another value.
    """
    for key, value in table.properties.items():
        if known.get(key, value) != value:
            raise ContractInvalid(
                f"{name} remembers {key} = {known[key]}, and the contract now means {value}; rows of one "
                "version must be alike: give the contract a new version"
            )
    return {key: value for key, value in table.properties.items() if key not in known}
