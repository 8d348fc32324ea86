"""Columns that files of the run lack, or that rows of the table lacked: filled with what deliveries said of the key.

The queries are those of rows.keeping, which DuckDB runs too (duckdb_jobs/loading/keeping.py). What they give is written
aside: Spark 4.1.1 fails to plan a MERGE into a table from a view that reads the table.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_jobs import storage
from glue_jobs.loading.work import LoadRun
from glue_jobs.transforms import records
from rows.keeping import Keeping
from rows.spark_dialect import SparkDialect

SPARK = SparkDialect()
BATCH, HELD, TAKEN_OFF = "keeping_batch", "keeping_held", "keeping_taken_off"
CONCERNED, SAID = "keeping_concerned", "keeping_said"


@dataclass(frozen=True, kw_only=True)
class Filled:
    """The valid rows with what they keep, and rows of the table whose kept values are others now."""

    valid: DataFrame
    amended: DataFrame


def of_run(loading: LoadRun) -> Keeping:
    """How values are kept in this run."""
    return loading.keeping(SPARK)


def fill(loading: LoadRun, valid: DataFrame, held: DataFrame, published: int | None) -> Filled:
    """Fill the valid rows. `held` is the table that they are compared with, `published` its state before the run."""
    spark, keeping = loading.spark, of_run(loading)
    before = loading.rows_of(published)
    valid.createOrReplaceTempView(BATCH)
    before.where(loading.of_files if keeping.again else F.lit(False)).createOrReplaceTempView(
        TAKEN_OFF
    )
    held.createOrReplaceTempView(HELD)
    spark.sql(keeping.concerned(HELD, BATCH)).createOrReplaceTempView(CONCERNED)
    said = spark.sql(keeping.said(BATCH, CONCERNED, TAKEN_OFF)).persist()
    said.createOrReplaceTempView(SAID)
    columns = [column.name for column in loading.processed.columns]
    found = Filled(
        valid=_aside(loading, spark.sql(keeping.filled(BATCH, SAID, valid.columns)), "filled"),
        amended=_aside(loading, spark.sql(keeping.amended(CONCERNED, SAID, columns)), "amended"),
    )
    said.unpersist()
    return found


def left(amended: DataFrame, replacing: DataFrame, loading: LoadRun) -> DataFrame:
    """The amended rows that no row of the batch replaces, which has the values by itself."""
    key = list(records.key(loading.contract))
    return amended.join(replacing.select(*key), key, "left_anti")


def _aside(loading: LoadRun, rows: DataFrame, name: str) -> DataFrame:
    uri = f"{loading.staged_uri.rstrip('/')}/_{name}"
    storage.write_rows(rows, uri)
    return loading.spark.read.schema(rows.schema).parquet(uri)
