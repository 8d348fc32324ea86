"""The measured tasks of the DuckDB engine: `python -m benchmarks.duckdb_tasks NAME FOLDER ARGUMENTS`; see tasks.

The real engine on a directory of tables, with the memory that the functions have as shipped.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import files
from contracts import model
from duckdb_jobs import loading, sources
from duckdb_jobs.curating import DuckDbCurating
from duckdb_jobs.database import open_database
from duckdb_jobs.engine import DATABASE_SHARE, MEMORY_ELSEWHERE_BYTES, READ_SHARE
from duckdb_jobs.tables.iceberg_tables import DuckDbTables
from duckdb_jobs.tables.local_files import LocalFiles
from pipeline.run_documents import CurateResult, LoadResult
from rows import curation, table_definitions
from tests.hadoop_catalog import HadoopCatalog


@contextmanager
def opened(folder: Path) -> Iterator[tuple[DuckDbTables, Path]]:
    """The tables in `folder`, as an invocation sees them, and its place for files."""
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    with open_database(work, int(MEMORY_ELSEWHERE_BYTES * DATABASE_SHARE)) as database:
        held = LocalFiles(work, int(MEMORY_ELSEWHERE_BYTES * READ_SHARE))
        yield DuckDbTables(database, HadoopCatalog(folder / "tables"), held), work


def _load(folder: Path, file: str, run_id: str) -> LoadResult:
    contract = model.load(files.DATASET)
    with opened(folder) as (tables, work):
        return loading.run(
            loading.LoadRun(
                database=tables.database,
                contract=contract,
                manifest=files.manifest(folder, [Path(file)], run_id, contract.version),
                processed=table_definitions.processed(contract, files.ENVIRONMENT, None),
                quarantine=table_definitions.quarantine(contract, files.ENVIRONMENT, None),
                quality=table_definitions.quality(contract, files.ENVIRONMENT, None),
                history=table_definitions.history(contract, files.ENVIRONMENT, None),
                tables=tables,
                content=partial(sources.content, None),
                folder=work,
                schema_change="evolve",
                pii_key=None,
            )
        )


def _curate(folder: Path, run_id: str, after: dict[str, int]) -> CurateResult:
    contract = model.load(files.DATASET)
    with opened(folder) as (tables, _work):
        return curation.run(
            curation.CurationRun(
                engine=DuckDbCurating(tables.database),
                contract=contract,
                run_id=run_id,
                processed=table_definitions.processed(contract, files.ENVIRONMENT, None),
                quarantine=table_definitions.quarantine(contract, files.ENVIRONMENT, None),
                history=table_definitions.history(contract, files.ENVIRONMENT, None),
                curated={
                    found.name: table_definitions.curated(found, files.ENVIRONMENT, None)
                    for found in contract.curated
                },
                tables=tables,
                after=after,
            )
        )


def load(folder: Path, file: str, run_id: str) -> dict[str, Any]:
    """raw_to_processed."""
    started = time.monotonic()
    result = _load(folder, file, run_id)
    return {
        "seconds": time.monotonic() - started,
        "after": result.heads,
        "result": result.to_json(),
    }


def curate(folder: Path, _file: str, run_id: str, after: str) -> dict[str, Any]:
    """processed_to_curated after `load`."""
    started = time.monotonic()
    result = _curate(folder, run_id, json.loads(after))
    return {"seconds": time.monotonic() - started, "result": result.to_json()}


def day(folder: Path, file: str, run_id: str) -> dict[str, Any]:
    """Both jobs for one more file."""
    started = time.monotonic()
    loaded = _load(folder, file, run_id)
    _curate(folder, run_id, loaded.heads)
    return {"seconds": time.monotonic() - started, "rows": loaded.files[0].rows_loaded}


TASKS: dict[str, Callable[..., dict[str, Any]]] = {"load": load, "curate": curate, "day": day}

if __name__ == "__main__":
    name, where, *rest = sys.argv[1:]
    print(
        json.dumps(TASKS[name](Path(where), *rest))
    )  # the process that measures reads the last line
