# ruff: noqa: S608 - the SQL is made of a validated contract and of literals that the dialect quotes
"""Columns that files of the run lack, or that rows of the table lacked: filled with what deliveries said of the key.

The queries are those of rows.keeping, which Spark runs too (glue_jobs/loading/keeping.py).
"""

from __future__ import annotations

from duckdb_jobs.loading.deduplication import FATE
from duckdb_jobs.loading.work import AMENDED, DUCKDB, FATED, KEPT, VALID, LoadRun
from rows.effects import REPLACING

CONCERNED, TAKEN_OFF, SAID, FILLED = (
    "concerned_rows",
    "taken_off_rows",
    "said_values",
    "filled_rows",
)


def fill(loading: LoadRun, held: str, published: int | None) -> None:
    """Fill the rows of VALID, and create AMENDED: rows of the table whose kept values are others now.

    `held` is the table that the batch is compared with, `published` the version that the run began with.
    """
    database, keeping = loading.database, loading.keeping(DUCKDB)
    database.execute(f"CREATE OR REPLACE TABLE {CONCERNED} AS {keeping.concerned(held, VALID)}")
    taken_off = loading.tables.read(
        loading.processed, version=published, where=loading.of_files if keeping.again else "false"
    )
    database.execute(f"CREATE OR REPLACE TABLE {TAKEN_OFF} AS SELECT * FROM {taken_off}")
    said = keeping.said(VALID, CONCERNED, TAKEN_OFF)
    database.execute(f"CREATE OR REPLACE TABLE {SAID} AS {said}")
    names = [name for name, *_ in database.execute(f"DESCRIBE {VALID}").fetchall()]
    database.execute(f"CREATE OR REPLACE TABLE {FILLED} AS {keeping.filled(VALID, SAID, names)}")
    database.execute(f"CREATE OR REPLACE VIEW {VALID} AS SELECT * FROM {FILLED}")
    columns = [column.name for column in loading.processed.columns]
    amended = keeping.amended(CONCERNED, SAID, columns)
    database.execute(f"CREATE OR REPLACE TABLE {AMENDED} AS {amended}")


def drop_replaced(loading: LoadRun) -> None:
    """Take the rows out of AMENDED that a newer one of the batch replaces, which has the values by itself."""
    keys = ", ".join(map(DUCKDB.name, loading.key))
    replaced = f"SELECT {keys} FROM {FATED} WHERE {FATE} = '{REPLACING}'"
    loading.database.execute(f"DELETE FROM {AMENDED} WHERE ({keys}) IN ({replaced})")


def with_amended(loading: LoadRun) -> str:
    """What is to be written: rows of the batch, and rows of the table in their own place."""
    names = ", ".join(DUCKDB.name(column.name) for column in loading.processed.columns)
    return f"(SELECT {names} FROM {KEPT} UNION ALL SELECT {names} FROM {AMENDED})"


def amended_dates(loading: LoadRun) -> str:
    """A query for the partition dates of AMENDED."""
    day = DUCKDB.name(loading.contract.partition_column)
    return f"SELECT CAST({day} AS date) FROM {AMENDED}"
