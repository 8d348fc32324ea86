# ruff: noqa: S608 - names cannot be bound as parameters; they come from a validated contract and naming.branch
"""Iceberg tables in the catalog `glue_catalog` (the Glue Data Catalog, or a directory in tests and benchmarks)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, assert_never

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped] # py4j has no types
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from contracts.errors import RetryableError
from rows import evolution
from rows.iceberg import MAIN, PROPERTIES, RUN_BRANCHES, first_day
from rows.partitions import missing_properties, partition_field, require_partitioning
from rows.tables import Table, TableColumn

CATALOG = "glue_catalog"
# Source: Iceberg table spec, "Snapshots" (operation) and "Manifests" (status of an entry).
REWRITTEN = "replace"
UNTOUCHED = 0


class IcebergTables:
    """Implements rows.table_operations.TableOperations over frames."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark

    def ensure(self, table: Table, *, may_evolve: bool) -> list[str]:
        columns = ", ".join(_definition(column) for column in table.columns)
        location = f"LOCATION {_text(table.location)}" if table.location else ""
        self._spark.sql(
            f"CREATE TABLE IF NOT EXISTS {_name(table)} ({columns}) USING iceberg "
            f"PARTITIONED BY ({_partitioning(table)}) {location} "
            f"COMMENT {_text(table.comment)} TBLPROPERTIES ({_pairs({**PROPERTIES, **table.properties})})"
        )
        known = self.properties(table) if table.properties else {}
        missing = missing_properties(_name(table), known, table)
        changes = self._evolve(table, may_evolve=may_evolve)
        if missing:
            self._alter(table, f"SET TBLPROPERTIES ({_pairs(missing)})")
        return changes

    def exists(self, table: Table) -> bool:
        return self._spark.catalog.tableExists(_name(table))

    def column_names(self, table: Table) -> list[str]:
        return self._spark.table(_name(table)).columns

    def start_draft(self, table: Table, draft: str) -> int | None:
        refs = self._refs(table)
        for name in refs:
            if name.startswith(RUN_BRANCHES):
                self._drop(table, name)
        # Not CREATE OR REPLACE: Iceberg refuses to replace a branch while main has no snapshot.
        self._spark.sql(f"ALTER TABLE {_name(table)} CREATE BRANCH `{draft}`")
        return refs.get(MAIN)

    def head(self, table: Table, draft: str | None = None) -> int | None:
        return self._refs(table).get(draft or MAIN)

    def read(
        self,
        table: Table,
        *,
        draft: str | None = None,
        version: int | None = None,
        where: str = "TRUE",
    ) -> DataFrame:
        if version is not None:
            rows = self._spark.sql(f"SELECT * FROM {_name(table)} VERSION AS OF {version}")
        else:
            rows = self._spark.table(_name(table, draft) if draft else _name(table))
        return rows.where(where)

    def append(self, table: Table, draft: str, rows: DataFrame) -> None:
        self._in_order(table, rows).writeTo(_name(table, draft)).append()

    def delete(self, table: Table, draft: str, condition: str) -> None:
        self._spark.sql(f"DELETE FROM {_name(table, draft)} WHERE {condition}")

    def merge(self, table: Table, draft: str, rows: DataFrame, *, on: str, newer: str) -> None:
        view = f"merged_into_{table.name}"
        self._in_order(table, rows).createOrReplaceTempView(view)
        self._spark.sql(
            f"MERGE INTO {_name(table, draft)} t USING {view} s ON {on} "
            f"WHEN MATCHED AND {newer} THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
        )

    def update(
        self,
        table: Table,
        draft: str,
        rows: DataFrame,
        *,
        on: str,
        when: str,
        values: dict[str, str],
    ) -> None:
        view = f"updates_of_{table.name}"
        rows.createOrReplaceTempView(view)
        assignments = ", ".join(f"t.`{name}` = {value}" for name, value in values.items())
        self._spark.sql(
            f"MERGE INTO {_name(table, draft)} t USING {view} s ON {on} "
            f"WHEN MATCHED AND {when} THEN UPDATE SET {assignments}"
        )

    def record(self, table: Table, rows: DataFrame, *, run_id: str) -> None:
        mine = f"run_id = {_text(run_id)}"
        if (
            self.read(table).where(mine).take(1)
        ):  # of an earlier attempt; seldom, so most runs make one commit
            self._spark.sql(f"DELETE FROM {_name(table)} WHERE {mine}")
        self._in_order(table, rows).writeTo(_name(table)).append()

    def replace(
        self,
        table: Table,
        draft: str,
        rows: DataFrame,
        condition: str,
        properties: dict[str, str],
    ) -> None:
        writer = self._in_order(table, rows).writeTo(_name(table, draft))
        for name, value in properties.items():
            writer = writer.option(f"snapshot-property.{name}", value)
        writer.overwrite(F.expr(condition))

    def changed_partitions(self, table: Table, since: int, until: int) -> list[date] | None:
        ancestry = self._ancestry(table, until)
        known = [step["snapshot_id"] for step in ancestry]
        if since not in known:
            return None
        # A compaction replaces files without changing a row, so what it did is not looked at.
        steps = [
            step["snapshot_id"]
            for step in ancestry[: known.index(since)]
            if step["operation"] != REWRITTEN
        ]
        if not steps:
            return []
        changes = " UNION ALL ".join(
            f"SELECT data_file.partition.`{partition_field(table)}` AS value "
            f"FROM {_name(table)}.entries VERSION AS OF {step} WHERE snapshot_id = {step} AND status <> {UNTOUCHED}"
            for step in steps
        )
        rows = self._spark.sql(f"SELECT DISTINCT value FROM ({changes})").collect()
        return sorted(first_day(table, row["value"]) for row in rows)

    def last_properties(self, table: Table, marker: str) -> dict[str, str]:
        ancestry = self._ancestry(table, self.head(table))
        return next(
            (dict(step["summary"]) for step in ancestry if marker in (step["summary"] or {})), {}
        )

    def ancestors(self, table: Table) -> list[int]:
        """The published snapshot and those it was built on, newest first, as far back as they are kept."""
        return [step["snapshot_id"] for step in self._ancestry(table, self.head(table))]

    def properties(self, table: Table) -> dict[str, str]:
        # Not SHOW TBLPROPERTIES: it blacks out what names a token or a URL (spark.redaction.regex), as columns may.
        java: Any = self._spark.sparkContext._jvm
        loaded = java.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(
            self._spark._jsparkSession, _name(table)
        )
        return dict(loaded.properties())

    def publish(self, table: Table, draft: str, version: int) -> None:
        refs = self._refs(table)
        if refs.get(draft) == version:
            self._fast_forward(table, draft, version)
            self._drop(table, draft)
        elif not self._is_published(table, version):
            raise RetryableError(
                f"{_name(table)}: branch {draft!r} is at snapshot {refs.get(draft)}, not at the expected {version}, "
                "which is not published either; run the whole batch again"
            )

    def _fast_forward(self, table: Table, draft: str, version: int) -> None:
        name = f"{table.database}.{table.name}"
        try:
            self._spark.sql(f"CALL {CATALOG}.system.fast_forward('{name}', '{MAIN}', '{draft}')")
        except (Py4JJavaError, PySparkException) as error:
            if self._is_published(
                table, version
            ):  # by an attempt that was killed before it dropped the branch
                return
            raise RetryableError(
                f"{_name(table)}: {MAIN} cannot be moved forward to snapshot {version} of branch {draft!r}, most "
                "likely because maintenance changed the table in the meantime; run the whole batch again"
            ) from error

    def _is_published(self, table: Table, version: int) -> bool:
        return version in self.ancestors(table)

    def _ancestry(self, table: Table, version: int | None) -> list[Row]:
        """The snapshot and those it was built on, newest first, as far back as they are kept."""
        columns = "snapshot_id, parent_id, operation, summary"
        rows = self._spark.sql(f"SELECT {columns} FROM {_name(table)}.snapshots").collect()
        known, found = {row["snapshot_id"]: row for row in rows}, []
        while version in known:
            found.append(known[version])
            version = known[version]["parent_id"]
        return found

    def _refs(self, table: Table) -> dict[str, int]:
        rows = self._spark.sql(
            f"SELECT name, snapshot_id FROM {_name(table)}.refs WHERE type = 'BRANCH'"
        ).collect()
        return {row["name"]: row["snapshot_id"] for row in rows}

    def _drop(self, table: Table, draft: str) -> None:
        self._spark.sql(f"ALTER TABLE {_name(table)} DROP BRANCH `{draft}`")

    def _in_order(self, table: Table, rows: DataFrame) -> DataFrame:
        return rows.select(*(F.col(column.name) for column in table.columns))

    def _evolve(self, table: Table, *, may_evolve: bool) -> list[str]:
        partition_fields = self._spark.table(_name(table)).select("_partition.*").columns
        require_partitioning(_name(table), partition_fields, table)
        existing = {
            field.name: field.dataType.simpleString()
            for field in self._spark.table(_name(table)).schema
        }
        found = evolution.differences(existing, table)
        evolution.require_safe(_name(table), found, may_evolve=may_evolve)
        for column in table.columns:
            if column.name not in existing:
                self._alter(table, f"ADD COLUMN {_definition(column)}")
            elif existing[column.name] != column.type:
                self._alter(table, f"ALTER COLUMN `{column.name}` TYPE {column.type}")
        if found:
            names = self._spark.table(_name(table)).columns
            for name, before in evolution.moves(names, table):
                self._alter(
                    table, f"ALTER COLUMN `{name}` {f'AFTER `{before}`' if before else 'FIRST'}"
                )
        return [difference.sentence for difference in found]

    def _alter(self, table: Table, change: str) -> None:
        self._spark.sql(f"ALTER TABLE {_name(table)} {change}")


def _name(table: Table, draft: str | None = None) -> str:
    name = f"{CATALOG}.{table.database}.{table.name}"
    return f"{name}.`branch_{draft}`" if draft else name


def _definition(column: TableColumn) -> str:
    return f"`{column.name}` {column.type} COMMENT {_text(column.comment)}"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _pairs(properties: Mapping[str, str]) -> str:
    return ", ".join(f"{_text(name)} = {_text(value)}" for name, value in properties.items())


def _partitioning(table: Table) -> str:
    column = f"`{table.partition_column}`"
    match table.partition_transform:
        case "identity":
            return column
        case "day" | "month" | "year":
            return f"{table.partition_transform}s({column})"
        case _:
            assert_never(table.partition_transform)
