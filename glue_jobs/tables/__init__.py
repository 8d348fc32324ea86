"""What the pipeline needs from a table format: write a draft, look at it, then publish it at once.

Every run works on a draft of each table that nobody reads; `publish` makes it the table. A version is
a state of a table that can be read again. Each call can be made again after a crash at any point.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from pyspark.sql import Column, DataFrame

from rows.tables import Table


@dataclass(frozen=True, kw_only=True)
class TableState:
    """What a table holds as published."""

    version: int | None
    rows: int
    files: int
    size_bytes: int


class Tables(Protocol):
    """The operations a table format must offer."""

    def ensure(self, table: Table, *, may_evolve: bool) -> list[str]:
        """Create the table, or evolve it by what loses nothing, and tell what was changed, in sentences.

        Raises ContractInvalid when it differs in another way, or in any way without `may_evolve`, or has a property
        with another value; nothing is changed then.
        """

    def exists(self, table: Table) -> bool:
        """Whether the catalog knows the table."""

    def start_draft(self, table: Table, draft: str) -> int | None:
        """Open a fresh draft from the published state, whose version is returned (None: it has none yet).

        Drafts that killed runs left are dropped, which also keeps such a run from ever publishing.
        """

    def head(self, table: Table, draft: str | None = None) -> int | None:
        """Version of the published state, or of a draft; None when there is none."""

    def read(
        self, table: Table, *, draft: str | None = None, version: int | None = None
    ) -> DataFrame:
        """The rows as published, or of a draft, or of a version."""

    def append(self, table: Table, draft: str, rows: DataFrame) -> None:
        """Add rows."""

    def delete(self, table: Table, draft: str, condition: str) -> None:
        """Delete the rows for which a SQL condition holds."""

    def merge(self, table: Table, draft: str, rows: DataFrame, *, on: str, newer: str) -> None:
        """Update what matches `on` where `newer` holds, insert what does not match; `t` is the table, `s` the rows."""

    def update(
        self,
        table: Table,
        draft: str,
        rows: DataFrame,
        *,
        on: str,
        when: str,
        values: dict[str, str],
    ) -> None:
        """Set columns to SQL `values` where a row matches `on` and `when` holds; `t` is the table, `s` the rows."""

    def record(self, table: Table, rows: DataFrame, *, run_id: str) -> None:
        """Publish what a run noted down, in a table with the column `run_id`; its earlier rows are replaced."""

    def replace(
        self,
        table: Table,
        draft: str,
        rows: DataFrame,
        condition: Column,
        properties: dict[str, str],
    ) -> None:
        """Replace whole partitions, those for which the condition holds; `properties` are kept with the version."""

    def changed_partitions(self, table: Table, since: int, until: int) -> list[date] | None:
        """First days of the partitions whose rows may differ between two versions, of which `until` builds on `since`.

        A compaction in between changes no row and counts for nothing. None when `since` is no longer known, or was
        rolled back.
        """

    def last_properties(self, table: Table, marker: str) -> dict[str, str]:
        """Properties of the newest published version that has `marker` among them; empty when none has."""

    def properties(self, table: Table) -> dict[str, str]:
        """The properties of the table itself, which no rollback takes back."""

    def publish(self, table: Table, draft: str, snapshot: int) -> None:
        """Make `version`, the head of the draft, the published state and drop the draft; again is harmless.

        Raises RetryableError when somebody else changed the table meanwhile, or the draft is gone unpublished.
        """


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
