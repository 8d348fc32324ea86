"""What the Spark jobs need from a table format: the operations of a run, and upkeep, which only Spark does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pyspark.sql import DataFrame

from rows.table_operations import TableOperations
from rows.tables import Table


@dataclass(frozen=True, kw_only=True)
class TableState:
    """What a table holds as published."""

    version: int | None
    rows: int
    files: int
    size_bytes: int


Tables = TableOperations[DataFrame]


class Upkeep(Protocol):
    """What maintenance, rollback and erasure do besides reading and writing rows."""

    def state(self, table: Table) -> TableState:
        """Snapshot, rows and data files, from the table's metadata."""

    def ancestors(self, table: Table) -> list[int]:
        """The published snapshot and those it was built on, newest first, as far back as they are kept."""

    def summary(self, table: Table) -> dict[str, str]:
        """Properties of the published snapshot; empty when there is none."""

    def drop_drafts(self, table: Table, *, published_only: bool = False) -> None:
        """Forget what unfinished runs wrote aside, which also keeps them from ever publishing it.

        `published_only`: just the branches that a run published and was killed before it dropped them.
        """

    def set_property(self, table: Table, name: str, value: str) -> None:
        """Set a property of the table itself."""

    def delete(self, table: Table, condition: str) -> None:
        """Delete published rows. A file of which every row goes is only taken off the list."""

    def compact(self, table: Table, target_mb: int) -> None:
        """Join the small files of each partition, all in one commit, and the lists of files if there are many."""

    def remember(self, table: Table, properties: dict[str, str]) -> None:
        """Add a snapshot without rows that carries these properties."""

    def rollback(self, table: Table, version: int | None) -> None:
        """Publish an earlier snapshot again, or no row at all."""

    def expire(self, table: Table, older_than: datetime, least: int) -> None:
        """Forget snapshots older than that, with their files, but for the newest `least`."""

    def expire_all_but_published(self, table: Table) -> None:
        """Forget every snapshot but the published one, whatever its age, with their files."""

    def remove_orphans(self, table: Table, older_than: datetime) -> int:
        """Remove files below the table's location that no snapshot knows; how many there were."""
