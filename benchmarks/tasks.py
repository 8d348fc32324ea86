"""The measured Spark tasks, one per process: `python -m benchmarks.tasks NAME FOLDER ARGUMENTS`; the last line is JSON.

`seconds` in that line is the work alone, without the start of Python and Spark.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyspark.sql import functions as F

from benchmarks import files, lake
from contracts import model


def bare(folder: Path, file: str) -> dict[str, Any]:
    """What Spark costs at least: read the CSV with a schema, write Parquet by month."""
    spark = lake.start_spark(folder)
    started = time.monotonic()
    contract = model.load(files.DATASET)
    schema = ", ".join(f"{column.name} {column.type}" for column in contract.columns)
    dates = {column.format for column in contract.columns if column.type == "date"}
    rows = spark.read.schema(schema).csv(file, header=True, dateFormat=dates.pop())
    month = F.date_format(contract.partition_column, "yyyy-MM")
    rows.withColumn("month", month).write.partitionBy("month").parquet(str(folder / "bare"))
    return {"seconds": time.monotonic() - started}


def load(folder: Path, file: str, run_id: str) -> dict[str, Any]:
    """raw_to_processed."""
    spark = lake.start_spark(folder)
    started = time.monotonic()
    result = lake.load(spark, folder, _files(file), run_id)
    return {
        "seconds": time.monotonic() - started,
        "after": result.heads,
        "result": result.to_json(),
    }


def curate(folder: Path, file: str, run_id: str, after: str) -> dict[str, Any]:
    """processed_to_curated after `load`."""
    spark = lake.start_spark(folder)
    started = time.monotonic()
    result = lake.curate(spark, run_id, json.loads(after), _size(file))
    return {"seconds": time.monotonic() - started, "result": result.to_json()}


def day(folder: Path, file: str, run_id: str) -> dict[str, Any]:
    """Both jobs for one more file, in one session."""
    spark = lake.start_spark(folder)
    started = time.monotonic()
    loaded = lake.load(spark, folder, _files(file), run_id)
    lake.curate(spark, run_id, loaded.heads, _size(file))
    return {"seconds": time.monotonic() - started, "rows": loaded.files[0].rows_loaded}


def _files(named: str) -> list[Path]:
    """The file of that name, or every file of a directory."""
    place = Path(named)
    return sorted(place.iterdir()) if place.is_dir() else [place]


def _size(named: str) -> int:
    return sum(file.stat().st_size for file in _files(named))


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "bare": bare,
    "load": load,
    "curate": curate,
    "day": day,
}

if __name__ == "__main__":
    name, where, *rest = sys.argv[1:]
    print(
        json.dumps(TASKS[name](Path(where), *rest))
    )  # the process that measures reads the last line
