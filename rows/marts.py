"""A run of a mart, whatever the engine: one consistent cut of its inputs, computed, reconciled, published at once.

The whole mart is computed each time, since a late parent may change any period; written are the periods whose rows
differ. Each published version carries the cut and a fingerprint of the definition, so that a run whose inputs stand
as they did does nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Generic, Protocol

from contracts import naming
from contracts.errors import PermanentError, ReconciliationFailed, RetryableError
from contracts.marts import Conserved, Mart
from rows.cuts import Cut, Published, take_cut
from rows.table_operations import Rows, TableOperations
from rows.tables import Table

CUT, FINGERPRINT, RUN = "slipway.cut", "slipway.mart", "slipway.run"


class CutTables(TableOperations[Rows], Protocol[Rows]):
    """Tables that know what was published, and since when."""

    def published(self, table: Table) -> Published | None:
        """The published version of the table and since when; None when nothing was."""

    def history(self, table: Table) -> list[tuple[int, dict[str, str]]]:
        """The published version and those it was built on, newest first, each with its properties."""

    def roll_back(self, table: Table, version: int) -> None:
        """Publish an earlier version again, of which the published one is built; again is harmless."""

    def expire(self, table: Table, older_than: datetime, least: int) -> int:
        """Let versions from before a moment leave with their files, but the newest `least`; how many left."""


class MartEngine(Protocol[Rows]):
    """What a mart asks of an engine besides its tables."""

    def computed(self, inputs: Mapping[str, Rows], mart: Mart) -> Rows:
        """The mart's SQL over its inputs, each called by its dataset's name, in the mart's columns and types."""

    def changed_periods(self, before: Rows, after: Rows, mart: Mart) -> list[date]:
        """The values of the period column whose rows differ, in order; a row that is there twice counts twice."""

    def within(self, mart: Mart, periods: list[date]) -> str:
        """The SQL condition of the rows of these periods."""

    def where(self, rows: Rows, condition: str) -> Rows:
        """The rows for which a SQL condition holds."""

    def total(self, rows: Rows, column: str) -> Decimal | None:
        """Sum of a column; None over no value."""

    def count(self, rows: Rows) -> int:
        """Number of rows."""

    def repeated(self, rows: Rows, columns: tuple[str, ...]) -> int:
        """Number of rows that share these columns with another."""

    def breaking(self, rows: Rows, mart: Mart) -> dict[str, int]:
        """Rows that break a rule or demand of the mart, by what it says; one that none breaks is left out."""


@dataclass(frozen=True, kw_only=True)
class MartRun(Generic[Rows]):
    """What a run works with; `inputs` are the processed tables by dataset."""

    mart: Mart
    run_id: str
    table: Table
    inputs: Mapping[str, Table]
    tables: CutTables[Rows]
    engine: MartEngine[Rows]

    @property
    def branch(self) -> str:
        """Branch of this run."""
        return naming.branch(self.run_id)


@dataclass(frozen=True, kw_only=True)
class MartResult:
    """`is_new` is False when the inputs stand as they did at the last run, so that nothing was written.

    `rows` and `totals` are those of the published version `version`. `periods` are those that were written; None when
    an earlier attempt of this run did, and died before it could say so. `before` is the version that was published
    before; None when that is not known, or nothing was.
    """

    cut: Cut
    rows: int
    totals: Mapping[str, Decimal]
    periods: tuple[date, ...] | None
    version: int | None
    before: int | None
    is_new: bool


def run(work: MartRun[Rows]) -> MartResult:
    """Compute the mart from one cut and publish it.

    Raises InputMissing for an input without a table, ReconciliationFailed when a conserved sum differs, two rows have
    one grain or a rule is broken (nothing is published then), RetryableError when inputs or mart change meanwhile.
    """
    cut = take_cut(work.inputs, work.tables.published)
    work.tables.ensure(work.table, may_evolve=True)
    memory = {CUT: _as_text(cut), FINGERPRINT: fingerprint(work.mart)}
    last = work.tables.last_properties(work.table, CUT)
    if {name: last.get(name) for name in memory} == memory:
        return _as_published(work, cut, by_this_run=last.get(RUN) == work.run_id)
    inputs = {
        name: work.tables.read(table, version=cut[name].version)
        for name, table in work.inputs.items()
    }
    published = work.tables.head(work.table)
    work.tables.start_draft(work.table, work.branch)
    computed = work.engine.computed(inputs, work.mart)
    _require_rules(work, computed)
    before = work.tables.read(work.table, draft=work.branch)
    periods = work.engine.changed_periods(before, computed, work.mart)
    condition = work.engine.within(work.mart, periods)
    changed = work.engine.where(computed, condition)
    properties = {**memory, RUN: work.run_id}
    work.tables.replace(work.table, work.branch, changed, condition, properties)
    committed = work.tables.read(work.table, draft=work.branch)
    _require_grain(work, committed)
    totals = _reconciled(work, committed, inputs)
    version = work.tables.head(work.table, work.branch)
    if version is None:
        raise RetryableError(f"{work.mart.name}: the branch {work.branch!r} is gone; run it again")
    rows = work.engine.count(committed)
    work.tables.publish(work.table, work.branch, version)
    return MartResult(
        cut=cut,
        rows=rows,
        totals=totals,
        periods=tuple(periods),
        version=version,
        before=published,
        is_new=True,
    )


@dataclass(frozen=True, kw_only=True)
class RolledBack:
    """The version that is published again: its number, what it was computed from, and its rows and sums."""

    version: int
    cut: Mapping[str, int]
    rows: int
    totals: Mapping[str, Decimal]


def roll_back(work: MartRun[Rows], *, undone: int) -> RolledBack:
    """Publish the version before `undone` again, which is what the newest run published; the next run computes anew.

    Repeated with the same `undone` it changes nothing. Raises PermanentError when there is no version before it.
    """
    kept = {version: found for version, found in work.tables.history(work.table) if CUT in found}
    older = [version for version in kept if version != undone]
    if not older:
        raise PermanentError(
            f"{work.mart.name} has no version before the published one; its table keeps: {undone}"
        )
    version = older[0]
    work.tables.roll_back(work.table, version)
    found = kept[version]
    rows = work.tables.read(work.table)
    return RolledBack(
        version=version,
        cut=json.loads(found[CUT]),
        rows=work.engine.count(rows),
        totals={each.column: _total(work, rows, each.column) for each in work.mart.conserves},
    )


def fingerprint(mart: Mart) -> str:
    """What the content of a mart depends on besides its inputs, and what it is checked against."""
    parts = (
        mart.sql,
        mart.columns,
        mart.inputs,
        mart.grain,
        mart.period,
        mart.conserves,
        mart.rules,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _as_published(work: MartRun[Rows], cut: Cut, *, by_this_run: bool) -> MartResult:
    published = work.tables.read(work.table)
    version = work.tables.head(work.table)
    return MartResult(
        cut=cut,
        rows=work.engine.count(published),
        totals={each.column: _total(work, published, each.column) for each in work.mart.conserves},
        periods=None if by_this_run else (),
        version=version,
        before=None if by_this_run else version,
        is_new=by_this_run,
    )


def _as_text(cut: Cut) -> str:
    return json.dumps({name: cut[name].version for name in sorted(cut)})


def _require_rules(work: MartRun[Rows], computed: Rows) -> None:
    """What columns and rules of the mart demand of each row."""
    found = work.engine.breaking(computed, work.mart)
    wrong = [f"{sentence}: {rows} rows break it" for sentence, rows in found.items()]
    if wrong:
        raise ReconciliationFailed(
            f"{work.mart.name}: {'; '.join(wrong)}; nothing was published; check the SQL of the mart"
        )


def _require_grain(work: MartRun[Rows], committed: Rows) -> None:
    grain = work.mart.grain
    if repeated := work.engine.repeated(committed, grain):
        raise ReconciliationFailed(
            f"{work.mart.name}: {repeated} rows share their {', '.join(grain)} with another, and one row per "
            "combination is declared; nothing was published; check the SQL of the mart"
        )


def _reconciled(
    work: MartRun[Rows], committed: Rows, inputs: Mapping[str, Rows]
) -> dict[str, Decimal]:
    """The conserved sums; ReconciliationFailed unless each is that of its input."""
    wrong, totals = [], {}
    for each in work.mart.conserves:
        ours = _total(work, committed, each.column)
        theirs = _total(work, inputs[each.dataset], each.source)
        totals[each.column] = ours
        if ours != theirs:
            wrong.append(_difference(each, ours, theirs))
    if wrong:
        raise ReconciliationFailed(
            f"{work.mart.name} differs from its inputs: {'; '.join(wrong)}; nothing was published; "
            "check the SQL of the mart"
        )
    return totals


def _total(work: MartRun[Rows], rows: Rows, column: str) -> Decimal:
    return work.engine.total(rows, column) or Decimal(0)


def _difference(each: Conserved, ours: Decimal, theirs: Decimal) -> str:
    return f"{each.column} {ours}, {each.dataset}.{each.source} {theirs}"
