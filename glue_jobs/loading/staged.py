"""The one pass over the raw files: parse, check, protect, count, write; then the written rows, to be read again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame, Observation, Row

from glue_jobs import reading, storage
from glue_jobs.loading.work import Loading
from glue_jobs.transforms import figures, protection, records, staging
from glue_jobs.transforms.figures import ROWS, Totals
from rows import layout
from rows.columns import RECEIVED_AT, ROWS_BEFORE, SOURCE_FILE, SOURCE_SHA256, SPLIT_START

SPLITS_SCHEMA = (
    f"{SOURCE_SHA256} string, {SPLIT_START} bigint, {ROWS_BEFORE} bigint, "
    f"{SOURCE_FILE} string, {RECEIVED_AT} timestamp_ntz"
)


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What was counted while the raw files were read."""

    rows: int
    totals: Totals


def stage(loading: Loading) -> tuple[DataFrame, Observed]:
    """Write the checked rows of all files aside; they, as read back, and what was counted on the way."""
    pads, erased = _key_pads(loading), loading.manifest.erased_subjects
    parts, observations = [], []
    for shape, files in layout.by_layout(
        loading.contract, loading.manifest.files, loading.header_change
    ).items():
        observation = Observation()
        raw = reading.text_fields(loading.spark, loading.contract, shape, files)
        parsed = staging.parsed(raw, loading.contract, shape)
        counted = parsed.observe(observation, *figures.of_source(loading.contract))
        parts.append(
            staging.checked(counted, loading.contract, shape, key_pads=pads, erased=erased)
        )
        observations.append(observation)
    rows = reduce(DataFrame.unionByName, parts)
    split_bytes = reading.split_bytes(loading.spark, loading.manifest)
    tasks = max(
        loading.spark.sparkContext.defaultParallelism,
        math.ceil(loading.manifest.size_bytes / split_bytes),
    )
    with reading.one_split_per_partition(loading.spark, split_bytes):
        # Joins splits after the rows have got their numbers: 500 small files are not 500 tasks.
        storage.write_rows(rows.coalesce(tasks), loading.staged_uri)
    counts = [observation.get for observation in observations]
    totals = figures.added(
        (figures.totals(count, loading.contract) for count in counts), loading.contract
    )
    observed = Observed(rows=sum(count[ROWS] for count in counts), totals=totals)
    return loading.spark.read.schema(rows.schema).parquet(loading.staged_uri), observed


def numbered(loading: Loading, staged: DataFrame, splits: list[Row]) -> DataFrame:
    """Staged rows with their origin; a record's number is the rows of earlier splits of its file plus its place."""
    files = {file.sha256: file for file in loading.manifest.files}
    places, before = [], dict.fromkeys(files, 0)
    for split in sorted(splits, key=lambda row: (row[SOURCE_SHA256], row[SPLIT_START])):
        file = files[split[SOURCE_SHA256]]
        places.append(
            (file.sha256, split[SPLIT_START], before[file.sha256], file.file_name, file.received_at)
        )
        before[file.sha256] += split[ROWS]
    frame = loading.spark.createDataFrame(places, SPLITS_SCHEMA)
    return records.numbered(staged, frame, loading.manifest.run_id, loading.contract.version)


def _key_pads(loading: Loading) -> DataFrame | None:
    if loading.pii_key is None:
        return None
    return loading.spark.createDataFrame([protection.pads(loading.pii_key)], protection.PADS_SCHEMA)
