"""Processed rows of a run into the curated tables, and the publication of all tables, whatever the engine.

A curated table is a view of the processed table with a memory: each snapshot of it carries the processed snapshot it
was computed from and a fingerprint of its model. What to recompute is the difference between that snapshot and the one
to be published, taken from the lists of data files, so both periods of a moved row are found without reading rows.

Publication and crashes: everything is computed and checked on branches first. Then `main` moves forward on the
processed table, the quarantine, the history if there is one, and each curated table. A crash in between leaves curated
tables that remember an older processed snapshot, so a retry of the run, or any later run, recomputes exactly what is
missing; tables already published are recognised and left alone. A new model, a changed model, or a processed snapshot
that has expired means all periods. Periods whose rows have passed their retention stay as they are
(docs/decisions/0014).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Generic, Protocol, TypeVar, assert_never

from contracts import model, naming
from contracts.errors import ReconciliationFailed, RetryableError
from pipeline.run_documents import ConservedTotal, CuratedTable, CurateResult
from rows import periods
from rows.money import money
from rows.table_operations import TableOperations
from rows.tables import Table

SOURCE_SNAPSHOT = "slipway.processed-snapshot"
FINGERPRINT = "slipway.model"
RUN, BEFORE = (
    "slipway.run",
    "slipway.before",
)  # who made the snapshot, on top of which one (empty: the first)
RETAINED_FROM = (
    "slipway.retained-from"  # property of the processed table: rows of earlier dates have left it
)
EVERY_ROW = "TRUE"

Rows = TypeVar("Rows")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Rows and periods of the curated side, and both sums of each conserved column (None: over no value)."""

    rows: int
    periods: list[date]
    curated: Mapping[str, Decimal | None]
    processed: Mapping[str, Decimal | None]


class CuratingEngine(Protocol[Rows]):
    """What curating asks of an engine besides its tables."""

    def name(self, column: str) -> str:
        """A column as SQL text."""

    def computed(self, rows: Rows, dataset: str, curated_model: model.CuratedModel) -> Rows:
        """The model's SQL over `rows`, which it calls by the dataset's name, in the contract's columns and types."""

    def periods(self, rows: Rows, column: str, unit: periods.Unit) -> Iterable[date]:
        """First days of the periods that a date or timestamp column of the rows lies in."""

    def comparison(
        self, curated: Rows, processed: Rows, curated_model: model.CuratedModel
    ) -> Comparison:
        """Figures of the rows as committed, beside those of the rows that they were computed from."""


@dataclass(frozen=True, kw_only=True)
class CurationRun(Generic[Rows]):
    """What a run works with. `after` holds the heads that raw_to_processed left on the branch, by table name."""

    contract: model.Contract
    run_id: str
    processed: Table
    quarantine: Table
    history: Table
    curated: dict[str, Table]
    tables: TableOperations[Rows]
    engine: CuratingEngine[Rows]
    after: dict[str, int]

    @property
    def branch(self) -> str:
        """Branch of this run."""
        return naming.branch(self.run_id)

    @property
    def loaded(self) -> list[Table]:
        """The tables that raw_to_processed left a draft of, in the order in which they are published."""
        every = (self.processed, self.quarantine, self.history)
        return [table for table in every if table.name in self.after]

    @property
    def source_snapshot(self) -> int:
        """The processed snapshot that this run publishes."""
        return self.after[self.processed.name]

    @cached_property
    def retained_from(self) -> date | None:
        """Periods that begin before this day are history: their rows may have left the processed table."""
        day = self.tables.properties(self.processed).get(RETAINED_FROM)
        return date.fromisoformat(day) if day else None

    def memory(self, curated_model: model.CuratedModel) -> dict[str, str]:
        """What a snapshot of the curated table remembers of what it was computed from."""
        return {
            SOURCE_SNAPSHOT: str(self.source_snapshot),
            FINGERPRINT: fingerprint(curated_model),
        }


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which processed rows to compute from, and which curated rows the result replaces, as SQL conditions."""

    processed: str
    curated: str


def run(curating: CurationRun[Rows]) -> CurateResult:
    """Recompute what changed, check it, publish all tables; what was done to each.

    Raises ReconciliationFailed when a curated total differs from the processed one; nothing is published then.
    """
    started = time.monotonic()
    draft = _source(curating)
    models = [
        _recompute(curating, curated_model, draft) for curated_model in curating.contract.curated
    ]
    for table in curating.loaded:
        curating.tables.publish(table, curating.branch, curating.after[table.name])
    for done in models:
        if done.snapshot is not None:
            curating.tables.publish(curating.curated[done.name], curating.branch, done.snapshot)
    return CurateResult(
        dataset=curating.contract.dataset,
        run_id=curating.run_id,
        models=tuple(models),
        published=True,
        duration_seconds=round(time.monotonic() - started, 1),
    )


def _source(curating: CurationRun[Rows]) -> str | None:
    """Where the processed rows to be published are: the run's branch, or None if an earlier attempt published them."""
    heads = {
        name: curating.tables.head(curating.processed, name) for name in (curating.branch, None)
    }
    for branch, head in heads.items():
        if head == curating.source_snapshot:
            return branch
    raise RetryableError(
        f"{curating.processed.name}: snapshot {curating.source_snapshot} of run {curating.run_id} is neither the head "
        f"of branch {curating.branch!r} nor published (heads: {heads}); run the whole batch again"
    )


def _recompute(
    curating: CurationRun[Rows], curated_model: model.CuratedModel, draft: str | None
) -> CuratedTable:
    table, tables = curating.curated[curated_model.name], curating.tables
    tables.ensure(table, may_evolve=True)  # a changed model is computed from all rows again
    changed = _touched(curating, curated_model, draft)
    touched = _retained(curating, curated_model, changed)
    kept = tuple(day for day in changed or [] if day not in (touched or []))
    if touched == []:
        return _as_published(curating, table, kept)
    scope = _scope(curating, curated_model, touched)
    rows = tables.read(curating.processed, draft=draft, where=scope.processed)
    before = tables.start_draft(table, curating.branch)
    computed = curating.engine.computed(rows, curating.contract.dataset, curated_model)
    memory = {**curating.memory(curated_model), RUN: curating.run_id, BEFORE: str(before or "")}
    tables.replace(table, curating.branch, computed, scope.curated, memory)
    committed = tables.read(table, draft=curating.branch, where=scope.curated)
    found = curating.engine.comparison(committed, rows, curated_model)
    return CuratedTable(
        name=table.name,
        periods=tuple(found.periods if touched is None else touched),
        kept_periods=kept,
        rows=found.rows,
        totals=_reconciled(curating, curated_model, found),
        snapshot=tables.head(table, curating.branch),
        before=before,
    )


def _as_published(
    curating: CurationRun[Rows], table: Table, kept: tuple[date, ...]
) -> CuratedTable:
    """A table that needs nothing: as it is, or as an earlier attempt of this run has published it."""
    memory = curating.tables.last_properties(table, SOURCE_SNAPSHOT)
    head = curating.tables.head(table)
    untouched = CuratedTable(
        name=table.name,
        periods=(),
        kept_periods=kept,
        rows=0,
        totals={},
        snapshot=None,
        before=head,
    )
    if memory.get(RUN) != curating.run_id:
        return untouched
    return replace(untouched, snapshot=head, before=int(memory[BEFORE]) if memory[BEFORE] else None)


def _scope(
    curating: CurationRun[Rows], curated_model: model.CuratedModel, touched: list[date] | None
) -> Scope:
    source, period = (
        curating.engine.name(column)
        for column in (curated_model.source_date, curated_model.period_column)
    )
    if touched is not None:
        days = ", ".join(f"DATE '{day}'" for day in touched)
        return Scope(
            processed=periods.within_sql(source, touched, curated_model.period),
            curated=f"{period} IN ({days})",
        )
    first = first_retained(curating, curated_model)
    if first is None:
        return Scope(processed=EVERY_ROW, curated=EVERY_ROW)
    return Scope(processed=f"{source} >= DATE '{first}'", curated=f"{period} >= DATE '{first}'")


def to_recompute(
    curating: CurationRun[Rows], curated_model: model.CuratedModel
) -> list[date] | None:
    """First days of the periods to compute again for what is published; None for all of them.

    The curated table must exist.
    """
    return _retained(curating, curated_model, _touched(curating, curated_model, None))


def _retained(
    curating: CurationRun[Rows], curated_model: model.CuratedModel, touched: list[date] | None
) -> list[date] | None:
    first = first_retained(curating, curated_model)
    return touched if touched is None or first is None else [day for day in touched if day >= first]


def first_retained(curating: CurationRun[Rows], curated_model: model.CuratedModel) -> date | None:
    """First day of the first period all of whose rows are retained; None when no row ever left."""
    day, unit = curating.retained_from, curated_model.period
    if day is None or periods.first_day(day, unit) == day:
        return day
    return periods.next_first_day(periods.first_day(day, unit), unit)


def _touched(
    curating: CurationRun[Rows], curated_model: model.CuratedModel, draft: str | None
) -> list[date] | None:
    memory = curating.tables.last_properties(curating.curated[curated_model.name], SOURCE_SNAPSHOT)
    if memory.get(FINGERPRINT) != fingerprint(curated_model):
        return None
    since, until = int(memory[SOURCE_SNAPSHOT]), curating.source_snapshot
    changed = curating.tables.changed_partitions(curating.processed, since, until)
    if not changed:
        return changed
    unit, contract = curated_model.period, curating.contract
    is_of_partition = curated_model.source_date == contract.partition_column
    if is_of_partition and _is_within_one_period(contract.partition_transform):
        return sorted({periods.first_day(day, unit) for day in changed})
    column = curating.engine.name(contract.partition_column)
    inside = periods.within_sql(column, changed, contract.partition_transform)
    sides = (
        curating.tables.read(curating.processed, draft=draft, where=inside),
        curating.tables.read(curating.processed, version=since, where=inside),
    )
    days = (curating.engine.periods(rows, curated_model.source_date, unit) for rows in sides)
    return sorted({day for side in days for day in side})


def _is_within_one_period(transform: model.PartitionTransform) -> bool:
    """Whether a partition lies within one period of every model: months are the shortest."""
    match transform:
        case "day" | "month":
            return True
        case "year":
            return False
        case _:
            assert_never(transform)


def _reconciled(
    curating: CurationRun[Rows], curated_model: model.CuratedModel, found: Comparison
) -> dict[str, ConservedTotal]:
    """Totals of both sides; ReconciliationFailed unless they are equal."""
    totals, wrong = {}, []
    for name, source in curated_model.conserves:
        column = curating.contract.column(source)
        curated, processed = found.curated[name] or Decimal(0), found.processed[name] or Decimal(0)
        totals[name] = ConservedTotal(
            processed=money(processed, column), curated=money(curated, column)
        )
        if processed != curated:
            wrong.append(f"{name} {curated}, processed {source} {processed}")
    if wrong:
        raise ReconciliationFailed(
            f"{curated_model.name} differs from {curating.contract.dataset} in run {curating.run_id}: "
            f"{'; '.join(wrong)}; nothing was published; check the SQL of the model"
        )
    return totals


def fingerprint(curated_model: model.CuratedModel) -> str:
    """What the content of a curated table depends on beside the processed rows."""
    columns = ",".join(f"{column.name}:{column.type}" for column in curated_model.columns)
    grouping = f"{curated_model.period}:{curated_model.period_column}:{curated_model.source_date}"
    return hashlib.sha256(f"{curated_model.sql}\n{columns}\n{grouping}".encode()).hexdigest()
