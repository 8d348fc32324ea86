"""Maintenance: rows past their retention leave, small files are joined, old snapshots and orphan files leave.

Processed rows leave by whole periods of every curated model, and the day up to which they left is written down first:
curated periods before it are never computed again, so aggregates do not shrink (docs/decisions/0014).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from contracts import model
from glue_jobs.maintenance.work import MaintenanceRun
from pipeline.run_documents import MaintenanceFindings
from rows import curation, periods
from rows.columns import RECEIVED_AT
from rows.tables import Table


def maintain(work: MaintenanceRun, found: MaintenanceFindings) -> list[str]:
    """Do what the contract's retention and maintenance say; sentences about it."""
    report = [
        *_retain_processed(work, found),
        *_retain_history(work, found),
        *_retain_quarantine(work, found),
    ]
    wanted = work.contract.maintenance
    for table in work.existing:
        work.upkeep.drop_drafts(
            table, published_only=True
        )  # they would keep snapshots from expiring
        work.upkeep.compact(table, wanted.target_file_mb)
    work.settle()
    for table in work.existing:
        work.upkeep.expire(
            table,
            work.now - timedelta(days=wanted.snapshot_days),
            wanted.least_snapshots,
        )
        orphans = work.upkeep.remove_orphans(table, work.now - timedelta(days=wanted.orphan_days))
        if orphans:
            report.append(f"{table.name}: {orphans} files that no snapshot knows were removed.")
    return report or [
        "No row was past its retention, and no file that no snapshot knows was found."
    ]


def leaving_before(contract: model.Contract, now: datetime) -> date | None:
    """Rows of earlier dates leave the processed table; None keeps all.

    It is the first day of the longest period, of the partitions and of all curated models, that is not wholly past the
    retention.
    """
    if contract.retention.processed_days is None:
        return None
    kept = now.date() - timedelta(days=contract.retention.processed_days)
    units: list[periods.Unit] = [
        contract.partition_transform,
        *(curated.period for curated in contract.curated),
    ]
    return periods.first_day(kept, max(units, key=lambda unit: periods.MONTHS[unit]))


def _retain_processed(work: MaintenanceRun, found: MaintenanceFindings) -> list[str]:
    table, first = (
        work.processed,
        leaving_before(work.contract, work.now),
    )
    if first is None or not work.tables.exists(table):
        return []
    behind = [
        curated_model.name
        for curated_model, standing, _ in work.standings()
        if standing == "behind"
    ]
    if behind:
        return [
            f"{table.name}: rows before {first} stay until {', '.join(behind)} has caught up with rows already "
            "published; the next run or a retry of the failed one does that."
        ]
    known = work.tables.properties(table).get(curation.RETAINED_FROM)
    if known is None or known < first.isoformat():
        work.upkeep.set_property(table, curation.RETAINED_FROM, first.isoformat())
    work.upkeep.delete(table, _before(work.contract, first))
    rows = _left(work, table, found)
    return (
        [f"{table.name}: {rows} rows before {first} left; curated periods before it stay."]
        if rows
        else []
    )


def _retain_history(work: MaintenanceRun, found: MaintenanceFindings) -> list[str]:
    """Versions leave with the rows of their dates, once these have left."""
    table = work.history
    if not work.tables.exists(table) or not work.tables.exists(work.processed):
        return []
    retained = work.tables.properties(work.processed).get(curation.RETAINED_FROM)
    if retained is None:
        return []
    work.upkeep.delete(table, _before(work.contract, date.fromisoformat(retained)))
    rows = _left(work, table, found)
    return [f"{table.name}: {rows} versions of rows before {retained} left."] if rows else []


def _before(contract: model.Contract, first: date) -> str:
    """A row leaves when all dates by which it is found or summed are past; in most contracts there is one."""
    names = dict.fromkeys(
        [contract.partition_column, *(curated.source_date for curated in contract.curated)]
    )
    return " AND ".join(f"`{name}` < DATE '{first}'" for name in names)


def _retain_quarantine(work: MaintenanceRun, found: MaintenanceFindings) -> list[str]:
    table, days = work.quarantine, work.contract.retention.quarantine_days
    if not work.tables.exists(table):
        return []
    first = work.now.date() - timedelta(days=days)  # whole days: the table is partitioned by them
    work.upkeep.delete(table, f"`{RECEIVED_AT}` < TIMESTAMP_NTZ '{first} 00:00:00'")
    rows = _left(work, table, found)
    return [f"{table.name}: {rows} records received before {first} left."] if rows else []


def _left(work: MaintenanceRun, table: Table, found: MaintenanceFindings) -> int:
    """Rows that left since the first attempt of this run began."""
    return found.tables[table.name].rows - work.upkeep.state(table).rows
