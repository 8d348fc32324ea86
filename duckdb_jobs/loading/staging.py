# ruff: noqa: S608 - the SQL is made of a validated contract and of literals that the dialect quotes
"""The one pass over the raw files: every record parsed, checked and protected (rows.expressions), with its origin."""

from __future__ import annotations

from collections.abc import Iterable

from duckdb_jobs import reading
from duckdb_jobs.loading.work import DUCKDB, ORIGINS, PADS, STAGED, LoadRun
from pipeline.run_documents import ManifestFile, Observed
from rows import layout, load_figures
from rows.columns import (
    CONTRACT_VERSION,
    RECEIVED_AT,
    RESOLVED_AT,
    RESOLVED_BY,
    RUN_ID,
    SOURCE_FILE,
    SOURCE_ROW,
    SOURCE_SHA256,
    origin_name,
)
from rows.dialect import INNER_PAD, OUTER_PAD
from rows.expressions import one_pass, protection
from rows.expressions.one_pass import OnePass
from rows.layout import Layout
from rows.load_figures import Figures

RECORDS = "raw_records"  # of the files of one layout


def stage(loading: LoadRun) -> Observed:
    """Create STAGED, and tell what was counted on the way: records, and money as it was parsed."""
    _create_pads(loading)
    _create_origins(loading)
    by_layout = layout.by_layout(loading.contract, loading.manifest.files, loading.header_change)
    counts = [
        _stage_layout(loading, shape, files, is_first=not number)
        for number, (shape, files) in enumerate(by_layout.items())
    ]
    return Observed(
        rows_read=sum(figures.rows for figures in counts),
        totals=load_figures.added(loading.contract, counts),
    )


def sums(loading: LoadRun) -> str:
    """Rows and the exact sum of each money column, as a list of SQL; a value that did not parse counts as zero."""
    columns = (DUCKDB.name(column.name) for column in loading.contract.control_columns)
    return ", ".join(["count(*)", *(f"coalesce(sum({column}), 0)" for column in columns)])


def _stage_layout(
    loading: LoadRun, shape: Layout, files: Iterable[ManifestFile], *, is_first: bool
) -> Figures:
    """Add the rows of files of one layout to STAGED; their number and sums, counted on the records as read."""
    database, contract = loading.database, loading.contract
    delimiter = contract.intake.delimiter
    reading.create_records(
        database, RECORDS, files, loading.content, shape, delimiter, loading.folder
    )
    records = OnePass(
        dialect=DUCKDB,
        contract=contract,
        layout=shape,
        erased=loading.manifest.erased_subjects,
    )
    counted = f"SELECT {sums(loading)} FROM ({one_pass.parsing_query(records, RECORDS)})"
    ((read, *totals),) = database.execute(counted).fetchall()
    pads = PADS if loading.pii_key else None
    checked = one_pass.query(records, RECORDS, (SOURCE_SHA256, SOURCE_ROW), pads)
    rows = _with_origin(loading, checked)
    into = f"CREATE OR REPLACE TABLE {STAGED} AS" if is_first else f"INSERT INTO {STAGED} BY NAME"
    database.execute(f"{into} {rows}")
    database.execute(f"DROP TABLE {RECORDS}")
    names = (column.name for column in contract.control_columns)
    return Figures(rows=read, totals=dict(zip(names, totals, strict=True)))


def _with_origin(loading: LoadRun, checked: str) -> str:
    """A query for checked rows with the columns that say where they came from."""
    manifest, contract = loading.manifest, loading.contract
    keeping = loading.keeping(DUCKDB)
    origins = "".join(
        f"{keeping.staged(loading.without(name))} AS {DUCKDB.name(origin_name(name))}, "
        for name in loading.kept_columns
    )
    return (
        f"SELECT checked.*, {origins}{ORIGINS}.{SOURCE_FILE}, {ORIGINS}.{RECEIVED_AT}, "
        f"{DUCKDB.text(manifest.run_id)} AS {RUN_ID}, "
        f"{DUCKDB.text(contract.version)} AS {CONTRACT_VERSION}, "
        f"CAST(NULL AS varchar) AS {RESOLVED_BY}, CAST(NULL AS timestamp) AS {RESOLVED_AT} "
        f"FROM ({checked}) AS checked JOIN {ORIGINS} USING ({SOURCE_SHA256})"
    )


def _create_origins(loading: LoadRun) -> None:
    columns = f"{SOURCE_SHA256} varchar, {SOURCE_FILE} varchar, {RECEIVED_AT} timestamp"
    loading.database.execute(f"CREATE OR REPLACE TABLE {ORIGINS} ({columns})")
    files = [(file.sha256, file.file_name, file.received_at) for file in loading.manifest.files]
    if files:
        loading.database.executemany(f"INSERT INTO {ORIGINS} VALUES (?, ?, ?)", files)


def _create_pads(loading: LoadRun) -> None:
    if loading.pii_key is None:
        return
    columns = f"{INNER_PAD} blob, {OUTER_PAD} blob"
    loading.database.execute(f"CREATE OR REPLACE TABLE {PADS} ({columns})")
    pads = list(protection.pads(loading.pii_key))
    loading.database.execute(f"INSERT INTO {PADS} VALUES (?, ?)", pads)
