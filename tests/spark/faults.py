"""Ends the code under test before or after any one of its durable writes, which are found by watching it.

Every commit of a table is a statement or a writer of Spark's; documents go through `storage`; two removals go to Java.
Delta also commits file names and keeps small files of drafts, which go to Java too (glue_jobs/tables/delta).
A write that is killed half way has not happened: Iceberg swaps one pointer, and S3 shows an object whole or not at all.
What such a write leaves are files that nobody knows, which `remove_orphans` is tested for.
"""

from __future__ import annotations

import functools
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from pyspark.sql import DataFrameWriter, DataFrameWriterV2, SparkSession

from contracts import naming
from glue_jobs import storage
from glue_jobs.maintenance import staged
from glue_jobs.tables.delta import files as delta_files
from glue_jobs.tables.delta.log import Log as DeltaLog
from glue_jobs.tables.iceberg.upkeep import IcebergUpkeep
from tests.spark.keeping import KeptLake

Side = Literal["before", "after"]
Label = Callable[[tuple[Any, ...]], str | None]  # of the arguments of a call; None for no write
READING = {"SELECT", "SHOW", "DESCRIBE", "WITH"}
KIND = re.compile(r"CALL \S+?(?=\()|ALTER TABLE|OPTIMIZE|[A-Z]+ [A-Z]+")
ALTERATION = re.compile(r" (CREATE|DROP|SET|ADD|ALTER) [A-Z]+")
SEED = 20261121
FEW = 2  # the jobs' part of `make test`; each point is a whole run or two
WANTED = os.environ.get("SLIPWAY_FAULTS", "")  # "", kinds, all, K/N, or numbers of writes
EVERY = WANTED == "all" or "/" in WANTED


class Killed(BaseException):
    """The process ended here. Not an Exception, so that nothing can handle it."""


@dataclass
class Writes:
    """What was written so far; the process ends at number `at`, counted from 1."""

    at: int = 0
    side: Side = "before"
    kinds: list[str] = field(default_factory=list)

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Stand between the code and everything by which it can write."""
        self._wrap(patch, SparkSession, "sql", lambda given: _of_statement(given[1]))
        self._wrap(patch, DataFrameWriterV2, "append", lambda _: "append")
        self._wrap(patch, DataFrameWriterV2, "overwrite", lambda _: "overwrite")
        self._wrap(patch, DataFrameWriter, "parquet", lambda _: "write parquet")
        self._wrap(
            patch, storage, "write_json", lambda given: f"write {given[0].rpartition('/')[2]}"
        )
        self._wrap(patch, DataFrameWriter, "save", lambda _: "save delta")
        self._wrap(patch, DeltaLog, "commit_files", lambda _: "publish delta")
        self._wrap(
            patch, delta_files, "write", lambda given: f"write {given[1].rpartition('/')[2]}"
        )
        self._wrap(patch, delta_files, "remove", lambda _: "remove a file of delta")
        self._wrap(patch, IcebergUpkeep, "remove_orphans", lambda _: "remove orphans")
        self._wrap(patch, staged, "remove", lambda _: "remove staged rows")

    def _wrap(self, patch: pytest.MonkeyPatch, owner: Any, name: str, label: Label) -> None:
        original = getattr(owner, name)

        @functools.wraps(original)
        def write(*args: Any, **options: Any) -> Any:
            kind = label(args)
            if kind is None:
                return original(*args, **options)
            self.kinds.append(kind)
            number = len(self.kinds)
            self._end(number, "before")
            result = original(*args, **options)
            self._end(number, "after")
            return result

        patch.setattr(owner, name, write)

    def _end(self, number: int, side: Side) -> None:
        if (number, side) == (self.at, self.side):
            raise Killed(f"{side} write {number}, {self.kinds[-1]}")


def _of_statement(statement: str) -> str | None:
    if statement.split(maxsplit=1)[0] in READING:
        return None
    found, altered = KIND.match(statement), ALTERATION.search(statement)
    assert found, f"a statement that this test does not know: {statement}"
    return found.group() + (altered.group() if altered and found.group() == "ALTER TABLE" else "")


def points(kinds: list[str]) -> Iterator[tuple[int, Side]]:
    """Where to end, each on one side: FEW of the first and last writes of each kind, the very last one among them.

    SLIPWAY_FAULTS asks for more: `kinds` for all of those, `all` for both sides of every write, `K/N` for every N-th of
    these from the K-th on, numbers for both sides of some.
    """
    sides: tuple[Side, Side] = ("before", "after")
    if WANTED not in ("", "kinds"):
        numbers = range(1, len(kinds) + 1) if EVERY else map(int, WANTED.split(","))
        first, _, step = WANTED.partition("/") if "/" in WANTED else ("1", "/", "1")
        yield from [(number, side) for number in numbers for side in sides][
            int(first) - 1 :: int(step)
        ]
        return
    ends = {
        number
        for kind in set(kinds)
        for number in (kinds.index(kind), len(kinds) - 1 - kinds[::-1].index(kind))
    }
    chosen = random.Random(SEED)
    sided = [(number + 1, chosen.choice(sides)) for number in sorted(ends)]
    yield from sided if WANTED else sorted([*chosen.sample(sided[:-1], FEW - 1), sided[-1]])


class Checkpoint:
    """A lake as it is now, to which it can go back: Iceberg knows its files by full path, so they return to theirs."""

    def __init__(self, kept: KeptLake, aside: Path) -> None:
        self._kept = kept
        self._folders = {_folder(kept, zone): aside / zone for zone in ("processed", "curated")}
        self._folders[kept.folder / "runs"] = aside / "runs"
        self._documents, self._results = dict(kept.documents), dict(kept.results)
        for folder, copy in self._folders.items():
            shutil.copytree(folder, copy) if folder.exists() else copy.mkdir(parents=True)

    def restore(self) -> None:
        """Go back, also in what the catalog remembers of its tables."""
        for zone in ("processed", "curated"):
            database = naming.database(self._kept.environment, zone)
            for row in self._kept.spark.sql(f"SHOW TABLES IN glue_catalog.{database}").collect():
                self._kept.spark.sql(f"DROP TABLE glue_catalog.{database}.{row['tableName']}")
        for folder, copy in self._folders.items():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(copy, folder)
        forget_delta_tables(self._kept.spark)
        self._kept.documents.clear()
        self._kept.documents.update(self._documents)
        self._kept.results.clear()
        self._kept.results.update(self._results)


def forget_delta_tables(spark: SparkSession) -> None:
    """Let Delta read each table from its files again: it remembers tables by their path."""
    java: Any = spark.sparkContext._jvm
    log = getattr(java.org.apache.spark.sql.delta, "DeltaLog$")
    getattr(log, "MODULE$").clearCache()


def _folder(kept: KeptLake, zone: Literal["processed", "curated"]) -> Path:
    warehouse = kept.spark.conf.get("spark.sql.catalog.glue_catalog.warehouse")
    return Path(str(warehouse)) / naming.database(kept.environment, zone)
