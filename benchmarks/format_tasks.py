"""One table format at work, in a process of its own: `python -m benchmarks.format_tasks FORMAT FOLDER ROWS`.

The operations are those of the jobs (glue_jobs/tables); rows are made by Spark, so that nothing but the format is
measured. A table of ROWS by month takes as many rows in a merge, of which half replace others, is rolled back, merged
into again, erased from, and expired. The last line of the output is JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast, get_args

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks import lake
from benchmarks.files import DATASET, ENVIRONMENT
from contracts import model, naming
from contracts.model import TableFormat
from glue_jobs.tables.formats import Format, open_format
from rows.tables import Table, TableColumn

MONTHS = 12
COLUMNS = {
    "number": "bigint",
    "day": "date",
    "region": "string",
    "note": "string",
    "amount": "decimal(18,2)",
}
SAME = "t.number = s.number"
ERASED = "number % 1000 = 7"  # a person's rows


def table() -> Table:
    """Orders by month."""
    return Table(
        database=naming.database(ENVIRONMENT, "processed"),
        name="formats",
        columns=tuple(
            TableColumn(name=name, type=kind, comment=name) for name, kind in COLUMNS.items()
        ),
        partition_column="day",
        partition_transform="month",
        comment="Rows that formats are compared with.",
        location=None,
    )


def rows_of(spark: SparkSession, rows: int, first: int, cents: int) -> DataFrame:
    """`rows` rows from the number `first` on; a number is always in the same month."""
    number = F.col("id")
    made = {
        "number": number,
        "day": F.expr(f"add_months(DATE'2024-01-01', CAST(id % {MONTHS} AS int))"),
        "region": F.concat(F.lit("region "), (number % 7).cast("string")),
        "note": F.concat(F.lit("order "), F.sha2(number.cast("string"), 256)),
        "amount": ((number * 37 + cents) / 100).cast(COLUMNS["amount"]),
    }
    ordered = [column.alias(name) for name, column in made.items()]
    return spark.range(first, first + rows, 1, 4).select(*ordered)


class Work:
    """A format, its table, and seconds by what was done."""

    def __init__(self, spark: SparkSession, name: TableFormat) -> None:
        self.spark, self.table = spark, table()
        self.format: Format = open_format(spark, replace(model.load(DATASET), table_format=name))
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, deed: Callable[[], Any]) -> Any:
        """The answer of a deed whose time is kept under a name."""
        started = time.monotonic()
        answer = deed()
        self.seconds[name] = time.monotonic() - started
        return answer

    def published(self, run: str, name: str, write: Callable[[str], None]) -> int:
        """Write in a draft and publish it, each timed; the version that is published then."""
        tables = self.format.tables
        tables.start_draft(self.table, run)
        self.timed(name, lambda: write(run))
        version = tables.head(self.table, run)
        if version is None:
            raise RuntimeError(f"{name}: the draft {run!r} is gone")
        self.timed(f"{name}, published", lambda: tables.publish(self.table, run, version))
        return version

    def seen(self, version: int | None = None) -> list[str]:
        """Rows, the sum of numbers and the sum of amounts, as Spark reads them."""
        rows = self.format.tables.read(self.table, version=version)
        (row,) = rows.agg(F.count("*"), F.sum("number"), F.sum("amount")).collect()
        return [str(value) for value in row]


def run(name: TableFormat, folder: Path, rows: int) -> dict[str, Any]:
    """Every operation once; what it took, what there was then, and which files."""
    spark = lake.start_spark(folder, with_delta=True)
    work = Work(spark, name)
    tables, upkeep = work.format.tables, work.format.upkeep
    spark.sql(f"CREATE NAMESPACE IF NOT EXISTS glue_catalog.{work.table.database}")
    tables.ensure(work.table, may_evolve=False)
    first = work.published(
        "run_first",
        "load",
        lambda draft: tables.append(work.table, draft, rows_of(spark, rows, 0, 0)),
    )

    def merge(draft: str) -> None:
        new = rows_of(spark, rows, rows // 2, 1)
        tables.merge(work.table, draft, new, on=SAME, newer="t.amount <> s.amount")

    work.published("run_merge", "merge", merge)
    found = {"merged": work.seen(), "state": _state(work), "bytes_on_disk": _bytes(folder)}
    work.timed("read", work.seen)
    found["travelled"] = work.timed("time travel", lambda: work.seen(first))
    work.timed("rollback", lambda: upkeep.rollback(work.table, first))
    found["rolled back"] = work.seen()
    work.published("run_again", "merge again", merge)
    work.timed("erase", lambda: upkeep.delete(work.table, ERASED))
    work.timed("expire", lambda: upkeep.expire_all_but_published(work.table))
    moment = datetime.now(UTC) + timedelta(seconds=1)
    work.timed("orphans", lambda: upkeep.remove_orphans(work.table, moment))
    found |= {"erased": work.seen(), "bytes_left": _bytes(folder)}
    found["other_reader"] = _other_reader(name, folder)
    return {"seconds": work.seconds, **found}


def _state(work: Work) -> dict[str, int]:
    state = work.format.upkeep.state(work.table)
    return {"files": state.files, "bytes": state.size_bytes}


def _place(folder: Path) -> Path:
    return folder / "tables" / table().database / table().name


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in _place(folder).rglob("*") if file.is_file())


def _other_reader(name: TableFormat, folder: Path) -> list[str] | None:
    """What deltalake, which is no part of Spark, sees of a Delta table; None of another format."""
    if name != "delta":
        return None
    import pyarrow.compute as pc
    from deltalake import DeltaTable

    rows = DeltaTable(str(_place(folder))).to_pyarrow_table(columns=["number", "amount"])
    sums = (pc.sum(rows[column]).as_py() for column in ("number", "amount"))
    return [str(rows.num_rows), *map(str, sums)]


if __name__ == "__main__":
    given, work_folder, count = sys.argv[1:]
    if given not in get_args(TableFormat):
        raise SystemExit(f"unknown format {given!r}; known: {', '.join(get_args(TableFormat))}")
    print(json.dumps(run(cast(TableFormat, given), Path(work_folder), int(count))))
