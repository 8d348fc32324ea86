"""A table of a PostgreSQL as sources.tables describes one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from contracts.model import Contract
from sources.database.chunks import Reader, position_of
from sources.database.outlook import outlook
from sources.database.sessions import Session, connected, login_of
from sources.database.tables import Table, described
from sources.database.watermarks import low_watermark
from sources.model import PostgresSource
from sources.plans import Outlook
from sources.tables import LowWatermark, Piece


@dataclass(frozen=True, kw_only=True)
class PostgresSnapshot:
    """A sources.tables.Snapshot."""

    table: Table
    reader: Reader
    identity: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the contract, in the order of the values."""
        return self.table.columns

    @property
    def notes(self) -> tuple[str, ...]:
        """New columns, a missing index."""
        return self.table.notes

    def read(self, position: str | None, take: Callable[[bytes], None]) -> Piece:
        """Hand the next rows to `take`."""
        begin = self.reader.first() if position is None else position_of(position)
        chunk = self.reader.read(begin, take)
        following = None if chunk.next is None else chunk.next.as_text()
        return Piece(records=chunk.records, totals=chunk.totals, next=following)

    def keys(self, take: Callable[[bytes], None]) -> None:
        """Hand the keys of all rows to `take`."""
        self.reader.keys(take)


@dataclass(frozen=True, kw_only=True)
class OpenPostgres:
    """A sources.tables.OpenTable."""

    session: Session
    contract: Contract

    def low_watermark(self, before: str | None) -> LowWatermark:
        """What the next extract must read from."""
        with self.session.during("asking since when others are at work"):
            return low_watermark(self.session, before)

    @contextmanager
    def snapshot(self, since: str | None) -> Iterator[PostgresSnapshot]:
        """The table within one transaction. Raises SourceFailed if it does not fit its description."""
        with self.session.snapshot():
            with self.session.during("looking at its columns"):
                [(identity,)] = self.session.rows("select pg_current_snapshot()::text")
                table = described(self.session, self.contract)
            moment = None if since is None else datetime.fromisoformat(since)
            reader = Reader(session=self.session, contract=self.contract, table=table, since=moment)
            yield PostgresSnapshot(table=table, reader=reader, identity=identity)

    def outlook(self, since: str | None, before: str | None) -> Outlook:
        """What an extract would read."""
        return outlook(self.session, self.contract, since, before)


@contextmanager
def opened(
    source: PostgresSource, contract: Contract, secret: str, *, needs_tls: bool
) -> Iterator[OpenPostgres]:
    """A connection as the text of the secret says. Raises SourceFailed, CredentialsRefused or TryLater."""
    login = login_of(secret, secret=source.postgres.secret)
    with connected(source, login, needs_tls=needs_tls) as session:
        yield OpenPostgres(session=session, contract=contract)
