"""What a test does to a lake, done by the DuckDB engine, with tables in a directory of its own and without Spark."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from duckdb_jobs import loading, sources
from duckdb_jobs.curating import DuckDbCurating
from duckdb_jobs.database import open_database
from duckdb_jobs.tables.iceberg_tables import DuckDbTables
from duckdb_jobs.tables.local_files import LocalFiles
from pipeline.run_documents import CurateResult, LoadResult, Manifest
from rows import curation
from rows.tables import Table
from tests.hadoop_catalog import HadoopCatalog
from tests.spark.lake import Lake, retracting

MEMORY_BYTES, LIMIT_BYTES = 1 << 30, 1 << 28
FIRST_RUN = "20240501T100000-00000001"


@dataclass
class DuckDbLake(Lake):
    """Tables of one contract, written by the DuckDB engine into `folder`; there is no Spark."""

    def load(
        self,
        *files: dict[str, Any],
        run_id: str = FIRST_RUN,
        mode: str = "load",
        retracted: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Run raw_to_processed."""
        manifest = {
            "dataset": self.contract.dataset, "run_id": run_id, "mode": mode,
            "contract_version": self.contract.version, "erased_subjects": list(self.erased), "files": list(files),
            **retracting(retracted),
        }  # fmt: skip
        with self.opened() as (tables, work):
            result = loading.run(
                loading.LoadRun(
                    database=tables.database,
                    contract=self.contract,
                    manifest=Manifest.from_json(manifest),
                    processed=self.processed,
                    quarantine=self.quarantine,
                    quality=self.quality,
                    history=self.history,
                    tables=tables,
                    content=partial(sources.content, None),
                    folder=work,
                    schema_change=self.schema_change,
                    pii_key=self.pii_key,
                )
            )
        self.results[run_id] = result.to_json()
        assert LoadResult.from_json(self.results[run_id]) == result
        return self.results[run_id]

    def curate(self, run_id: str = FIRST_RUN, *_: Any) -> dict[str, Any]:
        """Run processed_to_curated, which publishes."""
        with self.opened() as (tables, _work):
            result = curation.run(
                curation.CurationRun(
                    engine=DuckDbCurating(tables.database),
                    contract=self.contract,
                    run_id=run_id,
                    processed=self.processed,
                    quarantine=self.quarantine,
                    history=self.history,
                    curated={one.name: self.curated(one.name) for one in self.contract.curated},
                    tables=tables,
                    after=LoadResult.from_json(self.results[run_id]).heads,
                )
            )
        assert CurateResult.from_json(result.to_json()) == result
        return result.to_json()

    def rows(self, table: Table, *columns: str, branch: str | None = None) -> list[tuple[Any, ...]]:
        """Rows of a table as published, ordered by all of the columns asked for."""
        with self.opened() as (tables, _work):
            names = ", ".join(f'"{name}"' for name in columns)
            read = f"SELECT {names} FROM {tables.read(table, draft=branch)} ORDER BY ALL"
            return tables.database.execute(read).fetchall()

    def by_month(self) -> dict[str, Decimal]:
        """Published amount by month, over all statuses."""
        found: dict[str, Decimal] = {}
        for month, amount in self.rows(self.curated("orders_by_month"), "month_start", "amount"):
            found[str(month)] = found.get(str(month), Decimal(0)) + amount
        return found

    @contextmanager
    def opened(self) -> Iterator[tuple[DuckDbTables, Path]]:
        """The tables, with an empty database, and a place for files, gone afterwards."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            work = Path(name)
            with open_database(work, MEMORY_BYTES) as database:
                files = LocalFiles(work, LIMIT_BYTES)
                yield DuckDbTables(database, HadoopCatalog(self.folder / "tables"), files), work
