"""One Spark for all tests here, with tables of both formats in a temporary directory, and a lake for each test."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from contracts import naming
from tests.spark.lake import Lake

ROOT = Path(__file__).parents[2]
LIBRARIES = ("iceberg-spark-runtime-*.jar", "delta-*.jar")
EXTENSIONS = (
    "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    "io.delta.sql.DeltaSparkSessionExtension",
)
# The quick compiler alone would get 48 MB for its code, which these tests fill: the JVM then spends a quarter of its
# time on throwing code away, and more on making it again.
JAVA_OPTIONS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=240m")
# Files of tests that take long come first, the longest at the head, so that no worker waits at the end.
LONGEST = (
    "test_faults_of_care",
    "test_delta",
    "test_faults_of_a_run",
    "test_protection",
    "test_evolution",
    "test_care_maintenance",
    "test_care_rollback",
    "test_modes",
    "test_formats",
    "test_curating",
)
_numbers = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first; `make test-spark` keeps this order."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    name = item.path.stem
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A local session; the same catalog name and extensions as on Glue."""
    jars = [str(jar) for name in LIBRARIES for jar in (ROOT / ".slipway" / "jars").glob(name)]
    if len(jars) <= len(LIBRARIES):  # Delta comes in two
        pytest.fail(f"not all of {LIBRARIES} are in .slipway/jars; run `make setup`")
    home, events = tmp_path_factory.mktemp("spark"), tmp_path_factory.mktemp("events")
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.jars", ",".join(jars))
        .config("spark.driver.memory", "1g")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.extraJavaOptions", " ".join(JAVA_OPTIONS))
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.eventLog.enabled", "true")  # which must never show a key
        .config("spark.eventLog.dir", f"file://{events}")
        .config("spark.eventLog.compress", "false")
        .config("spark.sql.debug.maxToStringFields", "10000")  # nothing of a plan is left out
        .config("spark.local.dir", str(home / "local"))
        .config("spark.sql.warehouse.dir", str(home / "unused"))
        .config("spark.sql.extensions", ",".join(EXTENSIONS))
        .config(
            "spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog"
        )
        .config("spark.databricks.delta.snapshotPartitions", "2")  # not 50 tasks for a log
        .config("spark.sql.catalog.glue_catalog", "org.apache.iceberg.spark.SparkCatalog")
        .config("spark.sql.catalog.glue_catalog.type", "hadoop")
        .config("spark.sql.catalog.glue_catalog.warehouse", str(home / "tables"))
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    """Empty raw zone, processed and curated databases of their own."""
    environment = f"test{next(_numbers)}"
    for zone in ("processed", "curated"):
        spark.sql(f"CREATE NAMESPACE glue_catalog.{naming.database(environment, zone)}")
    return Lake(spark=spark, folder=tmp_path, environment=environment)
