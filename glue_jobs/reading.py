"""Raw files to a frame of text fields with the place each record came from.

Spark numbers no records, but one partition that is one split of one file keeps their order; reading with
`one_split_per_partition` makes it so, and the record number is then the rows of earlier splits plus the row in its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from contracts import model
from pipeline.run_documents import Manifest, ManifestFile
from rows.columns import DAMAGED, SOURCE_SHA256, SPLIT_ROW, SPLIT_START
from rows.layout import Layout

SMALLEST_SPLIT_BYTES = 4 * 1024 * 1024  # below, a task costs more than it saves
LARGEST_SPLIT_BYTES = 32 * 1024 * 1024
ROW_BITS = 33  # monotonically_increasing_id: partition number above, row in the partition below (Spark API docs)


def text_fields(
    spark: SparkSession, contract: model.Contract, layout: Layout, files: Sequence[ManifestFile]
) -> DataFrame:
    """Every record of files of one layout: its fields as text, DAMAGED, and where it was found.

    To be executed within `one_split_per_partition`.
    """
    fields = [StructField(name, StringType()) for name in (*layout.field_names, DAMAGED)]
    if not files:
        places = f"{SOURCE_SHA256} string, {SPLIT_START} bigint, {SPLIT_ROW} bigint"
        return spark.createDataFrame([], StructType(fields)).join(
            spark.createDataFrame([], places), how="cross"
        )
    reader = spark.read.schema(StructType(fields)).options(
        header=True,  # the first line is skipped, whatever it says: the manifest knows the columns
        sep=contract.intake.delimiter,
        quote='"',
        escape='"',  # RFC 4180, section 2.7
        multiLine=layout.has_quotes,
        columnNameOfCorruptRecord=DAMAGED,
        columnPruning=False,  # or a record with a wrong number of fields would pass unseen
        ignoreLeadingWhiteSpace=False,
        ignoreTrailingWhiteSpace=False,
        encoding="UTF-8",
    )
    records = reader.csv([_literal_path(file.raw_uri) for file in files])
    folder = F.substring_index(F.substring_index(F.col("_metadata.file_path"), "/", -2), "/", 1)
    row = F.monotonically_increasing_id().bitwiseAND(F.lit((1 << ROW_BITS) - 1))
    return records.select(
        "*",
        folder.alias(
            SOURCE_SHA256
        ),  # <dataset>/ingest_date=.../<sha256>/<file>, see contracts.naming.raw_key
        F.col("_metadata.file_block_start").alias(SPLIT_START),
        row.alias(SPLIT_ROW),
    )


def split_bytes(spark: SparkSession, manifest: Manifest) -> int:
    """Size of a split: all files shared out among all cores, within bounds."""
    share = math.ceil(manifest.size_bytes / spark.sparkContext.defaultParallelism)
    return min(max(share, SMALLEST_SPLIT_BYTES), LARGEST_SPLIT_BYTES)


@contextmanager
def one_split_per_partition(spark: SparkSession, size_bytes: int) -> Iterator[None]:
    """Plan file scans so that no partition holds two files or two splits of a file, which are of `size_bytes`.

    FilePartition.getFilePartitions packs splits until their size plus openCostInBytes each passes maxPartitionBytes.
    """
    names = ("spark.sql.files.maxPartitionBytes", "spark.sql.files.openCostInBytes")
    before = {name: spark.conf.get(name) for name in names}
    for name in names:
        spark.conf.set(name, str(size_bytes))
    try:
        yield
    finally:
        for name, setting in before.items():
            spark.conf.set(name, str(setting))


def _literal_path(uri: str) -> str:
    """The path with the characters escaped that Hadoop would read as a glob."""
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", uri)
