"""The real jobs on the local file system: an Iceberg directory catalog under the name that the jobs expect.

No emulator takes part, so that the figures are those of the jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import SparkSession

from benchmarks.files import DATASET, ENVIRONMENT, manifest
from contracts import model, naming
from glue_jobs import loading, session
from glue_jobs.curating import SparkCurating
from glue_jobs.tables.iceberg.tables import IcebergTables
from pipeline.run_documents import CurateResult, LoadResult
from rows import curation, table_definitions

JARS = Path(__file__).parents[1] / ".slipway" / "jars"


ICEBERG = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
DELTA = "io.delta.sql.DeltaSparkSessionExtension"


def start_spark(folder: Path, *, with_delta: bool = False) -> SparkSession:
    """A session like the one of the local runner, with its tables in `folder`."""
    libraries = ["iceberg-spark-runtime-*.jar", *(["delta-*.jar"] if with_delta else [])]
    jars = ",".join(str(jar) for pattern in libraries for jar in JARS.glob(pattern))
    of_delta: dict[str, bool | float | int | str | None] = {
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.databricks.delta.snapshotPartitions": "2",  # not 50 tasks for a log
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
    }
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.jars", jars)
        .config("spark.driver.memory", "2g")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.extraJavaOptions", "-XX:+UseParallelGC")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config(
            "spark.local.dir", str(folder.parent / "spark")
        )  # which the JVM clears after the task has ended
        .config("spark.sql.warehouse.dir", str(folder / "unused"))
        .config(
            "spark.sql.extensions",
            ",".join([ICEBERG, *([DELTA] if with_delta else [])]),
        )
        .config("spark.sql.catalog.glue_catalog", "org.apache.iceberg.spark.SparkCatalog")
        .config("spark.sql.catalog.glue_catalog.type", "hadoop")
        .config("spark.sql.catalog.glue_catalog.warehouse", str(folder / "tables"))
        .config(map=of_delta if with_delta else {})
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def load(spark: SparkSession, folder: Path, files: Sequence[Path], run_id: str) -> LoadResult:
    """raw_to_processed of some files; its result."""
    contract = model.load(DATASET)
    for zone in ("processed", "curated"):
        database = naming.database(ENVIRONMENT, "processed" if zone == "processed" else "curated")
        spark.sql(f"CREATE NAMESPACE IF NOT EXISTS glue_catalog.{database}")
    given = manifest(folder, files, run_id, contract.version)
    session.prepare(spark, given.size_bytes)
    return loading.run(
        loading.LoadRun(
            spark=spark,
            contract=contract,
            manifest=given,
            processed=table_definitions.processed(contract, ENVIRONMENT, None),
            quarantine=table_definitions.quarantine(contract, ENVIRONMENT, None),
            quality=table_definitions.quality(contract, ENVIRONMENT, None),
            history=table_definitions.history(contract, ENVIRONMENT, None),
            tables=IcebergTables(spark),
            staged_uri=str(folder / "staged" / run_id),
            schema_change="evolve",
            pii_key=None,
        )
    )


def curate(
    spark: SparkSession, run_id: str, after: dict[str, int], size_bytes: int
) -> CurateResult:
    """processed_to_curated of a run whose first job left the heads `after`; its result."""
    contract = model.load(DATASET)
    session.prepare(spark, size_bytes)
    return curation.run(
        curation.CurationRun(
            engine=SparkCurating(),
            contract=contract,
            run_id=run_id,
            processed=table_definitions.processed(contract, ENVIRONMENT, None),
            quarantine=table_definitions.quarantine(contract, ENVIRONMENT, None),
            history=table_definitions.history(contract, ENVIRONMENT, None),
            curated={
                found.name: table_definitions.curated(found, ENVIRONMENT, None)
                for found in contract.curated
            },
            tables=IcebergTables(spark),
            after=after,
        )
    )
