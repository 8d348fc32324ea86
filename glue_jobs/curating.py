"""Processed rows of a run into the curated tables, and the publication of all tables.

A curated table is a view of the processed table with a memory: each snapshot of it carries the processed snapshot it
was computed from and a fingerprint of its model. What to recompute is the difference between that snapshot and the one
to be published, taken from the lists of data files, so both periods of a moved row are found without reading rows.

Publication and crashes: everything is computed and checked on branches first. Then `main` moves forward on the
processed table, the quarantine, and each curated table. A crash in between leaves curated tables that remember an older
processed snapshot, so a retry of the run, or any later run, recomputes exactly what is missing; tables already
published are recognised and left alone. A new model, a changed model, or a processed snapshot that has expired means
all periods. Periods whose rows have passed their retention stay as they are (docs/decisions/0014).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, assert_never

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from contracts import model, naming
from contracts.errors import ReconciliationFailed, RetryableError
from glue_jobs.tables import Tables
from glue_jobs.transforms import aggregation, figures, period_columns
from pipeline.run_documents import ConservedTotal, CuratedTable, CurateResult
from rows import periods
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


@dataclass(frozen=True, kw_only=True)
class CurationRun:
    """What a run works with. `after` holds the heads that raw_to_processed left on the branch, by table name."""

    spark: SparkSession
    contract: model.Contract
    run_id: str
    processed: Table
    quarantine: Table
    curated: dict[str, Table]
    tables: Tables
    after: dict[str, int]

    @property
    def branch(self) -> str:
        """Branch of this run."""
        return naming.branch(self.run_id)

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
            FINGERPRINT: _fingerprint(curated_model),
        }


def run(curating: CurationRun) -> CurateResult:
    """Recompute what changed, check it, publish all tables; what was done to each.

    Raises ReconciliationFailed when a curated total differs from the processed one; nothing is published then.
    """
    started = time.monotonic()
    source = _source(curating)
    models = [
        _recompute(curating, curated_model, source) for curated_model in curating.contract.curated
    ]
    for table in (curating.processed, curating.quarantine):
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


def _source(curating: CurationRun) -> DataFrame:
    """The processed rows to be published: the run's branch, or the table if an earlier attempt has published it."""
    heads = {
        name: curating.tables.head(curating.processed, name) for name in (curating.branch, None)
    }
    for branch, head in heads.items():
        if head == curating.source_snapshot:
            return curating.tables.read(curating.processed, draft=branch)
    raise RetryableError(
        f"{curating.processed.name}: snapshot {curating.source_snapshot} of run {curating.run_id} is neither the head "
        f"of branch {curating.branch!r} nor published (heads: {heads}); run the whole batch again"
    )


def _recompute(
    curating: CurationRun, curated_model: model.CuratedModel, source: DataFrame
) -> CuratedTable:
    table = curating.curated[curated_model.name]
    curating.tables.ensure(
        table, may_evolve=True
    )  # a changed model is computed from all rows again
    changed = _touched(curating, curated_model, source)
    touched = _retained(curating, curated_model, changed)
    kept = tuple(day for day in changed or [] if day not in (touched or []))
    if touched == []:
        return _as_published(curating, table, kept)
    rows, scope = _scope(curating, curated_model, source, touched)
    before = curating.tables.start_draft(table, curating.branch)
    computed = aggregation.of_model(rows, curating.contract.dataset, curated_model)
    memory = {**curating.memory(curated_model), RUN: curating.run_id, BEFORE: str(before or "")}
    curating.tables.replace(table, curating.branch, computed, scope, memory)
    committed = curating.tables.read(table, draft=curating.branch).where(scope)
    found = aggregation.comparison(committed, rows, curated_model).collect()[0].asDict()
    return CuratedTable(
        name=table.name,
        periods=tuple(found["periods"] if touched is None else touched),
        kept_periods=kept,
        rows=found["rows"],
        totals=_reconciled(curating, curated_model, found),
        snapshot=curating.tables.head(table, curating.branch),
        before=before,
    )


def _as_published(curating: CurationRun, table: Table, kept: tuple[date, ...]) -> CuratedTable:
    """A table that needs nothing: as it is, or as an earlier attempt of this run has published it."""
    memory, head = (
        curating.tables.last_properties(table, SOURCE_SNAPSHOT),
        curating.tables.head(table),
    )
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
    curating: CurationRun,
    curated_model: model.CuratedModel,
    source: DataFrame,
    touched: list[date] | None,
) -> tuple[DataFrame, Column]:
    """The processed rows to compute from, and which rows of the curated table the result replaces."""
    if touched is not None:
        within = period_columns.within(curated_model.source_date, touched, curated_model.period)
        return source.where(within), F.col(curated_model.period_column).isin(touched)
    if curating.retained_from is None:
        return source, F.lit(True)
    retained = [
        F.col(name) >= F.lit(first_retained(curating, curated_model))
        for name in (curated_model.source_date, curated_model.period_column)
    ]
    return source.where(retained[0]), retained[1]


def to_recompute(
    curating: CurationRun, curated_model: model.CuratedModel, source: DataFrame
) -> list[date] | None:
    """First days of the periods in which the curated table is behind `source`; None for all that are retained.

    The curated table must exist.
    """
    return _retained(curating, curated_model, _touched(curating, curated_model, source))


def _retained(
    curating: CurationRun, curated_model: model.CuratedModel, touched: list[date] | None
) -> list[date] | None:
    first = first_retained(curating, curated_model)
    return touched if touched is None or first is None else [day for day in touched if day >= first]


def first_retained(curating: CurationRun, curated_model: model.CuratedModel) -> date | None:
    """First day of the first period all of whose rows are retained; None when no row ever left."""
    day, unit = curating.retained_from, curated_model.period
    if day is None or periods.first_day(day, unit) == day:
        return day
    return periods.next_first_day(periods.first_day(day, unit), unit)


def _touched(
    curating: CurationRun, curated_model: model.CuratedModel, source: DataFrame
) -> list[date] | None:
    memory = curating.tables.last_properties(curating.curated[curated_model.name], SOURCE_SNAPSHOT)
    if memory.get(FINGERPRINT) != _fingerprint(curated_model):
        return None
    since, until = int(memory[SOURCE_SNAPSHOT]), curating.source_snapshot
    changed = curating.tables.changed_partitions(curating.processed, since, until)
    if not changed:
        return changed
    unit, contract = curated_model.period, curating.contract
    is_of_partition = curated_model.source_date == contract.partition_column
    if is_of_partition and _is_within_one_period(contract.partition_transform):
        return sorted({periods.first_day(day, unit) for day in changed})
    inside = period_columns.within(contract.partition_column, changed, contract.partition_transform)
    before = curating.tables.read(curating.processed, version=since)
    return _periods_of((source.where(inside), before.where(inside)), curated_model)


def _is_within_one_period(transform: model.PartitionTransform) -> bool:
    """Whether a partition lies within one period of every model: months are the shortest."""
    match transform:
        case "day" | "month":
            return True
        case "year":
            return False
        case _:
            assert_never(transform)


def _periods_of(frames: Iterable[DataFrame], curated_model: model.CuratedModel) -> list[date]:
    first = period_columns.first_day_column(F.col(curated_model.source_date), curated_model.period)
    return sorted({row[0] for frame in frames for row in frame.select(first).distinct().collect()})


def _reconciled(
    curating: CurationRun, curated_model: model.CuratedModel, found: dict[str, Any]
) -> dict[str, ConservedTotal]:
    """Totals of both sides; ReconciliationFailed unless they are equal."""
    totals, wrong = {}, []
    for name, source in curated_model.conserves:
        column = curating.contract.column(source)
        pair = {side: found[f"{side}_{name}"] or Decimal(0) for side in ("processed", "curated")}
        totals[name] = ConservedTotal(
            **{side: figures.money(amount, column) for side, amount in pair.items()}
        )
        if pair["processed"] != pair["curated"]:
            wrong.append(f"{name} {pair['curated']}, processed {source} {pair['processed']}")
    if wrong:
        raise ReconciliationFailed(
            f"{curated_model.name} differs from {curating.contract.dataset} in run {curating.run_id}: "
            f"{'; '.join(wrong)}; nothing was published; check the SQL of the model"
        )
    return totals


def _fingerprint(curated_model: model.CuratedModel) -> str:
    """What the content of a curated table depends on beside the processed rows."""
    columns = ",".join(f"{column.name}:{column.type}" for column in curated_model.columns)
    grouping = f"{curated_model.period}:{curated_model.period_column}:{curated_model.source_date}"
    return hashlib.sha256(f"{curated_model.sql}\n{columns}\n{grouping}".encode()).hexdigest()
