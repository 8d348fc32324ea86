# ruff: noqa: S608 - names cannot be bound as parameters; they come from a validated contract
"""Upkeep of Iceberg tables: what maintenance, rollback and erasure do beside reading and writing rows.

Orphan files are removed through the Java action, not the SQL procedure: the procedure refuses files younger than a day,
and an erasure must not leave those of a killed attempt. That is safe because a care run holds the dataset's lock, so
that nobody writes meanwhile. Files are listed by the table's own FileIO below its location with a final slash, so that
neither the scheme (s3, s3a) nor a table whose name starts alike comes into it.
Source: Iceberg 1.11, "Spark Procedures", remove_orphan_files; org.apache.iceberg.util.FileSystemWalker.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pyspark.sql import SparkSession

from glue_jobs.tables import TableState
from glue_jobs.tables.iceberg.tables import CATALOG, IcebergTables
from rows.iceberg import RUN_BRANCHES
from rows.tables import Table

MANIFESTS_WORTH_JOINING = (
    20  # Iceberg itself joins them at 100 (commit.manifest.min-count-to-merge)
)
FEWEST_FILES = 5  # of a partition, before small ones are joined: the default of rewrite_data_files


class IcebergUpkeep:
    """Implements glue_jobs.tables.Upkeep."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._tables = IcebergTables(spark)

    def state(self, table: Table) -> TableState:
        figures = (
            "sum(record_count) AS rows, count(*) AS files, sum(file_size_in_bytes) AS size_bytes"
        )
        found = self._spark.sql(f"SELECT {figures} FROM {_name(table)}.files").collect()[0]
        return TableState(
            version=self._tables.head(table),
            rows=found["rows"] or 0,
            files=found["files"],
            size_bytes=found["size_bytes"] or 0,
        )

    def ancestors(self, table: Table) -> list[int]:
        return self._tables.ancestors(table)

    def summary(self, table: Table) -> dict[str, str]:
        published = self._tables.head(table)
        rows = self._spark.sql(
            f"SELECT snapshot_id, summary FROM {_name(table)}.snapshots"
        ).collect()
        return next((dict(row["summary"]) for row in rows if row["snapshot_id"] == published), {})

    def drop_drafts(self, table: Table, *, published_only: bool = False) -> None:
        known = self.ancestors(table) if published_only else []
        branches = self._spark.sql(
            f"SELECT name, snapshot_id FROM {_name(table)}.refs WHERE type = 'BRANCH'"
        ).collect()
        for row in branches:
            if row["name"].startswith(RUN_BRANCHES) and (
                not published_only or row["snapshot_id"] in known
            ):
                self._spark.sql(f"ALTER TABLE {_name(table)} DROP BRANCH `{row['name']}`")

    def set_property(self, table: Table, name: str, value: str) -> None:
        self._spark.sql(f"ALTER TABLE {_name(table)} SET TBLPROPERTIES ('{name}' = '{value}')")

    def delete(self, table: Table, condition: str) -> None:
        if (
            self._tables.read(table).where(condition).take(1)
        ):  # a DELETE of nothing would be a snapshot all the same
            self._spark.sql(f"DELETE FROM {_name(table)} WHERE {condition}")

    def compact(self, table: Table, target_mb: int) -> None:
        options = {
            "target-file-size-bytes": target_mb * 1024 * 1024,
            "min-input-files": FEWEST_FILES,
            "partial-progress.enabled": "false",
        }
        given = ", ".join(f"'{name}', '{value}'" for name, value in options.items())
        self._call(table, "rewrite_data_files", f"strategy => 'binpack', options => map({given})")
        manifests = self._spark.sql(f"SELECT count(*) FROM {_name(table)}.manifests").collect()[0][
            0
        ]
        if manifests >= MANIFESTS_WORTH_JOINING:
            self._call(table, "rewrite_manifests")

    def remember(self, table: Table, properties: dict[str, str]) -> None:
        writer = self._spark.table(_name(table)).limit(0).writeTo(_name(table))
        for name, value in properties.items():
            writer = writer.option(f"snapshot-property.{name}", value)
        writer.append()

    def rollback(self, table: Table, version: int | None) -> None:
        if version is None:
            self.delete(table, "TRUE")
        elif self._tables.head(table) != version:
            self._call(table, "rollback_to_snapshot", f"snapshot_id => {version}")

    def expire(self, table: Table, older_than: datetime, least: int) -> None:
        moment = older_than.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        self._call(
            table, "expire_snapshots", f"older_than => TIMESTAMP '{moment}', retain_last => {least}"
        )

    def expire_all_but_published(self, table: Table) -> None:
        rows = self._spark.sql(f"SELECT snapshot_id FROM {_name(table)}.snapshots").collect()
        others = [
            str(row["snapshot_id"])
            for row in rows
            if row["snapshot_id"] != self._tables.head(table)
        ]
        if others:
            self._call(table, "expire_snapshots", f"snapshot_ids => array({', '.join(others)})")

    def remove_orphans(self, table: Table, older_than: datetime) -> int:
        session, actions = _java_session(self._spark), self._java.org.apache.iceberg.spark
        loaded = actions.Spark3Util.loadIcebergTable(session, _name(table))
        action = (
            actions.actions.SparkActions.get(session)
            .deleteOrphanFiles(loaded)
            .usePrefixListing(True)
        )
        result = action.olderThan(int(older_than.timestamp() * 1000)).execute()
        return sum(
            1 for _ in result.orphanFileLocations()
        )  # orphanFilesCount came with Iceberg 1.11

    @property
    def _java(self) -> Any:
        return (
            self._spark.sparkContext._jvm
        )  # the Java side of a session has no public name in PySpark

    def _call(self, table: Table, procedure: str, arguments: str = "") -> None:
        given = ", ".join(
            [f"table => '{table.database}.{table.name}'", *([arguments] if arguments else [])]
        )
        self._spark.sql(f"CALL {CATALOG}.system.{procedure}({given})").collect()


def _name(table: Table) -> str:
    return f"{CATALOG}.{table.database}.{table.name}"


def _java_session(spark: SparkSession) -> Any:
    return spark._jsparkSession
