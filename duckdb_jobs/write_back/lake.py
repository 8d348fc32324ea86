# ruff: noqa: S608 - names cannot be bound as parameters; they come from a validated contract
"""What a write-back takes from the lake: the published version, what changed since another one, and rows as CSV.

All of it is on this disk before the database is asked to begin: its transaction waits for nobody. Figures are DuckDB's
over the Parquet files, the number of all rows is that of Iceberg's manifests, and neither is read from the CSV.
"""

from __future__ import annotations

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


@dataclass(frozen=True, kw_only=True)
class Extract:
    """Rows in a CSV file (null as \\N, every value quoted), with their number and sums by money column.

    `all_rows` are those of the whole version, as the manifests of its files count them.
    """

    file: Path
    all_rows: int
    rows: int
    sums: dict[str, Decimal]


@dataclass(frozen=True, kw_only=True)
class LakeTable:
    """The processed table, as its readers see it."""

    tables: DuckDbTables
    table: Table
    money: tuple[str, ...]
    folder: Path

    def published(self) -> int | None:
        """The version that is published now; None when nothing ever was."""
        found = self.tables.published(self.table)
        return found.version if found else None

    def scope_since(self, version: int, until: int) -> str:
        """Condition for all rows that may differ between the two versions; EVERYTHING if that cannot be told."""
        changed = self.tables.changed_partitions(self.table, version, until)
        return EVERYTHING if changed is None else self._within(changed)

    def _within(self, changed: list[date]) -> str:
        unit = cast(PartitionTransform, self.table.partition_transform)
        return periods.within_sql(quoted(self.table.partition_column), changed, unit)

    def extract(self, version: int, scope: str) -> Extract:
        """The rows of a version for which `scope` holds. Raises NeedsSpark if they are more than this engine reads."""
        relation = self.tables.read(self.table, version=version, where=scope)
        file = self.folder / "rows.csv"
        names = ", ".join(quoted(column.name) for column in self.table.columns)
        self.tables.database.execute(
            f"COPY (SELECT {names} FROM {relation}) TO {text(str(file))} (FORMAT csv, HEADER false, NULLSTR '\\N', "
            "FORCE_QUOTE *)"
        )
        sums = ", ".join(f"coalesce(sum({quoted(name)}), 0)" for name in self.money)
        (found,) = self.tables.database.execute(
            f"SELECT count(*){', ' if sums else ''}{sums} FROM {relation}"
        ).fetchall()
        return Extract(
            file=file,
            all_rows=self.tables.count(self.table, version),
            rows=int(found[0]),
            sums={name: Decimal(value) for name, value in zip(self.money, found[1:], strict=True)},
        )
