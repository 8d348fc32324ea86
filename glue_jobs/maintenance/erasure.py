"""Erasure: the rows of one data subject leave all tables, and nothing that could bring them back is kept.

Rows leave on branches and curated tables are computed from what remains, with the same code and the same checks as in a
run; then everything is published. Only then snapshots, files that nobody knows, and staged rows go: an attempt that is
killed has at worst not yet erased, and says so by failing.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from pyspark.sql import functions as F

from contracts.errors import PermanentError
from glue_jobs.maintenance import staged
from glue_jobs.maintenance.work import MaintenanceRun
from pipeline.run_documents import ErasureFindings, OriginFile
from rows import curation, protection_history
from rows.columns import CONTRACT_VERSION, RECEIVED_AT, SOURCE_FILE, SOURCE_SHA256, SUBJECT
from rows.tables import Table

TOKEN = re.compile("[0-9a-f]{64}")  # contracts.personal_data.token
UNNAMED = OriginFile(
    file_name=None, received_at=None, rows=0
)  # read by a run; newer rows have replaced its rows


def found(work: MaintenanceRun) -> ErasureFindings:
    """Rows of the subject by table, the raw files that they came from, and the number of runs with staged rows.

    Raises PermanentError as `erase` does.
    """
    places = _places(work)
    _require_one_form(work, places)
    rows = {
        table.name: work.tables.read(table).where(_mention(work, table)).count()
        for table in work.derived
    }
    files: dict[str, OriginFile] = {}
    for table, condition in places:
        origin = (SOURCE_SHA256, SOURCE_FILE, RECEIVED_AT)
        grouped = work.tables.read(table).where(condition).groupBy(*origin).count().collect()
        rows[table.name] = sum(row["count"] for row in grouped)
        for row in grouped:
            known = files.get(row[SOURCE_SHA256])
            if table is work.history and known:
                continue  # the same rows again, and those of them that newer ones replaced
            files[row[SOURCE_SHA256]] = OriginFile(
                file_name=row[SOURCE_FILE],
                received_at=row[RECEIVED_AT],
                rows=(known or UNNAMED).rows + row["count"],
            )
    for sha256 in staged.sources(
        work.spark,
        work.runs_uri,
        _column(work),
        _token(work),
    ):
        files.setdefault(sha256, UNNAMED)
    return ErasureFindings(
        tables=work.measured(),
        rows=rows,
        files=dict(sorted(files.items())),
        staged_runs=staged.count(work.spark, work.runs_uri),
    )


def erase(work: MaintenanceRun, found: ErasureFindings) -> list[str]:
    """Erase the subject of the request; the report.

    Raises PermanentError when the dataset knows no data subjects, the token is none, or rows hold no tokens.
    """
    places = _places(work)
    _require_one_form(work, places)
    for table in work.with_rows:
        work.upkeep.drop_drafts(table)
    if work.tables.exists(work.processed) and work.tables.exists(work.quarantine):
        _publish_without(work, places)
    for table in work.derived:
        # Of periods that are no longer computed; and of forecasts, which are made anew after this job.
        work.upkeep.delete(table, _mention(work, table))
    work.settle()
    for table in work.with_rows:
        work.upkeep.expire_all_but_published(table)
        work.upkeep.remove_orphans(table, datetime.now(UTC))
    staged.remove(work.spark, work.runs_uri)
    return [*_left(found), *_gone(work, found), *_untouched(work, found)]


def _column(work: MaintenanceRun) -> str:
    column = work.contract.subject_column
    if column is None:
        raise PermanentError(
            f"erasure {work.run_id}: the contract of {work.contract.dataset!r} marks no column with dataSubject: "
            "true, so nobody's rows can be found; nothing was changed; mark it, then backfill, then erase"
        )
    return column.name


def _token(work: MaintenanceRun) -> str:
    token = work.request.subject
    if not TOKEN.fullmatch(token):
        raise PermanentError(
            f"erasure {work.run_id}: subject {token!r} is not a token of 64 lower-case hex digits; nothing was "
            "changed; start it with `slipway erase`, which makes the token from the value"
        )
    return token


def _places(work: MaintenanceRun) -> list[tuple[Table, str]]:
    """The tables with rows of persons, and the condition under which a row is the subject's."""
    columns = (
        (work.processed, _column(work)),
        (work.quarantine, SUBJECT),
        (work.history, _column(work)),
    )
    return [
        (table, f"`{name}` = '{_token(work)}'")
        for table, name in columns
        if work.tables.exists(table)
    ]


def _require_one_form(work: MaintenanceRun, places: list[tuple[Table, str]]) -> None:
    """Raises PermanentError when rows of a contract that named the subject otherwise would not be found."""
    for table, _condition in places:
        versions = protection_history.with_subject(work.contract, work.tables.properties(table))
        others = work.tables.read(table).where(~F.col(CONTRACT_VERSION).isin(*versions))
        counts = {
            row[0]: row[1]
            for row in others.groupBy(CONTRACT_VERSION).count().orderBy(CONTRACT_VERSION).collect()
        }
        if counts:
            found = ", ".join(f"{rows} of version {version}" for version, rows in counts.items())
            raise PermanentError(
                f"erasure {work.run_id}: {table.name} holds rows of contracts that did not keep a token of "
                f"{_column(work)} ({found}), in which the subject could not be found; nothing was changed; "
                f"`slipway backfill --dataset {work.contract.dataset}` loads them again, then erase"
            )


def _publish_without(work: MaintenanceRun, places: list[tuple[Table, str]]) -> None:
    after: dict[str, int] = {}
    for table, condition in places:
        work.tables.start_draft(table, work.branch)
        if work.tables.read(table, draft=work.branch).where(condition).take(1):
            work.tables.delete(table, work.branch, condition)
        head = work.tables.head(table, work.branch)
        if head is not None:
            after[table.name] = head
    if len(after) == len(places):
        curation.run(work.against(after))


def _mention(work: MaintenanceRun, table: Table) -> str:
    """Rows of a curated table that name the subject, as a model by person does."""
    names = [column.name for column in table.columns if column.type == "string"]
    return " OR ".join(f"`{name}` = '{_token(work)}'" for name in names) or "FALSE"


def _left(found: ErasureFindings) -> list[str]:
    rows = sorted((name, count) for name, count in found.rows.items())
    return [
        *(f"{name}: {count} rows of the subject left." for name, count in rows),
        "Curated tables were computed again for the periods of these rows.",
    ]


def _gone(work: MaintenanceRun, found: ErasureFindings) -> list[str]:
    tables = ", ".join(table.name for table in work.with_rows)
    return [
        f"All earlier snapshots of {tables} were removed with their files: no rollback reaches behind this.",
        f"Staged rows of {found.staged_runs} earlier runs were removed.",
        "Removed objects remain as noncurrent versions until the bucket's lifecycle ends them "
        "(retention.noncurrent_days of the environment's settings).",
    ]


def _untouched(work: MaintenanceRun, found: ErasureFindings) -> list[str]:
    days = work.contract.retention.raw_days
    sentences = [_raw_file(sha256, file, days) for sha256, file in found.files.items()]
    return [
        *sentences,
        "A raw file whose rows of the subject were all replaced, by a run whose folder is no longer kept, is not named "
        f"here; every raw file leaves {days} days after its arrival, unless the environment's settings say otherwise.",
        "A record of the subject is refused when a file is loaded again (rule subject.erased).",
    ]


def _raw_file(sha256: str, file: OriginFile, days: int) -> str:
    if file.received_at is None:
        return f"Not touched: raw file {sha256} holds replaced rows of the subject; it leaves by retention."
    leaves = file.received_at.date() + timedelta(days=days)
    return (
        f"Not touched: raw file {file.file_name!r} ({sha256}) holds {file.rows} of these rows; it leaves by "
        f"retention on {leaves}."
    )
