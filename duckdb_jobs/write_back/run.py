"""One write-back: decide what differs, stage it from the lake; then remove, upsert and compare as one transaction.

What the database holds is read before the lake is, and looked at again under a lock before anything is written. If it
has changed in between, another write-back read the lake later than this one may have, so this one gives way and is
tried again. So an attempt that was taken for dead never puts an older version over a newer one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from psycopg import sql

from contracts.errors import RetryableError, WriteBackFailed
from duckdb_jobs.write_back import statements
from duckdb_jobs.write_back.lake import EVERYTHING, Days, LakeTable
from duckdb_jobs.write_back.sessions import Session
from duckdb_jobs.write_back.statements import Target
from pipeline.run_documents import DatabaseTable, LoadExtent, WrittenTotal

BY_HAND = "by-hand"  # run_id of a write-back that no run asked for
ROWS = "rows"
Figures = dict[str, str]  # rows and sums by column, as text


@dataclass(frozen=True, kw_only=True)
class Held:
    """What the database says that it holds: `change` grows with each write; the rest is None before the first."""

    change: int
    version: int | None
    shape: str | None
    run_id: str | None
    mode: LoadExtent | None
    written_rows: int | None
    removed_rows: int | None
    figures: Figures | None
    compared: Mapping[str, Mapping[str, str]] | None


@dataclass(frozen=True, kw_only=True)
class Staged:
    """Rows that the server took, and what the lake says of the same: rows and sums by money column; all its rows."""

    taken: int
    rows: int
    sums: Mapping[str, Decimal]
    all_rows: int


@dataclass(frozen=True, kw_only=True)
class WriteBack:
    """Writes one table, for the run `run_id`."""

    target: Target
    run_id: str
    lake: LakeTable
    session: Session

    def run(self) -> DatabaseTable | None:
        """Bring the table of the database to the published version; None when nothing was ever published.

        Raises WriteBackFailed when the two differ afterwards, with the database as before; RetryableError when the
        connection broke or somebody else wrote meanwhile.
        """
        self.session.run(statements.enlist(self.target.name))
        held = self._held(lock=False)
        version = self.lake.published()
        if version is None:
            return None
        is_whole = held.shape == self.target.shape and held.figures == self._figures_now()
        if is_whole and held.version == version:
            return self._told(held)
        is_known = is_whole and held.version is not None
        days = self.lake.changed(held.version or 0, version) if is_known else None
        staged = self._stage(version, days)
        with self.session.transaction():
            return self._write(held, version, self.lake.within(days), staged)

    def _stage(self, version: int, days: Days | None) -> Staged:
        """Fill a table of this session, which nobody waits for, with the rows of the lake."""
        self.session.run(statements.stage(self.target))
        copy, taken, rows = statements.copy_rows(self.target), 0, 0
        sums = dict.fromkeys(self.target.money, Decimal(0))
        for extract in self.lake.extracts(version, days):
            taken += self.session.copy(copy, extract.file)
            rows += extract.rows
            sums = {name: total + extract.sums[name] for name, total in sums.items()}
        return Staged(taken=taken, rows=rows, sums=sums, all_rows=self.lake.all_rows(version))

    def _held(self, *, lock: bool) -> Held:
        found = self.session.rows(statements.held(self.target.name, lock=lock))
        if not found:
            raise WriteBackFailed(
                f"operations.loads has no row of {self.target.name!r} any more: somebody removed it; write back again"
            )
        change, version, shape, run_id, mode, written, removed, figures, compared = found[0]
        return Held(
            change=change,
            version=version,
            shape=shape,
            run_id=run_id,
            mode=cast("LoadExtent | None", mode),
            written_rows=written,
            removed_rows=removed,
            figures=figures,
            compared=compared,
        )

    def _figures_now(self) -> Figures | None:
        """Figures of the whole table; None when it is gone."""
        [(place,)] = self.session.rows(
            sql.SQL("select to_regclass({})::text").format(
                sql.Literal(self.target.place.as_string())
            )
        )
        return self._figures(self.target.place, sql.SQL(EVERYTHING)) if place else None

    def _figures(self, rows: sql.Composable, scope: sql.Composable) -> Figures:
        [found] = self.session.rows(statements.figures(self.target, rows, scope))
        return dict(zip((ROWS, *self.target.money), found, strict=True))

    def _write(self, before: Held, version: int, scope: str, staged: Staged) -> DatabaseTable:
        self._require_same(before)
        target, where = self.target, sql.SQL(scope)
        mode: LoadExtent = "everything" if scope == EVERYTHING else "periods"
        if before.shape != target.shape or self._figures_now() is None:
            self.session.run(statements.drop_table(target))
            self.session.run(statements.create_table(target))
        removed = self.session.run(statements.remove_gone(target, where))
        written = self.session.run(statements.upsert(target))
        compared = self._compared(staged, self._figures(target.place, where))
        figures = self._figures(target.place, sql.SQL(EVERYTHING))
        self._require_count(figures, staged.all_rows)
        self.session.run(
            statements.record(
                target.name,
                version=version,
                shape=target.shape,
                run_id=self.run_id,
                mode=mode,
                written_rows=written,
                removed_rows=removed,
                figures=json.dumps(figures),
                compared=json.dumps(compared),
            )
        )
        return _table(target.name, mode, written, removed, figures, compared)

    def _require_same(self, before: Held) -> None:
        now = self._held(lock=True)
        if now.change != before.change:
            raise RetryableError(
                f"{self.target.name} was written back by {now.run_id} while {self.run_id} read the lake; nothing was"
                " changed, and what is there is as new or newer"
            )

    def _compared(self, staged: Staged, there: Figures) -> dict[str, dict[str, str]]:
        """Both sides by figure. Raises WriteBackFailed, which undoes the transaction, when they differ."""
        here: dict[str, Decimal] = {ROWS: Decimal(staged.rows), **staged.sums}
        wrong = [
            f"{name} is {there[name]} in the database and {value} in the lake"
            for name, value in here.items()
            if Decimal(there[name]) != value
        ]
        if staged.taken != staged.rows:
            wrong.insert(0, f"{staged.taken} of {staged.rows} rows were staged")
        if wrong:
            raise _differ(self.target, "; ".join(wrong))
        return {name: {"lake": str(here[name]), "database": there[name]} for name in here}

    def _require_count(self, figures: Figures, rows: int) -> None:
        if int(figures[ROWS]) != rows:
            raise _differ(
                self.target,
                f"the whole table would have {figures[ROWS]} rows in the database and has {rows} in the lake",
            )

    def _told(self, held: Held) -> DatabaseTable:
        """The database held the version already; what this run wrote of it, an earlier attempt did."""
        is_ours = held.run_id == self.run_id
        return _table(
            self.target.name,
            (held.mode or "none") if is_ours else "none",
            (held.written_rows or 0) if is_ours else 0,
            (held.removed_rows or 0) if is_ours else 0,
            held.figures or {},
            held.compared or {},
        )


def _differ(target: Target, what: str) -> WriteBackFailed:
    return WriteBackFailed(
        f"{statements.SCHEMA}.{target.name} would not be as the lake is: {what}; the write-back was undone, and the"
        " table is as before"
    )


def _table(
    name: str,
    mode: LoadExtent,
    written: int,
    removed: int,
    figures: Mapping[str, str],
    compared: Mapping[str, Mapping[str, str]],
) -> DatabaseTable:
    return DatabaseTable(
        table=name,
        mode=mode,
        loaded_rows=written,
        removed_rows=removed,
        rows=int(figures[ROWS]),
        totals={
            column: WrittenTotal(lake=Decimal(sides["lake"]), database=Decimal(sides["database"]))
            for column, sides in compared.items()
            if column != ROWS
        },
    )
