# ruff: noqa: S608 - names cannot be bound as parameters; they come from a validated contract
"""Delta tables by their paths. A draft is a second log inside the table's folder, publishing one commit of metadata.

Iceberg hides a partition by month; Delta partitions by columns only. So a table by day, month or year has one more
column with the first day of the row's period, which `read` leaves out. Merges rewrite files (no deletion vectors), so
Athena reads plain files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from itertools import takewhile
from typing import assert_never

from pyspark.sql import Column, DataFrame, DataFrameWriter, SparkSession
from pyspark.sql import functions as F

from contracts.errors import RetryableError
from glue_jobs.tables.delta import drafts
from glue_jobs.tables.delta.catalog import catalog_of, path_of
from glue_jobs.tables.delta.drafts import Draft
from glue_jobs.tables.delta.history import VERSION, State, changed_files, states
from glue_jobs.tables.delta.log import Log
from rows import evolution
from rows.partitions import missing_properties, partition_field, require_partitioning
from rows.tables import Table, TableColumn

KEPT = "interval 3650 days"  # the log and files that left it are forgotten by upkeep alone, never in passing
PROPERTIES = {
    "delta.enableDeletionVectors": "false",
    "delta.autoOptimize.optimizeWrite": "true",  # one file per partition and run, not one per task
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": KEPT,
    "delta.deletedFileRetentionDuration": KEPT,
}
EVERY_ROW = "TRUE"


class DeltaTables:
    """Implements rows.table_operations.TableOperations over frames."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark

    def ensure(self, table: Table, *, may_evolve: bool) -> list[str]:
        catalog, path = catalog_of(self._spark), self.path(table)
        catalog.require_free(table)
        if not self.exists(table):
            self._create(table)
        missing = missing_properties(_name(table), self.properties(table), table)
        changes = self._evolve(table, may_evolve=may_evolve)
        if missing:
            self._alter(table, f"SET TBLPROPERTIES ({_pairs(missing)})")
        catalog.register(table, _columns(table), path)
        return changes

    def exists(self, table: Table) -> bool:
        return self.log(table).exists()

    def column_names(self, table: Table) -> list[str]:
        return self.read(table).columns

    def start_draft(self, table: Table, draft: str) -> int | None:
        published = self._published(table)
        drafts.start(self._spark, self.path(table), draft, published)
        return published.number if published else None

    def head(self, table: Table, draft: str | None = None) -> int | None:
        if draft is None:
            published = self._published(table)
            return published.number if published else None
        found = self._draft(table, draft)
        return found.number(self._draft_log(table, found).version()) if found else None

    def read(
        self,
        table: Table,
        *,
        draft: str | None = None,
        version: int | None = None,
        where: str = "TRUE",
    ) -> DataFrame:
        reader = self._spark.read.format("delta")
        if version is not None:
            state = self._state(table, version)
            rows = reader.option("versionAsOf", state.at).load(state.log.path)
        else:
            rows = reader.load(
                self._require_draft(table, draft).path if draft else self.path(table)
            )
        return rows.drop(*_added_columns(table)).where(where)

    def append(self, table: Table, draft: str, rows: DataFrame) -> None:
        log = self._require_draft(table, draft)
        _writer(table, rows).mode("append").save(log.path)

    def delete(self, table: Table, draft: str, condition: str) -> None:
        log = self._require_draft(table, draft)
        self._spark.sql(f"DELETE FROM {_sql_name(log.path)} WHERE {condition}")

    def merge(self, table: Table, draft: str, rows: DataFrame, *, on: str, newer: str) -> None:
        log, view = self._require_draft(table, draft), f"merged_into_{table.name}"
        _placed(table, rows).createOrReplaceTempView(view)
        self._spark.sql(
            f"MERGE INTO {_sql_name(log.path)} t USING {view} s ON {on} "
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
        log, view = self._require_draft(table, draft), f"updates_of_{table.name}"
        rows.createOrReplaceTempView(view)
        moved = {
            name: _first_day_sql(table, values[table.partition_column])
            for name in _added_columns(table)
            if table.partition_column in values
        }
        assignments = ", ".join(f"t.`{name}` = {sql}" for name, sql in {**values, **moved}.items())
        self._spark.sql(
            f"MERGE INTO {_sql_name(log.path)} t USING {view} s ON {on} "
            f"WHEN MATCHED AND {when} THEN UPDATE SET {assignments}"
        )

    def record(self, table: Table, rows: DataFrame, *, run_id: str) -> None:
        mine = f"run_id = {_text(run_id)}"
        writer = _writer(table, rows).mode("overwrite").option("replaceWhere", mine)
        writer.save(self.path(table))

    def replace(
        self,
        table: Table,
        draft: str,
        rows: DataFrame,
        condition: str,
        properties: dict[str, str],
    ) -> None:
        log = self._require_draft(table, draft)
        writer = _writer(table, rows).mode("overwrite")
        writer = writer.option("userMetadata", json.dumps(properties))
        if condition != EVERY_ROW:
            writer = writer.option("replaceWhere", condition)
        writer.save(log.path)

    def changed_partitions(self, table: Table, since: int, until: int) -> list[date] | None:
        steps: list[State] = []
        for state in drafts.lineage(self._spark, self.path(table), until):
            if state.number == since:
                field = partition_field(table)
                days = {file["partitionValues"][field] for file in changed_files(steps)}
                return sorted(date.fromisoformat(day) for day in days)
            if state.step is None and state.log.path == self.path(table):
                return None
            steps.append(state)
        return None

    def last_properties(self, table: Table, marker: str) -> dict[str, str]:
        found = (state.properties for state in states(self.log(table)))
        return next((dict(properties) for properties in found if marker in properties), {})

    def ancestors(self, table: Table) -> list[int]:
        """The published state and those it was built on, newest first, as far back as they are kept."""
        return [state.number for state in states(self.log(table))]

    def properties(self, table: Table) -> dict[str, str]:
        return dict(self.log(table).metadata()["configuration"])

    def publish(self, table: Table, draft: str, version: int) -> None:
        found = self._draft(table, draft)
        if found is None or found.number(self._draft_log(table, found).version()) != version:
            if version not in self.ancestors(table):
                raise self._refused(table, draft, version)
            return
        if not self._is_published(table, found, version):
            self._publish(table, found, version)
        drafts.drop(self._spark, self.path(table), found)

    def path(self, table: Table) -> str:
        """Where the table lies."""
        return path_of(self._spark, table)

    def log(self, table: Table) -> Log:
        """The log of what is published."""
        return Log(self._spark, self.path(table))

    def _is_published(self, table: Table, draft: Draft, version: int) -> bool:
        """Whether nothing was written, or an attempt was killed before it dropped the draft."""
        since = takewhile(lambda state: state.at > draft.base_commit, states(self.log(table)))
        return version == draft.base or any(state.number == version for state in since)

    def _publish(self, table: Table, draft: Draft, version: int) -> None:
        path, newest = self.path(table), version - draft.first
        notes: dict[str, str] = {}
        for state in drafts.draft_states(self._spark, path, draft, newest):
            notes = {**state.properties, **notes}
        self.log(table).commit_files(
            drafts.published_files(self._spark, path, draft),
            {**notes, VERSION: str(version)},
            base=draft.base_commit,
        )

    def _refused(self, table: Table, draft: str, version: int) -> RetryableError:
        return RetryableError(
            f"{_name(table)}: draft {draft!r} is at version {self.head(table, draft)}, not at the expected {version}, "
            "which is not published either; run the whole batch again"
        )

    def _published(self, table: Table) -> State | None:
        return next(states(self.log(table)), None)

    def _draft(self, table: Table, name: str) -> Draft | None:
        found = drafts.current(self._spark, self.path(table))
        return found if found and found.name == name else None

    def _draft_log(self, table: Table, draft: Draft) -> Log:
        return draft.log(self._spark, self.path(table))

    def _require_draft(self, table: Table, name: str) -> Log:
        found = self._draft(table, name)
        if found is None:
            raise RetryableError(
                f"{_name(table)}: draft {name!r} is gone, most likely because another run began one; "
                "run the whole batch again"
            )
        return self._draft_log(table, found)

    def _state(self, table: Table, number: int) -> State:
        found = next(drafts.lineage(self._spark, self.path(table), number), None)
        if found is None:
            raise RetryableError(
                f"{_name(table)}: version {number} is not kept; run the whole batch again"
            )
        return found

    def _create(self, table: Table) -> None:
        columns = ", ".join(_definition(column) for column in _columns(table))
        self._spark.sql(
            f"CREATE TABLE IF NOT EXISTS {_sql_name(self.path(table))} ({columns}) USING delta "
            f"PARTITIONED BY (`{partition_field(table)}`) COMMENT {_text(table.comment)} "
            f"TBLPROPERTIES ({_pairs({**PROPERTIES, **table.properties})})"
        )

    def _evolve(self, table: Table, *, may_evolve: bool) -> list[str]:
        require_partitioning(_name(table), self.log(table).metadata()["partitionColumns"], table)
        schema = self.read(table).schema
        existing = {field.name: field.dataType.simpleString() for field in schema}
        found = evolution.differences(existing, table, may_widen=False)
        evolution.require_safe(_name(table), found, may_evolve=may_evolve)
        for column in table.columns:
            if column.name not in existing:
                self._alter(table, f"ADD COLUMNS ({_definition(column)})")
        if found:
            names = list(self.read(table).columns)
            for name, before in evolution.moves(names, table):
                place = f"AFTER `{before}`" if before else "FIRST"
                self._alter(table, f"ALTER COLUMN `{name}` {place}")
        return [difference.sentence for difference in found]

    def _alter(self, table: Table, change: str) -> None:
        self._spark.sql(f"ALTER TABLE {_sql_name(self.path(table))} {change}")


def set_property(spark: SparkSession, table: Table, name: str, value: str) -> None:
    """Set a property of the table itself."""
    pairs = _pairs({name: value})
    spark.sql(f"ALTER TABLE {_sql_name(path_of(spark, table))} SET TBLPROPERTIES ({pairs})")


def _name(table: Table) -> str:
    return f"{table.database}.{table.name}"


def _sql_name(path: str) -> str:
    return f"delta.`{path}`"


def _columns(table: Table) -> tuple[TableColumn, ...]:
    """Those of the contract, and the one by which the table is partitioned."""
    comment = f"First day of the {table.partition_transform} of {table.partition_column}."
    added = (TableColumn(name=name, type="date", comment=comment) for name in _added_columns(table))
    return (*table.columns, *added)


def _added_columns(table: Table) -> list[str]:
    match table.partition_transform:
        case "identity":
            return []
        case "day" | "month" | "year":
            return [partition_field(table)]
        case _:
            assert_never(table.partition_transform)


def _first_day_sql(table: Table, value: str) -> str:
    day = f"CAST({value} AS DATE)"
    return (
        day
        if table.partition_transform == "day"
        else f"trunc({day}, '{table.partition_transform}')"
    )


def _placed(table: Table, rows: DataFrame) -> DataFrame:
    """The table's columns in their order, each row with its partition."""
    columns: list[Column] = [F.col(column.name) for column in table.columns]
    day = _first_day_sql(table, f"`{table.partition_column}`")
    return rows.select(*columns, *(F.expr(day).alias(name) for name in _added_columns(table)))


def _writer(table: Table, rows: DataFrame) -> DataFrameWriter:
    return _placed(table, rows).write.format("delta")


def _definition(column: TableColumn) -> str:
    return f"`{column.name}` {column.type} COMMENT {_text(column.comment)}"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _pairs(properties: Mapping[str, str]) -> str:
    return ", ".join(f"{_text(name)} = {_text(value)}" for name, value in properties.items())
