"""What the fetch of a table needs of a database, whichever it is and whatever library asks it.

Apart from `sources.database`, because its library is there for functions whose source is a table only.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from sources.model import PostgresSource
from sources.plans import Outlook

LOCK_SECONDS = 5  # behind a lock that waits everybody else waits, too


@dataclass(frozen=True, kw_only=True)
class LowWatermark:
    """Rows that the coming snapshot does not show have a later stamp than `moment`, in ISO 8601.

    None: nothing is known of them, so that the next extract reads everything. `notes` are for people: why it is less
    exact, or why it stays where it was.
    """

    moment: str | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What was read: rows and totals of the control columns as the database counted them, and where to go on.

    `next` is a position as text; None at the end of the table.
    """

    records: int
    totals: dict[str, Decimal]
    next: str | None


class Snapshot(Protocol):
    """A table at one moment, whoever writes to it meanwhile. Methods raise SourceFailed or TryLater."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the contract, in the order of the values."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know of the table: new columns, a missing index."""

    @property
    def identity(self) -> str:
        """Which transactions it sees, in the database's own words, so that others may ask it what that was."""

    def read(self, position: str | None, take: Callable[[bytes], None]) -> Piece:
        """Hand the next rows to `take` as CSV without a header; None: from the beginning."""

    def keys(self, take: Callable[[bytes], None]) -> None:
        """Hand the keys of all rows to `take`, a line each."""


class OpenTable(Protocol):
    """A connection to the database of a table."""

    def low_watermark(self, before: str | None) -> LowWatermark:
        """What the next extract must read from. To be asked before the snapshot is taken.

        `before` is what the extract before was told.
        """

    def snapshot(self, since: str | None) -> AbstractContextManager[Snapshot]:
        """The table, or what changed in it since a moment in ISO 8601."""

    def outlook(self, since: str | None, before: str | None) -> Outlook:
        """What an extract since then would read, without reading a row; `before` as above."""


@dataclass(frozen=True, kw_only=True)
class RemoteTable:
    """The table of a source; `connect` lets in whoever reads it."""

    source: PostgresSource
    connect: Callable[[], AbstractContextManager[OpenTable]]

    def close(self) -> None:
        """Nothing: a connection ends with its block."""
