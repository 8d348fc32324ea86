"""The log of a Delta table: its versions, its live files, and one commit that changes files without rewriting any.

Reading follows Delta's published protocol: a commit is a file of JSON lines. Two things have no public API, a commit of
files by their names and a checkpoint of a chosen version: they go to classes inside Delta 4.2 (`DeltaLog`,
`OptimisticTransaction`, `Action`), which tests/spark/test_delta.py pins.
Source: Delta transaction log protocol, "Actions" and "Checkpoints"; delta-spark 4.2.0, org.apache.spark.sql.delta.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped] # py4j has no types
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from contracts.errors import RetryableError
from glue_jobs.tables.delta import files

USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"
LOG_FILE = re.compile(r"(\d{20})\..*")
COMMIT = re.compile(r"(\d{20})\.json")
CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\.parquet")
DataFile = dict[str, Any]  # an `add` action: path, partitionValues, size, modificationTime, stats


@dataclass(frozen=True, kw_only=True)
class Commit:
    """What one version of the log did. `notes` are the strings that its writer left with it."""

    version: int
    timestamp_ms: int
    notes: Mapping[str, str]
    adds: tuple[DataFile, ...]
    removes: tuple[DataFile, ...]

    @property
    def changed(self) -> Iterator[DataFile]:
        """Files by which rows may have changed: a compaction says of its files that none did."""
        return (file for file in (*self.adds, *self.removes) if file.get("dataChange"))


class Log:
    """The log of the table at `path`."""

    def __init__(self, spark: SparkSession, path: str) -> None:
        self._spark = spark
        self.path = path
        self.folder = f"{path}/_delta_log"

    def exists(self) -> bool:
        """Whether there is a table."""
        return files.exists(self._spark, self.folder)

    def version(self) -> int:
        """Number of the newest commit."""
        return max(self._numbers(COMMIT))

    def commit_at(self, version: int) -> Commit | None:
        """What a version did; None once the log has forgotten it."""
        text = files.read(self._spark, self._file(version))
        return None if text is None else _commit(version, text)

    def live_files(self, version: int | None = None) -> dict[str, DataFile]:
        """The files that the table consists of, by path; as of now, or of a version."""
        found: dict[str, DataFile] = {}
        gone: set[str] = set()
        for actions in self._newest_first(version):
            for action in actions:
                gone |= {action["remove"]["path"]} if "remove" in action else set()
            for action in actions:
                if "add" in action and action["add"]["path"] not in gone:
                    found.setdefault(action["add"]["path"], action["add"])
        return found

    def metadata(self) -> dict[str, Any]:
        """The `metaData` action: schema, partition columns, and the table's properties as `configuration`."""
        return self._last("metaData")

    def protocol(self) -> dict[str, Any]:
        """The `protocol` action, which says what a reader must know."""
        return self._last("protocol")

    def commit_files(
        self, wanted: Mapping[str, DataFile], notes: Mapping[str, str], *, base: int
    ) -> None:
        """Let the table consist of exactly these files, if its version is still `base`; no file is written.

        Raises RetryableError when the table has another version, or gets one meanwhile.
        """
        transaction = self._internal.startTransaction(self._none, self._none)
        if int(transaction.snapshot().version()) != base:
            raise self._moved(base)
        transaction.readWholeTable()
        actions = self._scala_actions(list(_changes(self.live_files(base), wanted)))
        operation = self._object("DeltaOperations$ManualUpdate$")
        self._spark.conf.set(USER_METADATA, json.dumps(dict(notes)))
        try:
            transaction.commit(actions, operation)
        except (Py4JJavaError, PySparkException) as error:
            if "Concurrent" in str(error) or "CONCURRENT" in str(error):
                raise self._moved(base) from error
            raise
        finally:
            self._spark.conf.unset(USER_METADATA)

    def forget_before(self, version: int) -> None:
        """Drop the log's files of earlier versions, after a checkpoint by which `version` can be read."""
        if version not in self._numbers(CHECKPOINT):
            none = self._none
            snapshot = self._internal.getSnapshotAt(version, none, none, False)
            self._internal.checkpoint(snapshot, none)
        for name in files.names(self._spark, self.folder):
            numbered = LOG_FILE.fullmatch(name)
            if numbered and int(numbered.group(1)) < version:
                files.remove(self._spark, f"{self.folder}/{name}")
        self._object("DeltaLog$").clearCache()  # it remembers the checkpoint that it began with

    def _moved(self, base: int) -> RetryableError:
        return RetryableError(
            f"{self.path}: the table is no longer at version {base}, most likely because maintenance changed it in "
            "the meantime; run the whole batch again"
        )

    def _last(self, kind: str) -> dict[str, Any]:
        """The newest action of this kind."""
        return next(
            dict(action[kind])
            for actions in self._newest_first(None)
            for action in actions
            if kind in action
        )

    def _newest_first(self, version: int | None) -> Iterator[list[dict[str, Any]]]:
        """The actions of a version and of those before it, down to a checkpoint, which holds all before that."""
        number = self.version() if version is None else version
        checkpoints = self._numbers(CHECKPOINT)
        while number >= 0 and number not in checkpoints:
            yield _actions(files.read(self._spark, self._file(number)) or "")
            number -= 1
        if number >= 0:
            yield self._checkpoint(number)

    def _checkpoint(self, version: int) -> list[dict[str, Any]]:
        rows = self._spark.read.parquet(f"{self.folder}/{version:020d}.checkpoint.parquet")
        kinds = [
            F.when(F.col(kind).isNotNull(), F.to_json(kind)).alias(kind)
            for kind in ("protocol", "metaData", "add")
        ]
        return [
            {name: json.loads(text) for name, text in row.asDict().items() if text is not None}
            for row in rows.select(*kinds).collect()
        ]

    def _numbers(self, kind: re.Pattern[str]) -> set[int]:
        """Versions of which the log has such a file."""
        matches = map(kind.fullmatch, files.names(self._spark, self.folder))
        return {int(match.group(1)) for match in matches if match}

    def _file(self, version: int) -> str:
        return f"{self.folder}/{version:020d}.json"

    def _scala_actions(self, actions: Iterable[dict[str, Any]]) -> Any:
        parsed, action = self._java.java.util.ArrayList(), self._object("actions.Action$")
        for one in actions:
            parsed.add(action.fromJson(json.dumps(one)))
        return self._java.scala.jdk.javaapi.CollectionConverters.asScala(parsed).toSeq()

    @property
    def _internal(self) -> Any:
        session: Any = self._spark._jsparkSession
        return self._object("DeltaLog$").forTable(session, self.path)

    @property
    def _none(self) -> Any:
        return getattr(getattr(self._java.scala, "None$"), "MODULE$")

    @property
    def _java(self) -> Any:
        return self._spark.sparkContext._jvm

    def _object(self, name: str) -> Any:
        """A Scala object below Delta's package."""
        found = self._java.org.apache.spark.sql.delta
        for part in name.split("."):
            found = getattr(found, part)
        return getattr(found, "MODULE$")


def _changes(
    before: Mapping[str, DataFile], wanted: Mapping[str, DataFile]
) -> Iterator[dict[str, Any]]:
    now = int(time.time() * 1000)
    for path, file in before.items():
        if path not in wanted:
            kept = {name: file[name] for name in ("partitionValues", "size")}
            # Without `stats`: they would keep the least and greatest values of rows that may be erased.
            yield {
                "remove": {
                    "path": path,
                    "deletionTimestamp": now,
                    "dataChange": True,
                    "extendedFileMetadata": True,
                    **kept,
                }
            }
    for path, file in wanted.items():
        if path not in before:
            yield {"add": {**file, "path": path, "dataChange": True}}


def _commit(version: int, text: str) -> Commit:
    actions = _actions(text)
    info: dict[str, Any] = next(
        (action["commitInfo"] for action in actions if "commitInfo" in action), {}
    )
    return Commit(
        version=version,
        timestamp_ms=int(info.get("timestamp", 0)),
        notes=_notes(info.get("userMetadata")),
        adds=tuple(action["add"] for action in actions if "add" in action),
        removes=tuple(action["remove"] for action in actions if "remove" in action),
    )


def _actions(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line]


def _notes(text: str | None) -> dict[str, str]:
    """What Slipway left with a commit; nothing of what another writer may have left in the same place."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return {name: str(value) for name, value in found.items()} if isinstance(found, dict) else {}
