"""A DuckDB database of one invocation: the settings that results depend on are made here and nowhere else.

Extensions are neither loaded nor installed by themselves, so nothing is fetched from the internet. Nulls sort as Spark
sorts them. Tables hold timestamps without a zone only, and text with a zone is read in UTC. `lower`, `upper`
and `trim`, which rules of a contract use, are Spark's here, or name the batch as Spark's.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

SETTINGS = (
    "SET TimeZone = 'UTC'",
    "SET default_null_order = 'nulls_first_on_asc_last_on_desc'",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
)

# Before a sentence of DuckDB's: what it cannot do as Spark does, so that the whole batch is Spark's.
FOR_SPARK = "needs Spark: "
# What the two convert otherwise: DuckDB knows no ß in capitals, no sigma at the end of a word, and an older Unicode.
# Every character there is was compared: tests/spark/test_row_rules_at_their_limits.py.
LOWERED_OTHERWISE = r"\x{130}\x{3A3}\x{1C89}\x{A7CB}-\x{A7DC}\x{10D50}-\x{10D65}"
RAISED_OTHERWISE = (
    r"\x{DF}\x{149}\x{19B}\x{1F0}\x{264}\x{390}\x{3B0}\x{587}\x{1C8A}\x{1E96}-\x{1E9A}\x{1F50}-\x{1FFC}"
    r"\x{A7CD}-\x{A7DB}\x{FB00}-\x{FB17}\x{10D70}-\x{10D85}"
)


def _as_spark(name: str, characters: str) -> str:
    """A macro in the place of a function of DuckDB: an error where Spark would give another text."""
    said = f"{FOR_SPARK}{name} of a text with a letter that Spark converts otherwise"
    return (
        f"CREATE MACRO {name}(t) AS CASE WHEN regexp_matches(t, '[{characters}]') "
        f"THEN error('{said}') ELSE system.main.{name}(t) END"
    )


FUNCTIONS = (
    _as_spark("lower", LOWERED_OTHERWISE),
    _as_spark("upper", RAISED_OTHERWISE),
    # Spark's trims U+0020 and nothing else, DuckDB's every blank of Unicode.
    "CREATE MACRO trim(t) AS system.main.trim(t, ' '), (t, c) AS system.main.trim(t, c)",
)


def open_database(folder: Path, memory_bytes: int) -> duckdb.DuckDBPyConnection:
    """An empty database in memory that uses at most `memory_bytes` and spills into `folder`."""
    spilled = folder / "spilled"
    spilled.mkdir(parents=True, exist_ok=True)
    database = duckdb.connect(":memory:")
    for setting in (*SETTINGS, *FUNCTIONS):
        database.execute(setting)
    database.execute(f"SET memory_limit = '{memory_bytes} bytes'")
    database.execute(f"SET temp_directory = '{spilled}'")
    return database
