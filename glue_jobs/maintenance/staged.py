"""The parsed rows that earlier runs left in their folders: who is in them, and their end.

Through Spark's own file system, as they were written: the same code works on S3 and in a local folder.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rows.columns import SOURCE_SHA256


def sources(spark: SparkSession, runs_uri: str, column: str, token: str) -> set[str]:
    """Hashes of the raw files in whose staged rows the column has this value."""
    found: set[str] = set()
    # a run that was killed may have left a folder without any rows, which Spark could not read
    for folder in {
        file.getParent().toString() for file in _glob(spark, f"{runs_uri}*/staged/*.parquet")
    }:
        rows = spark.read.parquet(folder)
        if dict(rows.dtypes).get(column) == "string":
            found |= {
                row[0]
                for row in rows.where(F.col(column) == token)
                .select(SOURCE_SHA256)
                .distinct()
                .collect()
            }
    return found


def count(spark: SparkSession, runs_uri: str) -> int:
    """How many runs have staged rows."""
    return len(_glob(spark, f"{runs_uri}*/staged"))


def remove(spark: SparkSession, runs_uri: str) -> None:
    """Remove the staged rows of all runs."""
    for folder in _glob(spark, f"{runs_uri}*/staged"):
        folder.getFileSystem(_configuration(spark)).delete(folder, True)


def _glob(spark: SparkSession, pattern: str) -> list[Any]:
    """Hadoop paths that match."""
    jvm: Any = spark.sparkContext._jvm
    path = jvm.org.apache.hadoop.fs.Path(pattern)
    found = path.getFileSystem(_configuration(spark)).globStatus(path)
    return [status.getPath() for status in found or []]


def _configuration(spark: SparkSession) -> Any:
    return spark.sparkContext._jsc.hadoopConfiguration()
