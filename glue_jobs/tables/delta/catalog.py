"""Where tables lie, and how readers find them: Athena needs a table of the Glue Data Catalog with `table_type` DELTA.

Spark works on paths, not on the catalog's tables: its own entries have lost their columns in the Glue Data Catalog
(github.com/delta-io/delta/issues/1679), and the Glue client that it would need is on no registry.
Source: Athena user guide, "Query Linux Foundation Delta Lake tables": only the location is needed, columns come from
the log. The catalog's columns are for people, Lake Formation and QuickSight.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import boto3
from botocore.exceptions import ClientError
from pyspark.sql import SparkSession

from contracts.errors import ContractInvalid
from rows.tables import Table, TableColumn

CATALOG = (
    "spark.sql.catalog.glue_catalog"  # the settings of Iceberg's catalog say where tables are kept
)
# As Athena writes a table that it creates itself, and Spark one of its provider.
PARAMETERS = {"EXTERNAL": "TRUE", "table_type": "DELTA", "spark.sql.sources.provider": "delta"}
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    },
}


class Catalog(Protocol):
    """What Delta tables need from a catalog."""

    def require_free(self, table: Table) -> None:
        """Raise ContractInvalid when the name belongs to a table of another format."""

    def register(self, table: Table, columns: Sequence[TableColumn], path: str) -> None:
        """Let readers find the table, with these columns."""


class GlueCatalog:
    """The Glue Data Catalog."""

    def __init__(self) -> None:
        self._glue = boto3.client("glue")

    def require_free(self, table: Table) -> None:
        self._known(table)

    def register(self, table: Table, columns: Sequence[TableColumn], path: str) -> None:
        wanted, known = _entry(table, columns, path), self._known(table)
        if known is None:
            self._glue.create_table(DatabaseName=table.database, TableInput=wanted)
        elif not _holds(known, wanted):
            self._glue.update_table(DatabaseName=table.database, TableInput=wanted)

    def _known(self, table: Table) -> dict[str, Any] | None:
        try:
            found = self._glue.get_table(DatabaseName=table.database, Name=table.name)["Table"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "EntityNotFoundException":
                raise
            return None
        format_ = found.get("Parameters", {}).get("table_type", "unknown")
        if format_.upper() != PARAMETERS["table_type"]:
            raise ContractInvalid(
                f"{table.database}.{table.name} is a table of format {format_}, and the contract wants delta; a table "
                "keeps its format: give the dataset another name and load its files there"
            )
        return dict(found)


class Directory:
    """A folder for all tables, as tests use it: nobody looks tables up."""

    def require_free(self, table: Table) -> None:
        """No other format is kept there."""

    def register(self, table: Table, columns: Sequence[TableColumn], path: str) -> None:
        """Readers are given the path."""


def catalog_of(spark: SparkSession) -> Catalog:
    """The catalog of the session."""
    return Directory() if spark.conf.get(f"{CATALOG}.type", None) == "hadoop" else GlueCatalog()


def path_of(spark: SparkSession, table: Table) -> str:
    """Where the table lies."""
    warehouse = spark.conf.get(f"{CATALOG}.warehouse", None)
    return table.location or f"{warehouse}/{table.database}/{table.name}"


def _entry(table: Table, columns: Sequence[TableColumn], path: str) -> dict[str, Any]:
    return {
        "Name": table.name,
        "Description": table.comment,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": PARAMETERS,
        "StorageDescriptor": {
            "Location": path,
            "Columns": [
                {"Name": column.name, "Type": _hive_type(column), "Comment": column.comment}
                for column in columns
            ],
            **PARQUET,
        },
    }


def _holds(known: Any, wanted: Any) -> bool:
    """Whether an entry says what is wanted; the catalog adds fields with their defaults."""
    if isinstance(wanted, dict):
        return isinstance(known, dict) and all(
            _holds(known.get(name), value) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(known, list)
            and len(known) == len(wanted)
            and all(map(_holds, known, wanted))
        )
    return bool(known == wanted)


def _hive_type(column: TableColumn) -> str:
    """Hive has one timestamp, without a zone."""
    return "timestamp" if column.type == "timestamp_ntz" else column.type
