"""What the pipeline needs from a table format: write a draft, look at it, then publish it at once.

Every run works on a draft of each table that nobody reads; `publish` makes it the table. A version is
a state of a table that can be read again. Each call can be made again after a crash at any point.
"""

from __future__ import annotations

from datetime import date
from typing import Protocol, TypeVar

from rows.tables import Table

Rows = TypeVar("Rows")


class TableOperations(Protocol[Rows]):
    """The operations a table format must offer. `Rows` is how an engine names rows: a frame, or a relation."""

    def ensure(self, table: Table, *, may_evolve: bool) -> list[str]:
        """Create the table, or evolve it by what loses nothing, and tell what was changed, in sentences.

        Raises ContractInvalid when it differs in another way, or in any way without `may_evolve`, or has a property
        with another value; nothing is changed then.
        """

    def exists(self, table: Table) -> bool:
        """Whether the catalog knows the table."""

    def column_names(self, table: Table) -> list[str]:
        """The columns that the table has, in its order."""

    def start_draft(self, table: Table, draft: str) -> int | None:
        """Open a fresh draft from the published state, whose version is returned (None: it has none yet).

        Drafts that killed runs left are dropped, which also keeps such a run from ever publishing.
        """

    def head(self, table: Table, draft: str | None = None) -> int | None:
        """Version of the published state, or of a draft; None when there is none."""

    def read(
        self,
        table: Table,
        *,
        draft: str | None = None,
        version: int | None = None,
        where: str = "TRUE",
    ) -> Rows:
        """The rows as published, or of a draft, or of a version, for which the SQL condition `where` holds."""

    def append(self, table: Table, draft: str, rows: Rows) -> None:
        """Add rows."""

    def delete(self, table: Table, draft: str, condition: str) -> None:
        """Delete the rows for which a SQL condition holds."""

    def merge(self, table: Table, draft: str, rows: Rows, *, on: str, newer: str) -> None:
        """Update what matches `on` where `newer` holds, insert what does not match; `t` is the table, `s` the rows."""

    def update(
        self,
        table: Table,
        draft: str,
        rows: Rows,
        *,
        on: str,
        when: str,
        values: dict[str, str],
    ) -> None:
        """Set columns to SQL `values` where a row matches `on` and `when` holds; `t` is the table, `s` the rows."""

    def record(self, table: Table, rows: Rows, *, run_id: str) -> None:
        """Publish what a run noted down, in a table with the column `run_id`; its earlier rows are replaced."""

    def replace(
        self,
        table: Table,
        draft: str,
        rows: Rows,
        condition: str,
        properties: dict[str, str],
    ) -> None:
        """Replace whole partitions, those for which a SQL condition holds; `properties` are kept with the version."""

    def changed_partitions(self, table: Table, since: int, until: int) -> list[date] | None:
        """First days of the partitions whose rows may differ between two versions, of which `until` builds on `since`.

        A compaction in between changes no row and counts for nothing. None when `since` is no longer known, or was
        rolled back.
        """

    def last_properties(self, table: Table, marker: str) -> dict[str, str]:
        """Properties of the newest published version that has `marker` among them; empty when none has."""

    def properties(self, table: Table) -> dict[str, str]:
        """The properties of the table itself, which no rollback takes back."""

    def publish(self, table: Table, draft: str, version: int) -> None:
        """Make `version`, the head of the draft, the published state and drop the draft; again is harmless.

        Raises RetryableError when somebody else changed the table meanwhile, or the draft is gone unpublished.
        """
