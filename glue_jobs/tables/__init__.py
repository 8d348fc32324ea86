"""What the pipeline needs from a table format: write aside on a branch, look at it, then publish it at once.

Every run works on a branch of each table that nobody reads; `publish` makes it the table. Each call can be made again
after a crash at any point.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

from pyspark.sql import Column, DataFrame

Transform = Literal["identity", "day", "month", "year"]


@dataclass(frozen=True, kw_only=True)
class TableColumn:
    """Name, Spark type and description of a column."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as its contract wants it: partitioned by one date or timestamp column.

    `location` is None where the catalog decides it.
    """

    database: str
    name: str
    columns: tuple[TableColumn, ...]
    partition_column: str
    partition_transform: Transform
    comment: str
    location: str | None


class Tables(Protocol):
    """The operations a table format must offer."""

    def ensure(self, table: Table) -> None:
        """Create the table, or add the columns it lacks.

        Raises ContractInvalid when a column has another type than the contract says, or is not in the contract.
        """

    def start_branch(self, table: Table, branch: str) -> int | None:
        """Open a fresh branch from the published state, whose snapshot id is returned (None: it has no snapshot yet).

        Branches that killed runs left are dropped, which also keeps such a run from ever publishing.
        """

    def head(self, table: Table, branch: str | None = None) -> int | None:
        """Snapshot id of the published state, or of a branch; None when there is none."""

    def read(self, table: Table, *, branch: str | None = None, snapshot: int | None = None) -> DataFrame:
        """The rows as published, or of a branch, or of a snapshot."""

    def append(self, table: Table, branch: str, rows: DataFrame) -> None:
        """Add rows."""

    def delete(self, table: Table, branch: str, condition: str) -> None:
        """Delete the rows for which a SQL condition holds."""

    def merge(self, table: Table, branch: str, rows: DataFrame, *, on: str, newer: str) -> None:
        """Update what matches `on` where `newer` holds, insert what does not match; `t` is the table, `s` the rows."""

    def replace(
        self, table: Table, branch: str, rows: DataFrame, condition: Column, properties: dict[str, str]
    ) -> None:
        """Replace whole partitions, those for which the condition holds; `properties` are kept with the snapshot."""

    def changed_partitions(self, table: Table, since: int, until: int) -> list[date] | None:
        """First days of the partitions in which two snapshots differ; None when `since` is no longer known."""

    def last_properties(self, table: Table, marker: str) -> dict[str, str]:
        """Properties of the newest published snapshot that has `marker` among them; empty when none has."""

    def publish(self, table: Table, branch: str, snapshot: int) -> None:
        """Make `snapshot`, the head of the branch, the published state and drop the branch; again is harmless.

        Raises RetryableError when somebody else changed the table meanwhile, or the branch is gone unpublished.
        """
