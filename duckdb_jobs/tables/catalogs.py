"""The Glue Data Catalog as pyiceberg knows it, with three differences.

A refused commit is not tried again: pyiceberg would build it anew on the head it then finds, which may be another
attempt's. And the catalog describes a table as the Spark jobs do: with its comment, and without copies of the table's
properties, which nobody would keep up to date. And all tables share one FileIO: pyiceberg makes one for each look at a
table, with a client of its own (20 ms of processor time), and would fetch the same metadata again.
Source: org.apache.iceberg.aws.glue.IcebergToGlueConverter, setTableInputInformation.
"""

from __future__ import annotations

from abc import ABC
from typing import Any

import boto3
from pyiceberg.catalog import MetastoreCatalog
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.io import FileIO
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import CommitTableResponse
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortOrder
from pyiceberg.table.update import SetPropertiesUpdate, TableRequirement, TableUpdate
from pyiceberg.typedef import EMPTY_DICT, Identifier, Properties

from contracts.errors import RetryableError
from duckdb_jobs.tables.drafts import AGAIN
from duckdb_jobs.tables.file_io import TableFiles


class OneTry(MetastoreCatalog, ABC):
    """A catalog in which a commit that was overtaken fails, with RetryableError."""

    def commit_table(
        self,
        table: IcebergTable,
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> CommitTableResponse:
        try:
            return super().commit_table(table, requirements, updates)  # type: ignore[safe-super] # of the catalog
        except CommitFailedException as error:
            raise RetryableError(
                f"{'.'.join(table.name())}: somebody else changed the table in the meantime ({error}); {AGAIN}"
            ) from error


class GlueTables(OneTry, GlueCatalog):
    """The Glue Data Catalog; AWS_ENDPOINT_URL points it at the embedded AWS."""

    def __init__(self) -> None:
        client = boto3.client("glue")
        for call in ("CreateTable", "UpdateTable"):
            client.meta.events.register(f"provide-client-params.glue.{call}", self._describe)
        self._properties: set[str] = set()  # of the table that is being written
        self._files = TableFiles()
        super().__init__("glue_catalog", client=client)

    def create_table(
        self,
        identifier: str | Identifier,
        schema: Schema,
        location: str | None = None,
        partition_spec: PartitionSpec = UNPARTITIONED_PARTITION_SPEC,
        sort_order: SortOrder = UNSORTED_SORT_ORDER,
        properties: Properties = EMPTY_DICT,
    ) -> IcebergTable:
        self._properties = set(properties)
        return super().create_table(
            identifier, schema, location, partition_spec, sort_order, properties
        )

    def commit_table(
        self,
        table: IcebergTable,
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> CommitTableResponse:
        given = [update.updates for update in updates if isinstance(update, SetPropertiesUpdate)]
        self._properties = set(table.properties).union(*given)
        return super().commit_table(table, requirements, updates)

    def _load_file_io(
        self,
        properties: Properties = EMPTY_DICT,  # noqa: ARG002 - pyiceberg's signature
        location: str | None = None,  # noqa: ARG002 - as above
    ) -> FileIO:
        return self._files

    def _describe(self, params: dict[str, Any], **_: Any) -> None:
        """Give the table in a request its description in place of copies of its properties."""
        given = params["TableInput"]
        parameters: dict[str, str] = given["Parameters"]
        if "comment" in parameters:
            given["Description"] = parameters["comment"]
        given["Parameters"] = {
            name: value for name, value in parameters.items() if name not in self._properties
        }
