# ruff: noqa: S608 - the SQL is made of a validated contract and of literals that the dialect quotes
"""Every figure of a load where it was measured: on staged rows, against the table as it was, in tables as committed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from duckdb_jobs.loading.deduplication import FATE
from duckdb_jobs.loading.staging import sums
from duckdb_jobs.loading.work import DUCKDB, FATED, STAGED, VALID, LoadRun
from pipeline.modes import loads_again
from pipeline.run_documents import RefusedSample, RetractedRows, TableEffect, TouchedDates
from rows import effects
from rows.columns import PLACE, REASONS, RESOLVED_BY, RULE_IDS, SOURCE_ROW, SOURCE_SHA256
from rows.effects import FateCount
from rows.expressions.checks import ERASED
from rows.load_figures import SAMPLES_PER_RULE, ByFile, Figures, samples_of_file


def read(loading: LoadRun) -> ByFile:
    """The records of each file, as staged."""
    return _by_file(loading, STAGED)


def deduplicated(loading: LoadRun) -> ByFile:
    """The rows of each file that gave way to another with the same key."""
    fates = ", ".join(map(DUCKDB.text, effects.DROPPED))
    return _by_file(loading, f"{FATED} WHERE {FATE} IN ({fates})")


def loaded(loading: LoadRun) -> str:
    """The rows of the run's files on the processed branch as committed, as a relation."""
    return loading.tables.read(loading.processed, draft=loading.branch, where=loading.of_files)


def committed_rows(loading: LoadRun) -> ByFile:
    """The rows of each file in the processed table."""
    return _by_file(loading, loaded(loading))


def committed_refusals(loading: LoadRun) -> ByFile:
    """The records of each file in the quarantine table."""
    return _by_file(loading, _refused(loading))


def committed_history(loading: LoadRun) -> ByFile | None:
    """The rows of each file, as it was delivered this time, in the history; None where the contract wants none."""
    if not loading.contract.history:
        return None
    rows = loading.tables.read(loading.history, draft=loading.branch, where=loading.of_deliveries)
    return _by_file(loading, rows)


def erased(loading: LoadRun) -> dict[str, int]:
    """Records that were refused because their person was erased, by file; files without any are left out."""
    if not loading.manifest.erased_subjects:
        return {}
    theirs = f"{_refused(loading)} WHERE list_contains({RULE_IDS}, {DUCKDB.text(ERASED)})"
    return _counts(loading, theirs)


def samples(loading: LoadRun) -> dict[str, tuple[RefusedSample, ...]]:
    """By hash of the file: its first refused records, a few of each rule, as glue_jobs/loading/samples.py has them."""
    found = loading.database.execute(
        f"SELECT {SOURCE_SHA256}, {SOURCE_ROW}, rule, reason FROM ("
        f"SELECT {SOURCE_SHA256}, {SOURCE_ROW}, unnest({RULE_IDS}) AS rule, unnest({REASONS}) AS reason "
        f"FROM {_refused(loading)} WHERE {RESOLVED_BY} IS NULL) "
        f"QUALIFY row_number() OVER (PARTITION BY {SOURCE_SHA256}, rule ORDER BY {SOURCE_ROW}) "
        f"<= {SAMPLES_PER_RULE}"
    ).fetchall()
    by_file: dict[str, list[RefusedSample]] = {}
    for sha256, record, rule, reason in found:
        sample = RefusedSample(rule_id=rule, record=record, reason=reason)
        by_file.setdefault(sha256, []).append(sample)
    return {sha256: samples_of_file(of_file) for sha256, of_file in by_file.items()}


def last_days(loading: LoadRun) -> dict[str, date]:
    """By hash of the file: the last day of its valid rows."""
    day = f"CAST({DUCKDB.name(loading.contract.partition_column)} AS date)"
    return dict(
        loading.database.execute(
            f"SELECT {SOURCE_SHA256}, max({day}) FROM {VALID} GROUP BY {SOURCE_SHA256}"
        ).fetchall()
    )


def keeping(loading: LoadRun) -> dict[str, int]:
    """Rows in the table with a value of another delivery, by file; files without any are left out."""
    if not loading.kept_columns:
        return {}
    return _counts(loading, f"{loaded(loading)} AS f WHERE {loading.keeping(DUCKDB).is_keeping}")


def table_effects(
    loading: LoadRun, counts: Iterable[FateCount], before: int | None
) -> dict[str, TableEffect]:
    """What each file did to the processed table as it was at the version `before`."""
    valid = dict.fromkeys(loading.hashes, 0) | _counts(loading, VALID)
    return effects.by_file(valid, counts, _reloaded(loading, before))


def retracted(
    loading: LoadRun, before: Mapping[str, int | None], reopened: int
) -> RetractedRows | None:
    """What became of the file that this run retracts, counted in the tables as published and as committed."""
    for sha256 in loading.retracted:
        tables = loading.drafts
        own = f"{SOURCE_SHA256} = {DUCKDB.text(sha256)}"
        rows, refusals, *versions = (
            0
            if before[table.name] is None
            else _rows(loading, loading.tables.read(table, version=before[table.name], where=own))
            for table in tables
        )
        kept = loading.keeping(DUCKDB).said_by(sha256)
        conditions = {loading.processed.name: f"{own} OR {kept}"}
        left = (
            loading.tables.read(t, draft=loading.branch, where=conditions.get(t.name, own))
            for t in tables
        )
        return RetractedRows(
            sha256=sha256,
            rows_taken_out=rows,
            refusals_taken_out=refusals,
            versions_taken_out=versions[0] if versions else None,
            corrections_reopened=reopened,
            rows_left=sum(_rows(loading, each) for each in left),
        )
    return None


def touched_dates(loading: LoadRun) -> TouchedDates:
    """First and last day of the valid rows."""
    day = f"CAST({DUCKDB.name(loading.contract.partition_column)} AS date)"
    ((first, last),) = loading.database.execute(
        f"SELECT min({day}), max({day}) FROM {VALID}"
    ).fetchall()
    return TouchedDates(min=first, max=last)


def _reloaded(loading: LoadRun, before: int | None) -> dict[str, int]:
    """Rows by file that the run took off the branch and loaded anew."""
    if not loads_again(loading.manifest.mode) or before is None:
        return {}
    earlier = loading.tables.read(loading.processed, version=before, where=loading.of_files)
    again = f"{loaded(loading)} SEMI JOIN {earlier} AS earlier USING ({', '.join(PLACE)})"
    return _counts(loading, again)


def _refused(loading: LoadRun) -> str:
    return loading.tables.read(loading.quarantine, draft=loading.branch, where=loading.of_batch)


def _by_file(loading: LoadRun, relation: str) -> dict[str, Figures]:
    names = [column.name for column in loading.contract.control_columns]
    found = loading.database.execute(
        f"SELECT {SOURCE_SHA256}, {sums(loading)} FROM {relation} GROUP BY {SOURCE_SHA256}"
    ).fetchall()
    return {
        sha256: Figures(rows=rows, totals=dict(zip(names, totals, strict=True)))
        for sha256, rows, *totals in found
    }


def _rows(loading: LoadRun, relation: str) -> int:
    ((rows,),) = loading.database.execute(f"SELECT count(*) FROM {relation}").fetchall()
    return int(rows)


def _counts(loading: LoadRun, relation: str) -> dict[str, int]:
    return dict(
        loading.database.execute(
            f"SELECT {SOURCE_SHA256}, count(*) FROM {relation} GROUP BY {SOURCE_SHA256}"
        ).fetchall()
    )
