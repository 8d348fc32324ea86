"""What the pipeline needs from a table format: write aside on a branch, look at it, then publish it at once.

Every run works on a branch of each table that nobody reads; `publish` makes it the table. Each call can be made again
after a crash at any point.
"""

from __future__ import annotations

from datetime import date
from typing import Protocol

from pyspark.sql import Column, DataFrame

from rows.tables import Table


class Tables(Protocol):
    """The operations a table format must offer."""

    def ensure(self, table: Table, *, may_evolve: bool) -> list[str]:
        """Create the table, or evolve it by what loses nothing, and tell what was changed, in sentences.

        Raises ContractInvalid when it differs in another way, or in any way without `may_evolve`, or has a property
        with another value; nothing is changed then.
        """

    def exists(self, table: Table) -> bool:
        """Whether the catalog knows the table."""

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

    def update(self, table: Table, branch: str, rows: DataFrame, *, on: str, when: str, values: dict[str, str]) -> None:
        """Set columns to SQL `values` where a row matches `on` and `when` holds; `t` is the table, `s` the rows."""

    def record(self, table: Table, rows: DataFrame, *, run_id: str) -> None:
        """Publish what a run noted down, in a table with the column `run_id`; its earlier rows are replaced."""

    def replace(
        self, table: Table, branch: str, rows: DataFrame, condition: Column, properties: dict[str, str]
    ) -> None:
        """Replace whole partitions, those for which the condition holds; `properties` are kept with the snapshot."""

    def changed_partitions(self, table: Table, since: int, until: int) -> list[date] | None:
        """First days of the partitions whose rows may differ between two snapshots, of which `until` builds on `since`.

        A compaction in between changes no row and counts for nothing. None when `since` is no longer known, or was
        rolled back.
        """

    def last_properties(self, table: Table, marker: str) -> dict[str, str]:
        """Properties of the newest published snapshot that has `marker` among them; empty when none has."""

    def properties(self, table: Table) -> dict[str, str]:
        """The properties of the table itself, which no rollback takes back."""

    def publish(self, table: Table, branch: str, snapshot: int) -> None:
        """Make `snapshot`, the head of the branch, the published state and drop the branch; again is harmless.

        Raises RetryableError when somebody else changed the table meanwhile, or the branch is gone unpublished.
        """
