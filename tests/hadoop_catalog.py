"""A directory as a catalog for pyiceberg, as Spark's `hadoop` catalog keeps it, so that both engines share tables.

A table is `<warehouse>/<database>/<table>`; version N of its metadata is `metadata/vN.metadata.json`, which nobody may
write twice, and `version-hint.text` says which one is the newest.
Source: org.apache.iceberg.hadoop.HadoopTableOperations.
"""

from __future__ import annotations

import os
from pathlib import Path

from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.serializers import FromInputFile, ToOutputFile
from pyiceberg.table import CommitTableResponse, Table
from pyiceberg.table.metadata import TableMetadata, new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortOrder
from pyiceberg.table.update import TableRequirement, TableUpdate
from pyiceberg.typedef import EMPTY_DICT, Identifier, Properties

from duckdb_jobs.tables.catalogs import OneTry
from duckdb_jobs.tables.file_io import TableFiles

FILE_IO = "duckdb_jobs.tables.file_io.TableFiles"


class _Directory(NoopCatalog):
    """The catalog without what the product adds."""

    def __init__(self, warehouse: Path) -> None:
        super().__init__("hadoop", **{"py-io-impl": FILE_IO})
        self.warehouse = warehouse

    def _folder(self, identifier: str | Identifier) -> Path:
        return self.warehouse.joinpath(*self.identifier_to_tuple(identifier))

    def _version(self, identifier: str | Identifier) -> int:
        hint = self._folder(identifier) / "metadata" / "version-hint.text"
        return int(hint.read_text()) if hint.exists() else 0

    def table_exists(self, identifier: str | Identifier) -> bool:
        return self._version(identifier) > 0

    def load_table(self, identifier: str | Identifier) -> Table:
        version = self._version(identifier)
        if not version:
            raise NoSuchTableError(f"no table {identifier}")
        place = str(self._folder(identifier) / "metadata" / f"v{version}.metadata.json")
        files = TableFiles()  # nothing is remembered: a test may put back an earlier state
        metadata = FromInputFile.table_metadata(files.new_input(place))
        return Table(self.identifier_to_tuple(identifier), metadata, place, files, self)

    def create_table(
        self,
        identifier: str | Identifier,
        schema: Schema,
        location: str | None = None,
        partition_spec: PartitionSpec = UNPARTITIONED_PARTITION_SPEC,
        sort_order: SortOrder = UNSORTED_SORT_ORDER,
        properties: Properties = EMPTY_DICT,
    ) -> Table:
        if self.table_exists(identifier):
            raise TableAlreadyExistsError(f"{identifier}")
        assert location is None, "this catalog decides where a table lies"
        place = str(self._folder(identifier))
        self._write(
            identifier, 1, new_table_metadata(schema, partition_spec, sort_order, place, properties)
        )
        return self.load_table(identifier)

    def commit_table(
        self,
        table: Table,
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> CommitTableResponse:
        identifier = table.name()
        version, current = self._version(identifier), self.load_table(identifier)
        staged = self._update_and_stage_table(current, identifier, requirements, updates)  # type: ignore[attr-defined] # of MetastoreCatalog
        place = current.metadata_location
        if staged.metadata != current.metadata:
            place = self._write(identifier, version + 1, staged.metadata)
        return CommitTableResponse(metadata=staged.metadata, **{"metadata-location": place})

    def _write(self, identifier: str | Identifier, version: int, metadata: TableMetadata) -> str:
        folder = self._folder(identifier) / "metadata"
        folder.mkdir(parents=True, exist_ok=True)
        new, place = folder / f"new-{os.urandom(8).hex()}", folder / f"v{version}.metadata.json"
        ToOutputFile.table_metadata(metadata, TableFiles().new_output(str(new)))
        try:
            os.link(new, place)
        except FileExistsError as error:
            raise CommitFailedException(f"{place} is there already") from error
        finally:
            new.unlink()
        hint = folder / "new-hint"
        hint.write_text(str(version))
        hint.rename(folder / "version-hint.text")
        return str(place)


class HadoopCatalog(OneTry, _Directory):
    """Tables below `warehouse`; a commit that was overtaken fails, as in the product."""

    def __init__(self, warehouse: Path) -> None:
        _Directory.__init__(self, warehouse)
