"""Settings of a Spark session that every job makes itself, so that no environment can change a result."""

from __future__ import annotations

import math

from pyspark.sql import SparkSession

SHUFFLE_BYTES = 64 * 1024 * 1024  # of raw text per shuffle partition; adaptive execution joins small ones
MOST_SHUFFLE_PARTITIONS = 2000


def prepare(spark: SparkSession, input_bytes: int) -> None:
    """Set what results depend on, and the number of shuffle partitions for this much raw text."""
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.conf.set("spark.sql.ansi.enabled", "true")  # the default of Spark 4, which an environment could have changed
    spark.conf.set("spark.sql.legacy.timeParserPolicy", "CORRECTED")
    wanted = max(spark.sparkContext.defaultParallelism, math.ceil(input_bytes / SHUFFLE_BYTES))
    spark.conf.set("spark.sql.shuffle.partitions", str(min(wanted, MOST_SHUFFLE_PARTITIONS)))
