"""A table read in pieces by its key, each in queries that end soon; the database says first what each must hold.

A piece is everything between two positions in the order of the key, or of the watermark and the key. Where it ends is
looked up in the index, its rows and totals are counted by the database, then the same rows are copied: what arrives
must be as many. All of it in one snapshot; in a later snapshot reading goes on at a position, too.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from psycopg import sql

from contracts.model import Contract
from sources.database.rendering import ISO, TableColumn
from sources.database.sessions import Session
from sources.database.tables import Table
from sources.errors import SourceFailed

# changed: rows with a stamp since the watermark; unstamped: those whose stamp is NULL, which are read each time.
Phase = Literal["all", "changed", "unstamped"]
Bounds = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Position:
    """Up to where a table has been read: after this row in the order of its phase; None: from its beginning."""

    phase: Phase
    after: Bounds | None = None

    def as_text(self) -> str:
        """For the ledger."""
        return json.dumps(dataclasses.asdict(self))


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """What was read: rows, the totals of the contract's control columns, and where to go on; None at the end."""

    records: int
    totals: dict[str, Decimal]
    next: Position | None


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads a table within a snapshot. `since` is the moment from which changes are read; None: everything."""

    session: Session
    contract: Contract
    table: Table
    since: datetime | None

    def first(self) -> Position:
        """Where reading begins."""
        return Position(phase="all" if self.since is None else "changed")

    def read(self, position: Position, take: Callable[[bytes], None]) -> Chunk:
        """Hand the next rows to `take` as CSV without a header. Raises SourceFailed or TryLater."""
        with self.session.during("finding the end of a chunk"):
            end = self._end(position)
        where = self.where(position, end)
        with self.session.during("counting a chunk"):
            records, totals = self._counted(where)
        with self.session.during("copying a chunk"):
            copied = self._copied(where, take) if records else 0
        if copied != records:
            raise SourceFailed(
                f"the database counted {records} rows and gave {copied} in the same snapshot; this must not be"
            )
        return Chunk(records=records, totals=totals, next=self.following(position, end))

    def keys(self, take: Callable[[bytes], None]) -> None:
        """Hand the keys of all rows to `take`, a line each, which has no line break in it (COPY, text format)."""
        with self.session.during("reading its keys"):
            self._keys(Position(phase="all"), take)

    def _keys(self, position: Position | None, take: Callable[[bytes], None]) -> None:
        while position is not None:
            end = self._end(position)
            self.session.copy(self.key_query(position, end), take)
            position = None if end is None else Position(phase="all", after=end)

    def key_query(self, position: Position, end: Bounds | None) -> sql.Composed:
        """What reads the keys of one chunk."""
        return sql.SQL("copy (select {} from {} where {}) to stdout with (encoding 'UTF8')").format(
            _names(self.table.key), self.table.name, self.where(position, end)
        )

    def queries(self, position: Position) -> tuple[tuple[str, sql.Composed], ...]:
        """(purpose, query) of one chunk that is the last; another one has its last row as a bound in the last two."""
        where = self.where(position, None)
        return (
            ("end of a chunk", self._end_query(position)),
            ("rows and totals of a chunk", self._count_query(where)),
            ("how dates are written", _setting(self.table.date_style)),
            ("the rows themselves", self._copy(where)),
        )

    def _end(self, position: Position) -> Bounds | None:
        """The last row of a chunk that is full; None if what is left is fewer."""
        rows = self.session.rows(self._end_query(position))
        return tuple(rows[0]) if rows else None

    def _end_query(self, position: Position) -> sql.Composed:
        columns = self._order(position.phase)
        # The inner query, so that only the last row becomes text.
        return sql.SQL(
            "select {texts} from (select {columns} from {table} where {where} order by {columns}"
            " offset {skipped} limit 1) last_row"
        ).format(
            texts=sql.SQL(", ").join(
                sql.SQL("{}::text").format(sql.Identifier(each.name)) for each in columns
            ),
            table=self.table.name,
            where=self.where(position, None),
            columns=_names(columns),
            skipped=sql.Literal(self.session.source.postgres.chunk_rows - 1),
        )

    def _counted(self, where: sql.Composable) -> tuple[int, dict[str, Decimal]]:
        [(count, *totals)] = self.session.rows(self._count_query(where))
        names = [name for name, _ in self.table.totals]
        return int(count), dict(zip(names, totals, strict=True))

    def _count_query(self, where: sql.Composable) -> sql.Composed:
        sums = [
            sql.SQL("coalesce(sum({}::numeric), 0)").format(sql.Identifier(given.name))
            for _, given in self.table.totals
        ]
        return sql.SQL("select {} from {} where {}").format(
            sql.SQL(", ").join([sql.SQL("count(*)"), *sums]), self.table.name, where
        )

    def _copied(self, where: sql.Composable, take: Callable[[bytes], None]) -> int:
        """The style is for these dates alone: positions and bounds are ISO, in this session and in the next."""
        self.session.set_local("datestyle", self.table.date_style)
        copied = self.session.copy(self._copy(where), take)
        self.session.set_local("datestyle", ISO)
        return copied

    def _copy(self, where: sql.Composable) -> sql.Composed:
        return sql.SQL(
            "copy (select {} from {} where {}) to stdout with (format csv, delimiter {}, encoding 'UTF8')"
        ).format(
            sql.SQL(", ").join(self.table.values),
            self.table.name,
            where,
            sql.Literal(self.contract.intake.delimiter),
        )

    def following(self, position: Position, end: Bounds | None) -> Position | None:
        """Where to go on after a chunk that ended there; None at the end of the table."""
        if end is not None:
            return Position(phase=position.phase, after=end)
        stamp = self.table.stamp
        if position.phase == "changed" and stamp is not None and not stamp.not_null:
            return Position(phase="unstamped")
        return None

    def where(self, position: Position, end: Bounds | None) -> sql.Composable:
        """The condition of a chunk."""
        columns = self._order(position.phase)
        parts: list[sql.Composable] = []
        if position.phase == "unstamped":
            parts.append(sql.SQL("{} is null").format(sql.Identifier(self._stamp.name)))
        if position.after is not None:
            parts.append(_compared(columns, ">", position.after))
        elif position.phase == "changed":
            parts.append(_compared((self._stamp,), ">=", (self._since_text,)))
        if end is not None:
            parts.append(_compared(columns, "<=", end))
        return sql.SQL(" and ").join(parts) if parts else sql.SQL("true")

    def _order(self, phase: Phase) -> tuple[TableColumn, ...]:
        return (self._stamp, *self.table.key) if phase == "changed" else self.table.key

    @property
    def _stamp(self) -> TableColumn:
        if self.table.stamp is None:
            raise TypeError("only a table with a watermark is read since a moment")
        return self.table.stamp

    @property
    def _since_text(self) -> str:
        if self.since is None:
            raise TypeError("changes are read since a moment")
        moment = self.since.astimezone(UTC)
        # A stamp without a zone is in UTC: the description says so.
        return (
            moment if self._stamp.type == "timestamptz" else moment.replace(tzinfo=None)
        ).isoformat()


def _setting(date_style: str) -> sql.Composed:
    """What Session.set_local sends."""
    return sql.SQL("select set_config('datestyle', {}, true)").format(sql.Literal(date_style))


def position_of(text: str) -> Position:
    """What `Position.as_text` wrote."""
    data = json.loads(text)
    after = data["after"]
    return Position(phase=data["phase"], after=None if after is None else tuple(after))


def _names(columns: tuple[TableColumn, ...]) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(each.name) for each in columns)


def _compared(
    columns: tuple[TableColumn, ...], how: Literal[">", ">=", "<="], bounds: Bounds
) -> sql.Composable:
    """Rows before or after one row, as an index is ordered. A type is one of tables.KEY_TYPES."""
    values = sql.SQL(", ").join(
        sql.SQL("{}::{}").format(sql.Literal(bound), sql.Identifier(column.type))
        for column, bound in zip(columns, bounds, strict=True)
    )
    return sql.SQL("({}) {} ({})").format(_names(columns), sql.SQL(how), values)
