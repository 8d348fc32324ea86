# ruff: noqa: S608 - the SQL is made of a validated contract and of literals that the dialect quotes
"""What a run writes on its branches: refused records, corrections, and the rows that are new.

The same in every mode as glue_jobs/loading/writes.py does: a backfill or retraction takes the rows of its files off the
branch and loads them anew, but for a retracted file; in a replay the rows in the table stay and all others are judged
anew. In all, a refused record that a corrected one has replaced stays refused, or both would be loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from duckdb_jobs.loading import deduplication, keeping
from duckdb_jobs.loading.deduplication import FATE, HAS_SAME_VALUES, HELD_DATE, HELD_FILE
from duckdb_jobs.loading.work import (
    AMENDED,
    DUCKDB,
    FATED,
    IS_JUDGED,
    JUDGED,
    KEPT,
    REFUSED,
    STAGED,
    VALID,
    LoadRun,
)
from pipeline.modes import loads_again
from rows import periods
from rows.columns import (
    ORDER,
    ORIGIN_ROW,
    PLACE,
    RAW_TEXT,
    REASONS,
    RECEIVED_AT,
    RESOLVED_AT,
    RESOLVED_BY,
    RULE_IDS,
    SOURCE_ROW,
    SOURCE_SHA256,
    STAGED_RAW_TEXT,
    STAGED_REASONS,
    STAGED_RULE_IDS,
    SUBJECT,
    WARNINGS,
)
from rows.effects import REPLACING, FateCount

Heads = Mapping[str, int | None]
PUBLISHED = {STAGED_RULE_IDS: RULE_IDS, STAGED_REASONS: REASONS, STAGED_RAW_TEXT: RAW_TEXT}
CORRECTIONS, REPLAYS, REOPENED = "corrections", "replayed_files", "reopened_records"


def judge(loading: LoadRun, before: Heads) -> None:
    """Create JUDGED: the rows with the verdicts that hold in this mode; rows that stay as they are, are not judged."""
    rows = f"SELECT *, true AS {IS_JUDGED} FROM {STAGED}"
    if loading.manifest.mode != "load" and before[loading.quarantine.name] is not None:
        rows = _still_resolved(loading, rows)
    loading.database.execute(f"CREATE OR REPLACE TABLE {JUDGED} AS {rows}")
    if loading.manifest.mode == "replay" and before[loading.processed.name] is not None:
        _let_stand(loading)
    loading.database.execute(
        f"CREATE OR REPLACE VIEW {VALID} AS SELECT * FROM {JUDGED} WHERE {STAGED_RULE_IDS} IS NULL"
    )


def quarantine(loading: LoadRun, before: int | None) -> None:
    """Put the refused records of the files in place of those that the table holds of them."""
    if before is not None:  # an earlier attempt, or another run with these files
        loading.tables.delete(loading.quarantine, loading.branch, loading.of_batch)
    subject = loading.contract.subject_column
    person = DUCKDB.name(subject.name) if subject else "CAST(NULL AS varchar)"
    renamed = ", ".join(f"{ours} AS {name}" for ours, name in PUBLISHED.items())
    loading.database.execute(
        f"CREATE OR REPLACE TABLE {REFUSED} AS SELECT * RENAME ({renamed}), {person} AS {SUBJECT} "
        f"FROM {JUDGED} WHERE {STAGED_RULE_IDS} IS NOT NULL"
    )
    if count(loading, REFUSED):
        loading.tables.append(loading.quarantine, loading.branch, REFUSED)


def history(loading: LoadRun, before: Mapping[str, int | None]) -> None:
    """Put the valid records of the files in place of those that the history holds of these deliveries."""
    if not loading.writes_history:
        return
    table, again = loading.history, loads_again(loading.manifest.mode)
    held = before[table.name]
    if held is not None:
        own = loading.of_files if again else loading.of_deliveries
        loading.tables.delete(table, loading.branch, own)
    if not loading.contract.history or not count(loading, VALID):
        return
    queries = loading.histories(DUCKDB)
    rows = queries.delivered(VALID)
    if again and held is not None:
        earlier = loading.tables.read(table, version=held, where=loading.of_files)
        rows = queries.delivered_again(VALID, earlier)
    loading.tables.append(table, loading.branch, f"({rows})")


def reopen(loading: LoadRun, before: int | None) -> int:
    """Open the records again that a retracted file had corrected; how many.

    Those of files that are loaded anew are judged anew instead.
    """
    if before is None or not loading.retracted:
        return 0
    by_it = f"{_by_retracted(loading)} AND NOT {loading.of_files}"
    corrected = loading.tables.read(loading.quarantine, version=before, where=by_it)
    open_again = f"CAST(NULL AS varchar) AS {RESOLVED_BY}, CAST(NULL AS timestamp) AS {RESOLVED_AT}"
    loading.database.execute(
        f"CREATE OR REPLACE TABLE {REOPENED} AS SELECT * REPLACE ({open_again}) FROM {corrected}"
    )
    if reopened := count(loading, REOPENED):
        loading.tables.delete(loading.quarantine, loading.branch, by_it)
        loading.tables.append(loading.quarantine, loading.branch, REOPENED)
    return reopened


def resolve(loading: LoadRun) -> int:
    """Mark the records that files of this run correct; how many records these files have resolved, with earlier runs.

    A record keeps the first file that corrected it.
    """
    replays = loading.manifest.replays
    if not replays:
        return 0
    _create_corrections(loading, replays)
    origins = ", ".join(map(DUCKDB.text, sorted(set(replays.values()))))
    loading.tables.update(
        loading.quarantine,
        loading.branch,
        CORRECTIONS,
        on=(
            f"t.{SOURCE_SHA256} = s.origin AND t.{SOURCE_ROW} = s.origin_row "
            f"AND t.{SOURCE_SHA256} IN ({origins})"
        ),
        when=f"t.{RESOLVED_BY} IS NULL",
        values={
            RESOLVED_BY: "s.replay",
            RESOLVED_AT: f"TIMESTAMP '{loading.manifest.started_at}'",
        },
    )
    by_these = f"{RESOLVED_BY} IN ({', '.join(map(DUCKDB.text, sorted(replays)))})"
    return count(
        loading, loading.tables.read(loading.quarantine, draft=loading.branch, where=by_these)
    )


def clear(loading: LoadRun, before: Heads) -> int | None:
    """Take the files' rows off the processed branch where they are loaded anew; the version that these are compared
    with.
    """
    head = before[loading.processed.name]
    if not loads_again(loading.manifest.mode) or head is None:
        return head
    loading.tables.delete(loading.processed, loading.branch, loading.of_files)
    return loading.tables.head(loading.processed, loading.branch)


def merge(loading: LoadRun, compared: int | None, published: int | None) -> list[FateCount]:
    """Write what is new to the processed branch; what became of the valid rows that were not simply new.

    `compared` is the version that the rows are compared with, `published` the one that the run began with. A row with
    the values that the table holds is written like any other: from then on it is of the newer delivery.
    """
    if loading.kept_columns:
        keeping.fill(loading, _concerned(loading, compared), published)
    counts = _fates(loading, compared)
    is_replacing = any(found.fate == REPLACING for found in counts)
    if is_replacing and loading.kept_columns:
        keeping.drop_replaced(loading)
    is_amending = amended(loading) > 0
    if is_replacing or is_amending:
        on, newer = _match(loading, is_replacing=is_replacing, is_amending=is_amending)
        rows = keeping.with_amended(loading) if is_amending else KEPT
        loading.tables.merge(loading.processed, loading.branch, rows, on=on, newer=newer)
    elif count(loading, KEPT):
        loading.tables.append(loading.processed, loading.branch, KEPT)
    return counts


def _fates(loading: LoadRun, compared: int | None) -> list[FateCount]:
    """Create FATED and KEPT: what becomes of the valid rows, and those that are to be written."""
    if not count(loading, VALID):
        _create_no_fates(loading)
        loading.database.execute(f"CREATE OR REPLACE TABLE {KEPT} AS SELECT * FROM {VALID}")
        return []
    held = loading.tables.read(loading.processed, version=compared, where=_of_same_keys(loading))
    deduplication.create_fated(loading, held)
    dropped = f"(SELECT * FROM {FATED} WHERE {FATE} <> '{REPLACING}')"
    loading.database.execute(
        f"CREATE OR REPLACE TABLE {KEPT} AS {deduplication.without(VALID, dropped)}"
    )
    return _fate_counts(loading)


def amended(loading: LoadRun) -> int:
    """Rows that stay in the table and have another value now in a column that their file lacks."""
    return count(loading, AMENDED) if loading.kept_columns else 0


def count(loading: LoadRun, relation: str) -> int:
    """Rows of a relation."""
    ((rows,),) = loading.database.execute(f"SELECT count(*) FROM {relation}").fetchall()
    return int(rows)


def _by_retracted(loading: LoadRun) -> str:
    """The condition that a refused record was corrected by a file that this run retracts."""
    hashes = ", ".join(map(DUCKDB.text, loading.retracted))
    return f"coalesce({RESOLVED_BY} IN ({hashes}), false)" if hashes else "false"


def _still_resolved(loading: LoadRun, rows: str) -> str:
    """Rows, but with the published verdicts of records that corrected ones have replaced.

    They stay refused whatever the contract says now, or record and correction would both be loaded.
    """
    standing = f"{RESOLVED_BY} IS NOT NULL AND NOT {_by_retracted(loading)}"
    resolved = loading.tables.read(loading.quarantine, where=f"{loading.of_batch} AND {standing}")
    is_resolved = f"q.{RESOLVED_BY} IS NOT NULL"
    verdict = [
        f"CASE WHEN {is_resolved} THEN q.{theirs} ELSE j.{ours} END AS {ours}"
        for ours, theirs in PUBLISHED.items()
    ]
    others = (
        f"CASE WHEN NOT ({is_resolved}) THEN j.{WARNINGS} END AS {WARNINGS}",
        f"q.{RESOLVED_BY} AS {RESOLVED_BY}",
        f"q.{RESOLVED_AT} AS {RESOLVED_AT}",
    )
    return (
        f"SELECT j.* REPLACE ({', '.join([*verdict, *others])}) FROM ({rows}) AS j "
        f"LEFT JOIN {resolved} AS q USING ({', '.join(PLACE)})"
    )


def _let_stand(loading: LoadRun) -> None:
    """Put the rows that the table holds in place of those of JUDGED: a replay does not judge them again."""
    held, database = "standing_rows", loading.database
    published = loading.tables.read(loading.processed, where=loading.of_files)
    database.execute(f"CREATE OR REPLACE TABLE {held} AS SELECT * FROM {published}")
    place = ", ".join(PLACE)
    database.execute(f"DELETE FROM {JUDGED} WHERE ({place}) IN (SELECT ({place}) FROM {held})")
    database.execute(f"INSERT INTO {JUDGED} BY NAME SELECT *, false AS {IS_JUDGED} FROM {held}")
    database.execute(f"DROP TABLE {held}")


def _create_corrections(loading: LoadRun, replays: Mapping[str, str]) -> None:
    """Create CORRECTIONS: per corrected record, the hash of the newest file that corrects it."""
    database = loading.database
    database.execute(f"CREATE OR REPLACE TABLE {REPLAYS} (replay varchar, origin varchar)")
    database.executemany(f"INSERT INTO {REPLAYS} VALUES (?, ?)", list(replays.items()))
    newest = f"arg_max({SOURCE_SHA256}, ROW({RECEIVED_AT}, {SOURCE_SHA256}))"
    database.execute(
        f"CREATE OR REPLACE TABLE {CORRECTIONS} AS "
        f"SELECT origin, {ORIGIN_ROW} AS origin_row, {newest} AS replay "
        f"FROM {JUDGED} JOIN {REPLAYS} ON replay = {SOURCE_SHA256} "
        f"WHERE {ORIGIN_ROW} IS NOT NULL GROUP BY ALL"
    )


def _concerned(loading: LoadRun, compared: int | None) -> str:
    """Rows of the table that can share a key with the batch, or that keep a value of a file that is read anew."""
    where = _of_same_keys(loading) if count(loading, VALID) else "false"
    kept = loading.keeping(DUCKDB).from_again()
    return loading.tables.read(loading.processed, version=compared, where=f"({where}) OR ({kept})")


def _of_same_keys(loading: LoadRun) -> str:
    """The condition that a row of the table can share a key with the batch; file statistics skip the others."""
    if not loading.contract.key:
        return loading.of_files
    first = loading.contract.column(loading.contract.key[0])
    name = DUCKDB.name(first.name)
    (ends,) = loading.database.execute(f"SELECT min({name}), max({name}) FROM {VALID}").fetchall()
    kind = DUCKDB.type(first.stored_type or "string")
    # A plain number, by which files are skipped; any other value as text, which is cast.
    bounds = [
        str(end) if isinstance(end, int) else f"CAST({DUCKDB.text(str(end))} AS {kind})"
        for end in ends
    ]
    return f"{name} BETWEEN {' AND '.join(bounds)}"


def _fate_counts(loading: LoadRun) -> list[FateCount]:
    columns = f"{SOURCE_SHA256}, {FATE}, {HAS_SAME_VALUES}, {HELD_FILE}"
    found = loading.database.execute(
        f"SELECT {columns}, count(*) FROM {FATED} GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return [
        FateCount(sha256=sha256, fate=fate, rows=rows, has_same_values=same, held_sha256=held)
        for sha256, fate, same, held, rows in found
    ]


def _create_no_fates(loading: LoadRun) -> None:
    money = [DUCKDB.name(column.name) for column in loading.contract.control_columns]
    columns = ", ".join([SOURCE_SHA256, *money])
    loading.database.execute(
        f"CREATE OR REPLACE TABLE {FATED} AS "
        f"SELECT {columns}, CAST(NULL AS varchar) AS {FATE} FROM {VALID} WHERE false"
    )


def _match(loading: LoadRun, *, is_replacing: bool, is_amending: bool) -> tuple[str, str]:
    """Conditions of the merge: same key, within the partitions where rows change; and newer, or the row itself."""
    contract = loading.contract
    changed = []
    if is_replacing:
        changed.append(f"SELECT {HELD_DATE} FROM {FATED} WHERE {FATE} = '{REPLACING}'")
    if is_amending:
        changed.append(keeping.amended_dates(loading))
    found = loading.database.execute(" UNION ".join(changed)).fetchall()
    days: list[date] = [periods.first_day(day, contract.partition_transform) for (day,) in found]
    same = [f"t.{DUCKDB.name(name)} = s.{DUCKDB.name(name)}" for name in loading.key]
    column = f"t.{DUCKDB.name(contract.partition_column)}"
    within = periods.within_sql(column, days, contract.partition_transform)
    mine, theirs = (", ".join(f"{side}.{name}" for name in ORDER) for side in "st")
    newer = ">=" if is_amending else ">"
    return f"{' AND '.join(same)} AND {within}", f"ROW({mine}) {newer} ROW({theirs})"
