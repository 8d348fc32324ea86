# ruff: noqa: S608 - the SQL is made of a validated contract and of literals that the dialect quotes
"""What becomes of each valid row: the newest with a key wins, in the batch and against the table.

Most rows are new, so the others are looked for: keys that occur twice or in the table. The same fates as
glue_jobs/transforms/deduplication.py has.
"""

from __future__ import annotations

from duckdb_jobs.loading.work import DUCKDB, FATED, VALID, LoadRun
from rows.columns import ORDER, PLACE

FATE, HELD_DATE = "_fate", "_held_date"
HELD = "held_rows"
SUPERSEDED = "superseded"  # a newer row with the same key exists
UNCHANGED = "unchanged"  # the table holds this very row: an earlier attempt loaded it
REPLACING = "replacing"  # the table holds an older row with the same key


def create_fated(loading: LoadRun, held: str) -> None:
    """Create FATED: the rows of VALID that are not simply new, with money, FATE and HELD_DATE.

    `held` is the table before the run, and HELD_DATE the date of the row that it held.
    """
    keys = _keys(loading)
    loading.database.execute(
        f"CREATE OR REPLACE TABLE {HELD} AS SELECT {keys}, {_order()} AS _held_order, "
        f"CAST({DUCKDB.name(loading.contract.partition_column)} AS date) AS {HELD_DATE} "
        f"FROM {held} AS h SEMI JOIN {VALID} USING ({keys})"
    )
    loading.database.execute(f"CREATE OR REPLACE TABLE {FATED} AS {_fated(loading)}")
    loading.database.execute(f"DROP TABLE {HELD}")


def _fated(loading: LoadRun) -> str:
    keys = _keys(loading)
    money = [column.name for column in loading.contract.control_columns]
    kept = ", ".join(map(DUCKDB.name, dict.fromkeys([*loading.key, *ORDER, *money])))
    return f"""
        WITH suspects AS (
            SELECT {keys} FROM {VALID} GROUP BY ALL HAVING count(*) > 1
            UNION SELECT {keys} FROM {HELD}
        ),
        batch AS (
            SELECT {kept}, {_order()} AS _order FROM {VALID} SEMI JOIN suspects USING ({keys})
        ),
        compared AS (
            SELECT *, max(_order) OVER (PARTITION BY {keys}) AS _newest
            FROM batch LEFT JOIN {HELD} USING ({keys})
        ),
        judged AS (SELECT *, {_fate()} AS {FATE} FROM compared)
        SELECT {kept}, {FATE}, {HELD_DATE} FROM judged WHERE {FATE} IS NOT NULL"""


def _fate() -> str:
    return (
        f"CASE WHEN _order < _newest OR coalesce(_order < _held_order, false) THEN '{SUPERSEDED}' "
        f"WHEN _order = _held_order THEN '{UNCHANGED}' "
        f"WHEN _held_order IS NOT NULL THEN '{REPLACING}' END"
    )


def without(relation: str, dropped: str) -> str:
    """A query for the rows of a relation that are not among `dropped`."""
    return f"SELECT * FROM {relation} ANTI JOIN {dropped} USING ({', '.join(PLACE)})"


def _order() -> str:
    """What decides which of two rows with the same key is newer."""
    return "{" + ", ".join(f"'{name}': {name}" for name in ORDER) + "}"


def _keys(loading: LoadRun) -> str:
    return ", ".join(map(DUCKDB.name, loading.key))
