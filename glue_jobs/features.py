"""Features of a training, made by Spark's workers: each series by the lines of Python that the function runs, too.

The files have the same lines in the same order as the function's; only that there are more of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from pyspark import StorageLevel
from pyspark.sql import SparkSession

from glue_jobs import storage
from pipeline.training_files import HISTORIES_FILE, ROWS_FILE, TRAIN, TRANSFORM
from rows import forecast_histories
from rows.forecast_training import HEADER, LaidOut, Learned, Line

SERIES_PER_TASK = 50  # a second of work, and files of some MB


def write(spark: SparkSession, laid_out: LaidOut, folder: str) -> None:
    """What the model learns from, what it is to forecast, and the histories, below `folder` (s3://bucket/prefix/)."""
    series = list(laid_out.learned())
    tasks = max(1, math.ceil(len(series) / SERIES_PER_TASK))
    made = spark.sparkContext.parallelize(series, tasks).flatMap(_lines)
    made.persist(StorageLevel.DISK_ONLY)  # they are gone through twice
    learned = made.filter(_is_known).map(_fields)
    storage.write_csv(
        spark.createDataFrame(learned, ", ".join(f"{name} string" for name in HEADER)),
        f"{folder}{TRAIN}",
    )
    asked = made.filter(_is_to_come).map(_fields).collect()
    lines = (",".join(line) + "\n" for line in asked)
    storage.write_text(f"{folder}{TRANSFORM}{ROWS_FILE}", lines)
    histories = (f"{line}\n" for line in forecast_histories.lines(laid_out.known))
    storage.write_text(f"{folder}{HISTORIES_FILE}", histories)
    made.unpersist()


def _lines(series: Learned) -> Iterator[tuple[bool, Line]]:
    return series.lines()


def _is_known(line: tuple[bool, Line]) -> bool:
    return line[0]


def _is_to_come(line: tuple[bool, Line]) -> bool:
    return not line[0]


def _fields(line: tuple[bool, Line]) -> Line:
    return line[1]
