"""The only place that names a table format: what a contract chose becomes the objects that jobs use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from pyspark.sql import SparkSession

from contracts.model import Contract
from glue_jobs.tables import Tables, Upkeep
from glue_jobs.tables.delta.tables import DeltaTables
from glue_jobs.tables.delta.upkeep import DeltaUpkeep
from glue_jobs.tables.iceberg.tables import IcebergTables
from glue_jobs.tables.iceberg.upkeep import IcebergUpkeep


@dataclass(frozen=True, kw_only=True)
class Format:
    """A table format on a Spark session: what every format must offer (tests/spark/test_formats.py)."""

    tables: Tables
    upkeep: Upkeep


def open_format(spark: SparkSession, contract: Contract) -> Format:
    """The format that the contract names."""
    match contract.table_format:
        case "iceberg":
            return Format(tables=IcebergTables(spark), upkeep=IcebergUpkeep(spark))
        case "delta":
            return Format(tables=DeltaTables(spark), upkeep=DeltaUpkeep(spark))
        case unknown:
            assert_never(unknown)
