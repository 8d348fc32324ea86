# ruff: noqa: S608 - names cannot be bound as parameters; they come from a validated contract
"""What a write-back takes from the lake: the published version, what changed since another one, and rows as CSV.

Rows come in parts that fit into this function, so that a table may be larger than it. Figures are DuckDB's over the
Parquet files, the number of all rows is that of Iceberg's manifests, and neither is read from the CSV.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import cast

from contracts.model import PartitionTransform
from duckdb_jobs.tables.iceberg_tables import DuckDbTables
from duckdb_jobs.tables.relations import quoted, text
from rows import periods
from rows.tables import Table

EVERYTHING = "TRUE"
Days = Sequence[date]
"""First days of partitions."""


@dataclass(frozen=True, kw_only=True)
class Extract:
    """Rows in a CSV file (null as \\N, every value quoted), with their number and sums by money column."""

    file: Path
    rows: int
    sums: dict[str, Decimal]


@dataclass(frozen=True, kw_only=True)
class LakeTable:
    """The processed table, as its readers see it. A part has at most `part_bytes` of data files, or one partition."""

    tables: DuckDbTables
    table: Table
    money: tuple[str, ...]
    folder: Path
    part_bytes: int

    def published(self) -> int | None:
        """The version that is published now; None when nothing ever was."""
        found = self.tables.published(self.table)
        return found.version if found else None

    def changed(self, since: int, until: int) -> Days | None:
        """Partitions in which rows may differ between two versions; None if that cannot be told."""
        return self.tables.changed_partitions(self.table, since, until)

    def within(self, days: Days | None) -> str:
        """Condition for the rows of partitions; of all for None."""
        if days is None:
            return EVERYTHING
        unit = cast(PartitionTransform, self.table.partition_transform)
        return periods.within_sql(quoted(self.table.partition_column), days, unit)

    def all_rows(self, version: int) -> int:
        """Rows of a version, as the manifests of its files count them."""
        return self.tables.count(self.table, version)

    def extracts(self, version: int, days: Days | None) -> Iterator[Extract]:
        """The rows of these partitions in a version, part by part; the file of one is gone when the next comes.

        Raises NeedsSpark for a partition that is more than this engine reads.
        """
        for part in self._parts(version, days):
            extract = self._extract(version, self.within(part))
            try:
                yield extract
            finally:
                extract.file.unlink()
                self.tables.forget_files()

    def _parts(self, version: int, days: Days | None) -> Iterator[list[date]]:
        part: list[date] = []
        size = 0
        for day, held in sorted(self.tables.partition_bytes(self.table, version).items()):
            if days is not None and day not in days:
                continue
            if part and size + held > self.part_bytes:
                yield part
                part, size = [], 0
            part.append(day)
            size += held
        if part:
            yield part

    def _extract(self, version: int, where: str) -> Extract:
        relation = self.tables.read(self.table, version=version, where=where)
        file = self.folder / "rows.csv"
        names = ", ".join(quoted(column.name) for column in self.table.columns)
        self.tables.database.execute(
            f"COPY (SELECT {names} FROM {relation}) TO {text(str(file))} (FORMAT csv, HEADER false, NULLSTR '\\N', "
            "FORCE_QUOTE *)"
        )
        sums = "".join(f", coalesce(sum({quoted(name)}), 0)" for name in self.money)
        (found,) = self.tables.database.execute(f"SELECT count(*){sums} FROM {relation}").fetchall()
        return Extract(
            file=file,
            rows=int(found[0]),
            sums={name: Decimal(value) for name, value in zip(self.money, found[1:], strict=True)},
        )
