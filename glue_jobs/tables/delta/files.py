"""Small files and listings below a table, through the file system that Spark itself uses for the path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyspark.sql import SparkSession


def exists(spark: SparkSession, path: str) -> bool:
    """Whether there is a file or a folder."""
    system, place = _place(spark, path)
    return bool(system.exists(place))


def read(spark: SparkSession, path: str) -> str | None:
    """The text of a file; None when there is none."""
    system, place = _place(spark, path)
    if not system.exists(place):
        return None
    stream = system.open(place)
    try:
        return str(_java(spark).org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))
    finally:
        stream.close()


def write(spark: SparkSession, path: str, text: str) -> None:
    """Write a text file, in place of one that is there."""
    system, place = _place(spark, path)
    stream = system.create(place, True)
    try:
        stream.write(bytearray(text.encode()))
    finally:
        stream.close()


def remove(spark: SparkSession, path: str) -> None:
    """Remove a file, or a folder with everything in it; nothing happens when there is none."""
    system, place = _place(spark, path)
    system.delete(place, True)


def names(spark: SparkSession, path: str) -> list[str]:
    """Names of what lies in a folder."""
    system, place = _place(spark, path)
    return [str(status.getPath().getName()) for status in system.listStatus(place)]


def qualified(spark: SparkSession, path: str) -> str:
    """The path as a URI with its scheme, as Delta writes the full name of a file."""
    system, place = _place(spark, path)
    return str(system.makeQualified(place).toUri().toString())


def below(spark: SparkSession, path: str) -> Iterator[tuple[str, int]]:
    """Every file below a folder: its URI, and when it was written, in milliseconds since 1970."""
    system, place = _place(spark, path)
    listed = system.listFiles(place, True)
    while listed.hasNext():
        status = listed.next()
        yield str(status.getPath().toUri().toString()), int(status.getModificationTime())


def _place(spark: SparkSession, path: str) -> tuple[Any, Any]:
    place = _java(spark).org.apache.hadoop.fs.Path(path)
    context: Any = spark.sparkContext._jsc
    return place.getFileSystem(context.hadoopConfiguration()), place


def _java(spark: SparkSession) -> Any:
    return spark.sparkContext._jvm  # the Java side of a session has no public name in PySpark
