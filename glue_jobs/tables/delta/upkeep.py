# ruff: noqa: S608 - names cannot be bound as parameters; they come from a validated contract
"""Upkeep of Delta tables: what maintenance, rollback and erasure do besides reading and writing rows.

Not VACUUM: it removes the files of a draft that waits for people, which the table's log does not know, and it counts in
hours, not in versions to keep. Not RESTORE: it also takes back columns and properties. Instead, files are listed, and
rollback commits files as publishing does. That is safe because a care run holds the dataset's lock.
Source: Delta documentation, "Remove files no longer referenced by a Delta table", "Restore a Delta table".
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from pyspark.sql import SparkSession

from glue_jobs.tables import TableState
from glue_jobs.tables.delta import drafts, files
from glue_jobs.tables.delta.history import own_notes, states
from glue_jobs.tables.delta.log import Commit, Log
from glue_jobs.tables.delta.tables import DeltaTables, set_property
from rows.partitions import partition_field
from rows.tables import Table

FEWEST_FILES = 5  # of a partition, before small ones are joined: as Iceberg does
SMALL_SHARE = 0.75  # of the target size: as Iceberg's rewrite_data_files (min-file-size-bytes)
FOLDERS = ("_delta_log/", "_slipway/")  # not of rows
OPTIMIZE = "spark.databricks.delta.optimize"


class DeltaUpkeep:
    """Implements glue_jobs.tables.Upkeep."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._tables = DeltaTables(spark)

    def state(self, table: Table) -> TableState:
        live = self._log(table).live_files().values()
        return TableState(
            version=self._tables.head(table),
            rows=sum(int(json.loads(file["stats"])["numRecords"]) for file in live),
            files=len(live),
            size_bytes=sum(int(file["size"]) for file in live),
        )

    def ancestors(self, table: Table) -> list[int]:
        return self._tables.ancestors(table)

    def summary(self, table: Table) -> dict[str, str]:
        newest = next(states(self._log(table)), None)
        return dict(newest.properties) if newest else {}

    def drop_drafts(self, table: Table, *, published_only: bool = False) -> None:
        path = self._tables.path(table)
        draft = drafts.current(self._spark, path)
        if draft is None:
            return
        head = self._tables.head(table, draft.name)
        if not published_only or head in self.ancestors(table):
            drafts.drop(self._spark, path, draft)

    def set_property(self, table: Table, name: str, value: str) -> None:
        set_property(self._spark, table, name, value)

    def delete(self, table: Table, condition: str) -> None:
        if self._tables.read(table).where(condition).take(1):
            name = f"delta.`{self._tables.path(table)}`"
            self._spark.sql(f"DELETE FROM {name} WHERE {condition}")

    def compact(self, table: Table, target_mb: int) -> None:
        target = target_mb * 1024 * 1024
        field, least = partition_field(table), int(target * SMALL_SHARE)
        small = Counter(
            file["partitionValues"][field]
            for file in self._log(table).live_files().values()
            if file["size"] < least
        )
        days = [f"DATE '{day}'" for day, count in sorted(small.items()) if count >= FEWEST_FILES]
        if not days:
            return
        name = f"delta.`{self._tables.path(table)}`"
        with self._settings({"maxFileSize": target, "minFileSize": least}):
            self._spark.sql(f"OPTIMIZE {name} WHERE `{field}` IN ({', '.join(days)})").collect()

    def remember(self, table: Table, properties: dict[str, str]) -> None:
        log = self._log(table)
        log.commit_files(log.live_files(), properties, base=log.version())

    def rollback(self, table: Table, version: int | None) -> None:
        if version is None:
            self.delete(table, "TRUE")
        elif self._tables.head(table) != version:
            log = self._log(table)
            wanted = next(state for state in states(log) if state.number == version)
            log.commit_files(log.live_files(wanted.at), own_notes(wanted), base=log.version())

    def expire(self, table: Table, older_than: datetime, least: int) -> None:
        moment = older_than.timestamp() * 1000
        kept = [
            state
            for place, state in enumerate(states(self._log(table)))
            if place < least or state.timestamp_ms >= moment
        ]
        if kept:
            self._forget_before(table, min(state.at for state in kept))

    def expire_all_but_published(self, table: Table) -> None:
        log = self._log(table)
        newest = next(states(log), None)
        if newest is None:
            return
        # A commit that says the same once more: the last one may hold least and greatest values of files that left.
        log.commit_files(log.live_files(), own_notes(newest), base=log.version())
        self._forget_before(table, log.version())

    def remove_orphans(self, table: Table, older_than: datetime) -> int:
        path, moment = self._tables.path(table), older_than.timestamp() * 1000
        prefix, known = f"{files.qualified(self._spark, path)}/", self._known(table)
        orphans = [
            uri
            for uri, written_ms in files.below(self._spark, path)
            if written_ms < moment and not _is_known(uri.removeprefix(prefix), known)
        ]
        for uri in orphans:
            files.remove(self._spark, uri)
        return len(orphans)

    def _forget_before(self, table: Table, commit: int) -> None:
        """Forget the states before a commit, then the files that only they had."""
        log = self._log(table)
        left = {file["path"] for old in _commits(log, commit) for file in old.removes}
        log.forget_before(commit)
        for name in left - self._known(table):
            files.remove(self._spark, f"{files.qualified(self._spark, log.path)}/{name}")

    def _known(self, table: Table) -> set[str]:
        """Names below the table of files that a kept state or the draft has, and the folder of the draft's log."""
        log, path = self._log(table), self._tables.path(table)
        newest = log.version()
        oldest = min((commit.version for commit in _commits(log, newest)), default=newest)
        known = set(log.live_files(oldest))
        for commit in _commits(log, newest):
            known |= {file["path"] for file in commit.adds}
        draft = drafts.current(self._spark, path)
        if draft:
            known |= set(drafts.published_files(self._spark, path, draft))
            known.add(f"{draft.folder}/_delta_log/")
        return known

    @contextmanager
    def _settings(self, sizes: Mapping[str, int]) -> Iterator[None]:
        """Sizes of OPTIMIZE, which takes them from the session only."""
        for name, size in sizes.items():
            self._spark.conf.set(f"{OPTIMIZE}.{name}", size)
        try:
            yield
        finally:
            for name in sizes:
                self._spark.conf.unset(f"{OPTIMIZE}.{name}")

    def _log(self, table: Table) -> Log:
        return self._tables.log(table)


def _commits(log: Log, newest: int) -> Iterator[Commit]:
    """That commit and those before it, newest first, as far back as the log is kept."""
    number = newest
    while number >= 0 and (commit := log.commit_at(number)):
        yield commit
        number -= 1


def _is_known(name: str, known: set[str]) -> bool:
    return name in known or name.startswith(FOLDERS) or f"{name.rpartition('/')[0]}/" in known
