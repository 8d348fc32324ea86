# ruff: noqa: S608 - names cannot be bound as parameters; they come from a validated contract and naming.branch
"""Iceberg tables of the DuckDB engine: DuckDB reads and writes data files, pyiceberg commits them.

Each write is one snapshot on top of the head that this object knows, or it is refused: an attempt that was taken for
dead may still run, and must neither publish nor mix its rows with those of the next attempt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import BooleanExpression
from pyiceberg.manifest import DataFile, ManifestEntryStatus
from pyiceberg.table import FileScanTask
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table.snapshots import Operation, Snapshot

from contracts.errors import NeedsSpark, PermanentError, RetryableError
from duckdb_jobs.tables import data_files, definition, drafts, expiry
from duckdb_jobs.tables.local_files import LocalFiles
from duckdb_jobs.tables.pruning import Pruning, Spans
from duckdb_jobs.tables.relations import FILE, ROW, listed, quoted, relation, text
from pipeline.run_documents import TableFigures
from rows.cuts import Published
from rows.iceberg import MAIN, PROPERTIES, first_day
from rows.partitions import missing_properties
from rows.tables import Table

CHANGED = (
    "_changed_rows"  # the place of a row that leaves (null: none does), and what comes in its place
)


@dataclass(frozen=True, kw_only=True)
class _Held:
    """The rows of a table that an operation may concern, with the file and number of each."""

    loaded: IcebergTable
    files: Mapping[Path, DataFile]

    @property
    def rows(self) -> str:
        return relation(list(self.files), self.loaded.schema(), with_place=True)

    def among(self, names: list[str]) -> str:
        """The rows of the files with these names."""
        paths = [path for path in self.files if str(path) in names]
        return relation(paths, self.loaded.schema(), with_place=True)


class DuckDbTables:
    """Implements rows.table_operations.TableOperations over relations of DuckDB.

    Rows are text that stands after FROM: the name of a relation, or a query in brackets.
    """

    def __init__(
        self, database: duckdb.DuckDBPyConnection, catalog: Catalog, files: LocalFiles
    ) -> None:
        self.database, self._catalog, self._files = database, catalog, files
        self._heads: dict[tuple[str, str], int] = {}  # of drafts that this object opened

    def ensure(self, table: Table, *, may_evolve: bool) -> list[str]:
        if not self.exists(table):
            # Not create_table_if_not_exists: it leaves a metadata file behind when the table is there.
            schema = definition.new_schema(table)
            self._catalog.create_table(
                (table.database, table.name),
                schema,
                location=table.location,
                partition_spec=definition.new_partitioning(table, schema),
                properties={**PROPERTIES, "comment": table.comment, **table.properties},
            )
        loaded = self._load(table)
        missing = missing_properties(_name(table), loaded.properties, table)
        found = definition.required_changes(table, loaded, may_evolve=may_evolve)
        definition.change(table, loaded, columns=bool(found), properties=missing)
        return [difference.sentence for difference in found]

    def exists(self, table: Table) -> bool:
        return self._catalog.table_exists((table.database, table.name))

    def column_names(self, table: Table) -> list[str]:
        return [field.name for field in self._load(table).schema().fields]

    def start_draft(self, table: Table, draft: str) -> int | None:
        published, start = drafts.open_draft(self._load(table), draft)
        self._heads[_name(table), draft] = start
        return published

    def head(self, table: Table, draft: str | None = None) -> int | None:
        return self._head(table, self._load(table), draft)

    def published(self, table: Table) -> Published | None:
        """The published version of the table and since when; None when there is no table or nothing in it.

        Raises RetryableError when the table's log does not end with that version.
        """
        if not self.exists(table):
            return None
        loaded = self._load(table)
        version = drafts.head(loaded, MAIN)
        if version is None:
            return None
        log = loaded.metadata.snapshot_log
        if not log or log[-1].snapshot_id != version:
            raise RetryableError(
                f"{_name(table)}: the log of published versions does not end with {version}, which is published; "
                "nobody can tell since when it is"
            )
        return Published(version=version, since_millis=log[-1].timestamp_ms)

    def expire(self, table: Table, older_than: datetime, least: int) -> int:
        """Let versions from before a moment leave with their files, but the newest `least`; how many left."""
        return expiry.expire(self._load(table), older_than, least) if self.exists(table) else 0

    def history(self, table: Table) -> list[tuple[int, dict[str, str]]]:
        """The published version and those it was built on, newest first, each with its properties."""
        loaded = self._load(table)
        return [
            (step.snapshot_id, dict(step.summary.additional_properties) if step.summary else {})
            for step in drafts.ancestry(loaded, drafts.head(loaded, MAIN))
        ]

    def roll_back(self, table: Table, version: int) -> None:
        """Publish an earlier version again, of which the published one is built; again is harmless."""
        drafts.roll_back(self._load(table), version)

    def read(
        self,
        table: Table,
        *,
        draft: str | None = None,
        version: int | None = None,
        where: str = "TRUE",
    ) -> str:
        """As the interface says, and only rows for which `where` holds, of files that may have any."""
        loaded = self._load(table)
        at = version if version is not None else self._head(table, loaded, draft)
        held = self._held(table, loaded, at, self._pruning(loaded).expression(where))
        return f"(SELECT * FROM {relation(list(held.files), loaded.schema())} AS t WHERE {where})"

    def count(self, table: Table, version: int) -> int:
        """Rows of a version, as its manifests count them: no data file is read."""
        tasks = self._load(table).scan(snapshot_id=version).plan_files()
        return sum(task.file.record_count for task in _without_deletes(tasks, table))

    def figures(self, table: Table, version: int) -> TableFigures:
        """Rows, data files and their size in a version, as its manifests count them."""
        loaded = self._load(table)
        if loaded.snapshot_by_id(version) is None:  # it has expired
            return TableFigures(snapshot=version, rows=0, files=0, bytes=0)
        files = [
            task.file
            for task in _without_deletes(loaded.scan(snapshot_id=version).plan_files(), table)
        ]
        return TableFigures(
            snapshot=version,
            rows=sum(file.record_count for file in files),
            files=len(files),
            bytes=sum(file.file_size_in_bytes for file in files),
        )

    def partition_bytes(self, table: Table, version: int) -> dict[date, int]:
        """Bytes of the data files of a version, by the first day of their partition."""
        sizes: dict[date, int] = {}
        tasks = self._load(table).scan(snapshot_id=version).plan_files()
        for task in _without_deletes(tasks, table):
            day = first_day(table, task.file.partition[0])
            sizes[day] = sizes.get(day, 0) + task.file.file_size_in_bytes
        return sizes

    def forget_files(self) -> None:
        """Remove the data files that were fetched, so that others may be."""
        self._files.forget()

    def append(self, table: Table, draft: str, rows: str) -> None:
        loaded = self._draft(table, draft)
        self._commit(table, draft, loaded, added=self._written(table, loaded, rows))

    def delete(self, table: Table, draft: str, condition: str) -> None:
        held = self._concerned(table, self._draft(table, draft), draft, condition)
        self._leave(held, condition)
        self._overwrite(table, draft, held)

    def merge(self, table: Table, draft: str, rows: str, *, on: str, newer: str) -> None:
        held = self._matching(table, draft, rows, on)
        columns = listed(held.loaded.schema(), "s.")
        self._create_changed(
            f"SELECT t.{FILE}, t.{ROW}, {columns} FROM {held.rows} AS t JOIN {rows} AS s ON {on} "
            f"WHERE {newer} UNION ALL SELECT NULL, NULL, {columns} FROM {rows} AS s "
            f"WHERE NOT EXISTS (SELECT 1 FROM {held.rows} AS t WHERE {on})"
        )
        self._overwrite(table, draft, held, added=CHANGED)

    def update(
        self,
        table: Table,
        draft: str,
        rows: str,
        *,
        on: str,
        when: str,
        values: dict[str, str],
    ) -> None:
        held = self._matching(table, draft, rows, on)
        columns = ", ".join(
            f"{values.get(field.name, f't.{quoted(field.name)}')} AS {quoted(field.name)}"
            for field in held.loaded.schema().fields
        )
        self._create_changed(
            f"SELECT t.{FILE}, t.{ROW}, {columns} FROM {held.rows} AS t JOIN {rows} AS s ON {on} "
            f"WHERE {when}"
        )
        self._overwrite(table, draft, held, added=CHANGED)

    def record(self, table: Table, rows: str, *, run_id: str) -> None:
        mine = f"run_id = {text(run_id)}"
        held = self._concerned(table, self._load(table), MAIN, mine)
        self._leave(held, mine)
        self._overwrite(table, MAIN, held, added=rows)

    def replace(
        self,
        table: Table,
        draft: str,
        rows: str,
        condition: str,
        properties: dict[str, str],
    ) -> None:
        held = self._concerned(table, self._draft(table, draft), draft, condition)
        self._leave(held, condition)
        self._overwrite(table, draft, held, added=rows, properties=properties)

    def changed_partitions(self, table: Table, since: int, until: int) -> list[date] | None:
        loaded = self._load(table)
        steps = drafts.ancestry(loaded, until)
        known = [step.snapshot_id for step in steps]
        if since not in known:
            return None
        values = {
            value
            for step in steps[: known.index(since)]
            # A compaction replaces files without changing a row, so what it did is not looked at.
            if step.summary is None or step.summary.operation is not Operation.REPLACE
            for value in _partitions(loaded, step)
        }
        return sorted(first_day(table, value) for value in values)

    def last_properties(self, table: Table, marker: str) -> dict[str, str]:
        return next((found for _, found in self.history(table) if marker in found), {})

    def properties(self, table: Table) -> dict[str, str]:
        return dict(self._load(table).properties)

    def publish(self, table: Table, draft: str, version: int) -> None:
        loaded = self._load(table)
        head = drafts.head(loaded, draft)
        if head == version:
            self._publish(table, loaded, draft, version)
        elif not drafts.is_published(loaded, version):
            raise RetryableError(
                f"{_name(table)}: branch {draft!r} is at snapshot {head}, not at the expected {version}, "
                f"which is not published either; {drafts.AGAIN}"
            )
        self._heads.pop((_name(table), draft), None)

    def _publish(self, table: Table, loaded: IcebergTable, draft: str, version: int) -> None:
        try:
            drafts.publish(loaded, draft, version)
        except RetryableError:
            if not drafts.is_published(self._load(table), version):  # or by another attempt
                raise

    def _load(self, table: Table) -> IcebergTable:
        return self._catalog.load_table((table.database, table.name))

    def _draft(self, table: Table, draft: str) -> IcebergTable:
        """The table, whose draft is where this object left it. Raises RetryableError when it is not."""
        loaded = self._load(table)
        if self._head(table, loaded, draft) is None:
            raise RetryableError(f"{_name(table)}: the branch {draft!r} is gone; {drafts.AGAIN}")
        return loaded

    def _head(self, table: Table, loaded: IcebergTable, draft: str | None) -> int | None:
        head = drafts.head(loaded, draft or MAIN)
        known = self._heads.get((_name(table), draft or MAIN), head)
        if head != known:
            raise RetryableError(
                f"{_name(table)}: branch {draft!r} is at snapshot {head}, not at {known}, where this attempt "
                f"left it: another attempt has begun; {drafts.AGAIN}"
            )
        return head

    def _pruning(self, loaded: IcebergTable) -> Pruning:
        return Pruning(self.database, loaded.schema())

    def _concerned(self, table: Table, loaded: IcebergTable, branch: str, condition: str) -> _Held:
        """What a branch holds in files that may have rows for which the condition holds."""
        expression = self._pruning(loaded).expression(condition)
        return self._held(table, loaded, drafts.head(loaded, branch), expression)

    def _matching(self, table: Table, draft: str, rows: str, on: str) -> _Held:
        """What the draft holds in files that may have rows that match some of `rows`."""
        loaded = self._draft(table, draft)
        pruning = self._pruning(loaded)
        expression = pruning.expression(on, self._spans(rows, pruning.joined(on)))
        return self._held(table, loaded, drafts.head(loaded, draft), expression)

    def _spans(self, rows: str, columns: list[str]) -> Spans:
        """Least and greatest value of each column."""
        if not columns:
            return {}
        ends = ", ".join(f"min({quoted(name)}), max({quoted(name)})" for name in columns)
        (found,) = self.database.execute(f"SELECT {ends} FROM {rows}").fetchall()
        return dict(zip(columns, zip(found[::2], found[1::2], strict=True), strict=True))

    def _held(
        self, table: Table, loaded: IcebergTable, at: int | None, expression: BooleanExpression
    ) -> _Held:
        if at is None:
            return _Held(loaded=loaded, files={})
        planned = loaded.scan(row_filter=expression, snapshot_id=at).plan_files()
        tasks = _without_deletes(planned, table)
        files = self._files.fetched([task.file for task in tasks], _name(table))
        return _Held(loaded=loaded, files=files)

    def _leave(self, held: _Held, condition: str) -> None:
        """Note the places of the rows for which the condition holds."""
        self._create_changed(f"SELECT t.{FILE}, t.{ROW} FROM {held.rows} AS t WHERE {condition}")

    def _create_changed(self, query: str) -> None:
        self.database.execute(f"CREATE OR REPLACE TEMP TABLE {CHANGED} AS {query}")

    def _overwrite(
        self,
        table: Table,
        draft: str,
        held: _Held,
        *,
        added: str | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        """Write the files of the rows that leave anew, without them and with `added`, in one snapshot."""
        left = self._files_left(table)
        columns = listed(held.loaded.schema())
        rows = f"SELECT {columns} FROM {held.among(left)} AS t ANTI JOIN {CHANGED} USING ({FILE}, {ROW})"
        if added:
            rows += f" UNION ALL SELECT {columns} FROM {added}"
        written = self._written(table, held.loaded, f"({rows})")
        removed = [file for path, file in held.files.items() if str(path) in left]
        self.database.execute(f"DROP TABLE {CHANGED}")
        if written or removed or properties:
            self._commit(
                table, draft, held.loaded, added=written, removed=removed, properties=properties
            )

    def _files_left(self, table: Table) -> list[str]:
        """Names of the files that rows leave. Raises PermanentError when two rows come in the place of one."""
        places = self.database.execute(
            f"SELECT {FILE}, count(*), count(DISTINCT {ROW}) FROM {CHANGED} WHERE {FILE} IS NOT NULL GROUP BY 1"
        ).fetchall()
        if any(rows != different for _, rows, different in places):
            raise PermanentError(
                f"{_name(table)}: two rows of the batch match one row of the table, and only one can take its place"
            )
        return [name for name, _, _ in places]

    def _written(self, table: Table, loaded: IcebergTable, rows: str) -> list[DataFile]:
        return data_files.write(self.database, self._files, table, loaded, rows)

    def _commit(
        self,
        table: Table,
        branch: str,
        loaded: IcebergTable,
        *,
        added: list[DataFile],
        removed: list[DataFile] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        made = drafts.commit(
            loaded, branch, added=added, removed=removed or (), properties=properties or {}
        )
        if branch != MAIN:
            self._heads[_name(table), branch] = made


def _name(table: Table) -> str:
    return definition.name(table)


def _without_deletes(planned: Iterable[FileScanTask], table: Table) -> list[FileScanTask]:
    tasks = list(planned)
    if any(task.delete_files for task in tasks):
        raise NeedsSpark(f"{_name(table)} has files with row deletes, which only Spark applies")
    return tasks


def _partitions(loaded: IcebergTable, step: Snapshot) -> set[int | date]:
    """Partition values of the files that the snapshot added or removed."""
    return {
        entry.data_file.partition[0]
        for manifest in step.manifests(loaded.io)
        if manifest.added_snapshot_id == step.snapshot_id
        for entry in manifest.fetch_manifest_entry(loaded.io, discard_deleted=False)
        if entry.snapshot_id == step.snapshot_id
        and entry.status is not ManifestEntryStatus.EXISTING
    }
