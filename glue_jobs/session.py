"""Settings of a Spark session that every job makes itself, so that no environment can change a result."""

from __future__ import annotations

import math

from pyspark.sql import SparkSession

from contracts.errors import PermanentError

SHUFFLE_BYTES = (
    64 * 1024 * 1024
)  # of raw text per shuffle partition; adaptive execution joins small ones
MOST_SHUFFLE_PARTITIONS = 2000
# Warns for every file that its header is not the names of the fields that are read, which the manifest has checked.
HEADER_LOGGER = "org.apache.spark.sql.catalyst.csv.CSVHeaderChecker"


def prepare(spark: SparkSession, input_bytes: int) -> None:
    """Set what results depend on, and the number of shuffle partitions for this much raw text."""
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.conf.set(
        "spark.sql.ansi.enabled", "true"
    )  # the default of Spark 4, which an environment could have changed
    spark.conf.set("spark.sql.legacy.timeParserPolicy", "CORRECTED")
    _only_errors(spark, HEADER_LOGGER)
    wanted = max(spark.sparkContext.defaultParallelism, math.ceil(input_bytes / SHUFFLE_BYTES))
    spark.conf.set("spark.sql.shuffle.partitions", str(min(wanted, MOST_SHUFFLE_PARTITIONS)))


def require_version(spark: SparkSession, wanted: str) -> None:
    """Stop under any other Spark than the one that `wanted` names, if it names one: results are proven for that alone.

    AWS's builds add to the number: 4.0.2-amzn-0. Raises PermanentError.
    """
    found = spark.version.partition("-")[0]
    if wanted and found != wanted:
        raise PermanentError(
            f"this is Spark {spark.version}, and the job is for {wanted}: set emr.release_label in config/ to a release"
            " that has it, and deploy"
        )


def _only_errors(spark: SparkSession, logger: str) -> None:
    """Quiet one logger of the driver; PySpark itself can only set the level of all."""
    log4j = spark.sparkContext._jvm.org.apache.logging.log4j  # type: ignore[union-attr] # classic Spark has a JVM
    log4j.core.config.Configurator.setLevel(logger, log4j.Level.ERROR)
