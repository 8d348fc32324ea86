"""What a run of raw_to_processed works with."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from rows.columns import RECEIVED_AT, SOURCE_SHA256
from rows.load_run import BaseLoadRun
from rows.spark_dialect import SparkDialect


@dataclass(frozen=True, kw_only=True)
class LoadRun(BaseLoadRun[DataFrame]):
    """A run on Spark; `staged_uri` is its folder for rows that are written aside."""

    spark: SparkSession
    staged_uri: str

    def rows_of(self, version: int | None) -> DataFrame:
        """The processed table as of a version, with the columns of now: Iceberg shows a version with its own.

        A column that came since, such as the first that says whose a kept value is, is null.
        """
        rows = self.tables.read(self.processed, version=version)
        later = (column for column in self.processed.columns if column.name not in rows.columns)
        return rows.withColumns({column.name: F.lit(None).cast(column.type) for column in later})

    @property
    def judged_uri(self) -> str:
        """Folder, within that of the staged rows, for rows with the verdicts of a replay or backfill."""
        return f"{self.staged_uri.rstrip('/')}/_judged"

    @property
    def of_files(self) -> Column:
        """The condition that a row came from a file of this run."""
        return F.col(SOURCE_SHA256).isin(self.hashes)

    @property
    def of_files_sql(self) -> str:
        """The same condition as SQL text."""
        hashes = ", ".join(f"'{sha256}'" for sha256 in self.hashes)
        return f"{SOURCE_SHA256} IN ({hashes})"

    @property
    def of_deliveries(self) -> str:
        """The condition that a row is of one of these files as it arrived this time, not of an earlier delivery."""
        these = self.histories(SparkDialect()).of_deliveries(self.deliveries)
        return f"{self.received_sql} AND {self.of_files_sql} AND {these}"

    @property
    def received_sql(self) -> str:
        """The condition that a row arrived with the batch, by which the quarantine's partitions are skipped."""
        first, last = self.received
        return f"{RECEIVED_AT} BETWEEN TIMESTAMP_NTZ '{first}' AND TIMESTAMP_NTZ '{last}'"
