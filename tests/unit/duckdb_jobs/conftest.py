"""DuckDB tables in a directory, and an empty table of numbers."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from duckdb_jobs.database import open_database
from duckdb_jobs.tables.iceberg_tables import DuckDbTables
from duckdb_jobs.tables.local_files import LocalFiles
from tests.hadoop_catalog import HadoopCatalog
from tests.table_operations import Operated, Rows, numbers

MEMORY_BYTES = 512 * 1024 * 1024
LIMIT_BYTES = 64 * 1024 * 1024


@pytest.fixture
def database(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    """An empty database."""
    return open_database(tmp_path / "work", MEMORY_BYTES)


@pytest.fixture
def catalog(tmp_path: Path) -> HadoopCatalog:
    """An empty catalog."""
    return HadoopCatalog(tmp_path / "tables")


@pytest.fixture
def tables(
    tmp_path: Path,
    database: duckdb.DuckDBPyConnection,
    catalog: HadoopCatalog,
) -> DuckDbTables:
    """Tables of the engine, all on this disk."""
    return DuckDbTables(database, catalog, LocalFiles(tmp_path / "work", LIMIT_BYTES))


@pytest.fixture
def operated(tables: DuckDbTables, database: duckdb.DuckDBPyConnection) -> Operated:
    """A table of numbers, which exists and holds nothing."""
    table = numbers("test")
    tables.ensure(table, may_evolve=False)
    return Operated(
        tables=tables,
        table=table,
        rows=relation,
        held=lambda rows: held(database, rows),
        delete_published=lambda condition: tables.delete(table, "main", condition),
    )


def relation(rows: Rows) -> str:
    """Numbers as text that stands after FROM."""
    values = ", ".join(f"({number}, DATE '{day}')" for number, day in rows)
    return f"(SELECT * FROM (VALUES {values}) AS v(number, day))"


def held(database: duckdb.DuckDBPyConnection, rows: str) -> Rows:
    """The rows of a relation, in order."""
    return sorted(database.execute(f"SELECT number, day FROM {rows}").fetchall())
