"""CSV tables as Athena reads them: line by line, fields by position, through the SerDe that the table names.

By position, whatever a file's heading says, and a quoted line break ends a row: that is what Athena does, and not what
DuckDB's own reader would do. Of a partitioned table the registered partitions are read and nothing else.
Sources: Athena user guide, "Lazy Simple SerDe", "Open CSV SerDe", "Partition your data"; TextInputFormat of Hadoop.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from local_cloud.adapters.athena.sql import QueryRefused

OPEN_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
LAZY = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
TYPES = {"bigint": "BIGINT", "int": "INTEGER", "double": "DOUBLE", "string": "VARCHAR"}
NULL = r"\N"  # of LazySimpleSerDe


@dataclass(frozen=True, kw_only=True)
class Place:
    """Files of one partition, or of a whole table, and the values of the partition's keys."""

    files: Mapping[str, bytes]
    values: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TextTable:
    """A table of text files, as the catalog describes it."""

    columns: Mapping[str, str]
    keys: tuple[str, ...]
    library: str
    delimiter: str
    quote: str
    headings: int  # lines to skip in each file

    def read(self, places: Sequence[Place]) -> pa.Table:
        """Every row, each value as text; what a line lacks is null, and fields beyond the columns are left out."""
        rows: list[list[str | None]] = [[] for _ in (*self.columns, *self.keys)]
        for place in places:
            for content in (_plain(*each) for each in place.files.items()):
                for fields in self._lines(content):
                    for column, value in zip(rows, (*fields, *place.values), strict=True):
                        column.append(value)
        arrays = [pa.array(column, type=pa.string()) for column in rows]
        return pa.table(dict(zip((*self.columns, *self.keys), arrays, strict=True)))

    def projection(self, quoted: Callable[[str], str]) -> str:
        """The select list that gives columns their types; only what a query names is ever cast.

        LazySimpleSerDe makes null of what is no number, Open CSV SerDe fails the query, also for an empty text.
        """
        cast = "TRY_CAST" if self.library == LAZY else "CAST"
        columns = [
            quoted(name)
            if kind == "string"
            else f"{cast}({quoted(name)} AS {TYPES[kind]}) AS {quoted(name)}"
            for name, kind in self.columns.items()
        ]
        return ", ".join([*columns, *map(quoted, self.keys)])

    def _lines(self, content: bytes) -> Iterator[list[str | None]]:
        lines = content.decode("utf-8").split("\n")
        if lines[-1] == "":
            lines.pop()
        for line in lines[self.headings :]:
            fields = self._fields(line.removesuffix("\r"))[: len(self.columns)]
            yield [*fields, *[None] * (len(self.columns) - len(fields))]

    def _fields(self, line: str) -> list[str | None]:
        if self.library == LAZY:
            return [None if field == NULL else field for field in line.split(self.delimiter)]
        reader = csv.reader([line], delimiter=self.delimiter, quotechar=self.quote)
        return list(next(reader, [""]))


def described(name: str, table: Mapping[str, Any]) -> TextTable | None:
    """The table if it is one of text files; None if it is of another kind.

    Raises QueryRefused for a type of column that is not read here.
    """
    storage = table.get("StorageDescriptor") or {}
    serde = storage.get("SerdeInfo") or {}
    library = str(serde.get("SerializationLibrary") or "")
    if library not in (OPEN_CSV, LAZY) or not storage.get("Columns"):
        return None
    columns = {str(each["Name"]): str(each["Type"]).lower() for each in storage["Columns"]}
    if unknown := sorted(
        f"{column} {kind}" for column, kind in columns.items() if kind not in TYPES
    ):
        raise QueryRefused(f"NOT_SUPPORTED: {name}: columns of text of this type: {unknown[0]}")
    given = serde.get("Parameters") or {}
    lazy = library == LAZY
    return TextTable(
        columns=columns,
        keys=tuple(str(each["Name"]) for each in table.get("PartitionKeys") or []),
        library=library,
        delimiter=str(
            given.get("field.delim", "\x01") if lazy else given.get("separatorChar", ",")
        ),
        quote=str(given.get("quoteChar", '"')),
        headings=int((table.get("Parameters") or {}).get("skip.header.line.count", 0)),
    )


def _plain(name: str, content: bytes) -> bytes:
    return gzip.decompress(content) if name.endswith(".gz") else content
