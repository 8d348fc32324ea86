"""What a test does to a lake: put files, run the two jobs, look at the tables."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pyspark.sql import Row, SparkSession

from contracts import naming
from contracts.model import Contract, SchemaChange
from duckdb_jobs.curating import DuckDbCurating
from duckdb_jobs.database import open_database
from duckdb_jobs.tables.iceberg_tables import DuckDbTables
from duckdb_jobs.tables.local_files import LocalFiles
from glue_jobs import loading
from glue_jobs.curating import SparkCurating
from glue_jobs.tables import Tables
from glue_jobs.tables.formats import open_format
from pipeline.run_documents import CurateResult, LoadResult, Manifest
from rows import curation, table_definitions
from rows.tables import Table
from tests.hadoop_catalog import HadoopCatalog
from tests.spark.orders import HEADER, ORDERS

EngineName = Literal["spark", "duckdb"]
MEMORY_BYTES, LIMIT_BYTES = 512 * 1024 * 1024, 64 * 1024 * 1024


class Killed(Exception):
    """Stands for the end of the process."""


def die_after(tables: Any, publications: int) -> None:
    """Let the process of these tables end when so many tables are published."""
    publish, left = tables.publish, iter(range(publications))

    def killed(table: Table, draft: str, version: int) -> None:
        if next(left, None) is None:
            raise Killed(table.name)
        publish(table, draft, version)

    tables.publish = killed


@contextmanager
def second_engine(lake: Lake) -> Iterator[DuckDbTables]:
    """The lake's tables for the DuckDB engine. Spark, which remembers tables, looks at them anew afterwards."""
    warehouse = Path(lake.spark.conf.get("spark.sql.catalog.glue_catalog.warehouse") or "")
    try:
        with (
            tempfile.TemporaryDirectory(dir=lake.folder) as name,
            open_database(Path(name), MEMORY_BYTES) as database,
        ):
            files = LocalFiles(Path(name), LIMIT_BYTES)
            yield DuckDbTables(database, HadoopCatalog(warehouse), files)
    finally:  # also of a process that a test has killed
        _look_anew(lake)


def _look_anew(lake: Lake) -> None:
    for zone in ("processed", "curated"):
        names = naming.database(lake.environment, zone)
        for row in lake.spark.sql(f"SHOW TABLES IN glue_catalog.{names}").collect():
            lake.spark.sql(f"REFRESH TABLE glue_catalog.{names}.{row['tableName']}")


def lines(*rows: str, header: str = HEADER) -> bytes:
    """A CSV file of these lines."""
    return "\n".join((header, *rows, "")).encode()


def retracting(file: dict[str, Any] | None) -> dict[str, Any]:
    """What a manifest says of the file that its run retracts."""
    names = ("sha256", "file_name", "received_at")
    return {"retracted": {name: file[name] for name in names}} if file else {}


@dataclass
class Lake:
    """A raw zone in a folder and tables in two databases."""

    spark: SparkSession
    folder: Path
    environment: str
    contract: Contract = ORDERS
    schema_change: SchemaChange = "evolve"
    pii_key: bytes | None = None
    erased: Sequence[str] = ()
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    curated_by: EngineName = "spark"

    @property
    def tables(self) -> Tables:
        """The real tables, in the contract's format."""
        return open_format(self.spark, self.contract).tables

    @property
    def processed(self) -> Table:
        """The processed table."""
        return table_definitions.processed(self.contract, self.environment, None)

    @property
    def quality(self) -> Table:
        """What its runs checked."""
        return table_definitions.quality(self.contract, self.environment, None)

    @property
    def history(self) -> Table:
        """Every delivered version, where the contract wants it."""
        return table_definitions.history(self.contract, self.environment, None)

    @property
    def quarantine(self) -> Table:
        """Its quarantine."""
        return table_definitions.quarantine(self.contract, self.environment, None)

    def curated(self, name: str) -> Table:
        """A curated table."""
        (found,) = (curated for curated in self.contract.curated if curated.name == name)
        return table_definitions.curated(found, self.environment, None)

    def put(
        self,
        content: bytes,
        name: str = "orders.csv",
        minute: int = 0,
        replay_of: str | None = None,
    ) -> dict[str, Any]:
        """Lay a file into the raw zone; its entry for a manifest, received at that minute."""
        sha256 = hashlib.sha256(content).hexdigest()
        place = self.folder / "raw" / "ingest_date=2024-05-01" / sha256 / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        text = (gzip.decompress(content) if name.endswith(".gz") else content).decode("utf-8-sig")
        records = list(csv.reader(io.StringIO(text, newline="")))
        return {
            "sha256": sha256,
            "raw_uri": f"file://{place}",
            "file_name": name,
            "received_at": f"2024-05-01T10:{minute:02d}:00.000001+00:00",
            "size_bytes": len(content),
            "row_count": len(records) - 1,
            "header": records[0],
            "has_quotes": any(set("\r\n") & set(value) for record in records for value in record),
            "replay_of": replay_of,
        }

    def load(
        self,
        *files: dict[str, Any],
        run_id: str = "20240501T100000-00000001",
        mode: str = "load",
        retracted: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Run raw_to_processed."""
        manifest = {
            "dataset": self.contract.dataset, "run_id": run_id, "mode": mode,
            "contract_version": self.contract.version, "erased_subjects": list(self.erased), "files": list(files),
            **retracting(retracted),
        }  # fmt: skip
        result = loading.run(
            loading.LoadRun(
                spark=self.spark,
                contract=self.contract,
                manifest=Manifest.from_json(manifest),
                processed=self.processed,
                quarantine=self.quarantine,
                quality=self.quality,
                history=self.history,
                tables=self.tables,
                staged_uri=str(self.folder / "runs" / run_id / "staged"),
                schema_change=self.schema_change,
                pii_key=self.pii_key,
            )
        )
        self.results[run_id] = result.to_json()
        assert LoadResult.from_json(self.results[run_id]) == result
        return self.results[run_id]

    def curate(
        self, run_id: str = "20240501T100000-00000001", publications: int | None = None
    ) -> dict[str, Any]:
        """Run processed_to_curated, which publishes; it is killed after so many publications, if that is given."""
        after = {
            name: snapshots["after"]
            for name, snapshots in self.results[run_id]["snapshots"].items()
        }
        with self._curating() as (tables, engine):
            if publications is not None:
                die_after(tables, publications)
            result = self._curate(run_id, tables, engine, after)
        assert CurateResult.from_json(result.to_json()) == result
        return result.to_json()

    @contextmanager
    def _curating(self) -> Iterator[tuple[Any, Any]]:
        """Tables and engine for the second job."""
        if self.curated_by == "spark":
            yield self.tables, SparkCurating()
            return
        with second_engine(self) as tables:
            yield tables, DuckDbCurating(tables.database)

    def _curate(self, run_id: str, tables: Any, engine: Any, after: dict[str, int]) -> CurateResult:
        return curation.run(
            curation.CurationRun(
                engine=engine,
                contract=self.contract,
                run_id=run_id,
                processed=self.processed,
                quarantine=self.quarantine,
                history=self.history,
                curated={
                    curated.name: self.curated(curated.name) for curated in self.contract.curated
                },
                tables=tables,
                after=after,
            )
        )

    def run(
        self, *files: dict[str, Any], run_id: str = "20240501T100000-00000001", mode: str = "load"
    ) -> dict[str, Any]:
        """Both jobs; the result of the first."""
        result = self.load(*files, run_id=run_id, mode=mode)
        self.curate(run_id)
        return result

    def retract(
        self, file: dict[str, Any], *beneath: dict[str, Any], run_id: str
    ) -> dict[str, Any]:
        """Both jobs of a retraction of `file`, which loads the files `beneath` anew; the result of the first."""
        result = self.load(*beneath, run_id=run_id, mode="retraction", retracted=file)
        self.curate(run_id)
        return result

    def rows(self, table: Table, *columns: str, branch: str | None = None) -> list[tuple[Any, ...]]:
        """Rows of a table as published, ordered by all of the columns asked for."""
        found = self.tables.read(table, draft=branch).select(*columns).orderBy(*columns).collect()
        return [tuple(row) for row in found]

    def by_month(self) -> dict[str, Decimal]:
        """Published amount by month, over all statuses."""
        rows: Sequence[Row] = self.tables.read(self.curated("orders_by_month")).collect()
        months = sorted({str(row["month_start"]) for row in rows})
        return {
            month: sum(
                (row["amount"] for row in rows if str(row["month_start"]) == month), Decimal(0)
            )
            for month in months
        }


def counts(result: dict[str, Any]) -> list[tuple[int, ...]]:
    """Per file: read, loaded, quarantined, deduplicated."""
    names = ("rows_read", "rows_loaded", "rows_quarantined", "rows_deduplicated")
    return [tuple(file[name] for name in names) for file in result["files"]]
