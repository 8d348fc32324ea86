"""What a job of this engine works with: one database, the tables of the catalog, and how much it may read.

Sizes follow the memory of the function, which is the one setting. A table's files take five to ten times their bytes
in DuckDB, so a twelfth of the memory may be read of them; beyond that the run is Spark's.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

import duckdb

from contracts.errors import NeedsSpark
from contracts.model import Contract
from duckdb_jobs.database import open_database
from duckdb_jobs.tables.catalogs import GlueTables
from duckdb_jobs.tables.iceberg_tables import DuckDbTables
from duckdb_jobs.tables.local_files import LocalFiles

MEMORY = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"  # MiB. Source: AWS Lambda, "Defined runtime environment variables"
MEMORY_ELSEWHERE_BYTES = 3008 * 1024 * 1024  # where no function runs: as much as one has
DATABASE_SHARE = 0.6  # the rest is for Python and pyiceberg
READ_SHARE = 1 / 12


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Database, tables, and the folder for files, which is removed afterwards."""

    database: duckdb.DuckDBPyConnection
    tables: DuckDbTables
    folder: Path
    read_bytes: int
    """How many bytes of data files it reads."""


@contextmanager
def engine(*contracts: Contract) -> Iterator[Engine]:
    """An engine on the Glue Data Catalog, with a database in memory, for tables of the contracts' format."""
    for contract in contracts:
        _require_iceberg(contract)
    memory_bytes = _memory_bytes()
    with tempfile.TemporaryDirectory(prefix="engine-") as name:
        folder = Path(name)
        database = open_database(folder, int(memory_bytes * DATABASE_SHARE))
        with database:
            read_bytes = int(memory_bytes * READ_SHARE)
            tables = DuckDbTables(database, GlueTables(), LocalFiles(folder, read_bytes))
            yield Engine(database=database, tables=tables, folder=folder, read_bytes=read_bytes)


def _require_iceberg(contract: Contract) -> None:
    match contract.table_format:
        case "iceberg":
            return
        case "delta":
            raise NeedsSpark("the DuckDB engine does not write tables of format delta")
        case unknown:
            assert_never(unknown)


def _memory_bytes() -> int:
    given = os.environ.get(MEMORY)
    return int(given) * 1024 * 1024 if given else MEMORY_ELSEWHERE_BYTES
