"""A DuckDB database of one invocation: the settings that results depend on are made here and nowhere else.

Extensions are neither loaded nor installed by themselves, so nothing is fetched from the internet. Nulls sort as Spark
sorts them. Tables hold timestamps without a zone only, and text with a zone is read in UTC.
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


def open_database(folder: Path, memory_bytes: int) -> duckdb.DuckDBPyConnection:
    """An empty database in memory that uses at most `memory_bytes` and spills into `folder`."""
    spilled = folder / "spilled"
    spilled.mkdir(parents=True, exist_ok=True)
    database = duckdb.connect(":memory:")
    for setting in SETTINGS:
        database.execute(setting)
    database.execute(f"SET memory_limit = '{memory_bytes} bytes'")
    database.execute(f"SET temp_directory = '{spilled}'")
    return database
