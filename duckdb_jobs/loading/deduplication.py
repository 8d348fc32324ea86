# ruff: noqa: S608 - the SQL is made of a validated contract and of literals that the dialect quotes
"""What becomes of each valid row: the newest with a key wins, in the batch and against the table.

Most rows are new, so the others are looked for: keys that occur twice or in the table. The same fates as
glue_jobs/transforms/deduplication.py has; values are compared themselves, since rows of a small batch fit.
"""

from __future__ import annotations

from duckdb_jobs.loading.work import DUCKDB, FATED, VALID, LoadRun
from rows.columns import ORDER, PLACE, SOURCE_SHA256
from rows.effects import KEPT, OUTDATED, REPEATED, REPLACING

FATE, HELD_DATE, HELD_FILE = "_fate", "_held_date", "_held_file"
HAS_SAME_VALUES = "_has_same_values"
HELD = "held_rows"


def create_fated(loading: LoadRun, held: str) -> None:
    """Create FATED: the rows of VALID that are not simply new, with money, FATE and what the table held before.

    `held` is the table before the run. HAS_SAME_VALUES is null for fates about which values say nothing.
    """
    keys = _keys(loading)
    loading.database.execute(
        f"CREATE OR REPLACE TABLE {HELD} AS SELECT {keys}, {_order()} AS _held_order, "
        f"{_values(loading)} AS _held_values, "
        f"CAST({DUCKDB.name(loading.contract.partition_column)} AS date) AS {HELD_DATE} "
        f"FROM {held} AS h SEMI JOIN {VALID} USING ({keys})"
    )
    loading.database.execute(f"CREATE OR REPLACE TABLE {FATED} AS {_fated(loading)}")
    loading.database.execute(f"DROP TABLE {HELD}")


def _fated(loading: LoadRun) -> str:
    keys, of_file = _keys(loading), _keys(loading, SOURCE_SHA256)
    money = [column.name for column in loading.contract.control_columns]
    kept = ", ".join(map(DUCKDB.name, dict.fromkeys([*loading.key, *ORDER, *money])))
    return f"""
        WITH suspects AS (
            SELECT {keys} FROM {VALID} GROUP BY ALL HAVING count(*) > 1
            UNION SELECT {keys} FROM {HELD}
        ),
        batch AS (
            SELECT {kept}, {_order()} AS _order, {_values(loading)} AS _values
            FROM {VALID} SEMI JOIN suspects USING ({keys})
        ),
        compared AS (
            SELECT *, max(_order) OVER (PARTITION BY {keys}) AS _newest,
                max(_order) OVER (PARTITION BY {of_file}) AS _own_newest,
                arg_max(_values, _order) OVER (PARTITION BY {of_file}) AS _last
            FROM batch LEFT JOIN {HELD} USING ({keys})
        ),
        judged AS (SELECT *, {_fate()} AS {FATE} FROM compared)
        SELECT {kept}, {FATE}, {HELD_DATE},
            CASE WHEN {FATE} = '{REPLACING}' THEN _held_order.{SOURCE_SHA256} END AS {HELD_FILE},
            CASE {FATE} WHEN '{REPEATED}' THEN _values IS NOT DISTINCT FROM _last
                WHEN '{REPLACING}' THEN _values IS NOT DISTINCT FROM _held_values END AS {HAS_SAME_VALUES}
        FROM judged WHERE {FATE} IS NOT NULL"""


def _fate() -> str:
    return (
        f"CASE WHEN _order < _own_newest THEN '{REPEATED}' "
        f"WHEN _order < _newest OR coalesce(_order < _held_order, false) THEN '{OUTDATED}' "
        f"WHEN _order = _held_order THEN '{KEPT}' "
        f"WHEN _held_order IS NOT NULL THEN '{REPLACING}' END"
    )


def without(relation: str, dropped: str) -> str:
    """A query for the rows of a relation that are not among `dropped`."""
    return f"SELECT * FROM {relation} ANTI JOIN {dropped} USING ({', '.join(PLACE)})"


def _order() -> str:
    """What decides which of two rows with the same key is newer."""
    return "{" + ", ".join(f"'{name}': {name}" for name in ORDER) + "}"


def _values(loading: LoadRun) -> str:
    """What a partner said in a row, as one value."""
    names = (column.name for column in loading.columns_of_contract)
    return "{" + ", ".join(f"{DUCKDB.text(name)}: {DUCKDB.name(name)}" for name in names) + "}"


def _keys(loading: LoadRun, *more: str) -> str:
    return ", ".join(map(DUCKDB.name, dict.fromkeys([*loading.key, *more])))
