"""A few refused records per rule and file, so that people see what is wrong with a file whose rows nobody publishes.

Taken from the quarantine branch as committed. The sentences hide personal data; the records' text is left out.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from glue_jobs.loading.work import LoadRun
from pipeline.run_documents import RefusedSample
from rows.columns import REASONS, RESOLVED_BY, RULE_IDS, SOURCE_ROW, SOURCE_SHA256
from rows.load_figures import SAMPLES_PER_RULE, samples_of_file


def by_file(loading: LoadRun) -> dict[str, tuple[RefusedSample, ...]]:
    """By hash of the file: its first refused records, rule by rule in the order in which rules first refused one."""
    refused = loading.tables.read(loading.quarantine, draft=loading.branch).where(
        loading.of_files & F.expr(loading.received_sql) & F.col(RESOLVED_BY).isNull()
    )
    found: dict[str, list[RefusedSample]] = {}
    for row in _first_of_each_rule(refused).collect():
        sample = RefusedSample(rule_id=row["rule"], record=row[SOURCE_ROW], reason=row["reason"])
        found.setdefault(row[SOURCE_SHA256], []).append(sample)
    return {sha256: samples_of_file(of_file) for sha256, of_file in found.items()}


def _first_of_each_rule(refused: DataFrame) -> DataFrame:
    """Spark keeps SAMPLES_PER_RULE rows per group before it shuffles them (Spark 3.5, InferWindowGroupLimit)."""
    broken = refused.select(
        SOURCE_SHA256, SOURCE_ROW, F.explode(F.arrays_zip(RULE_IDS, REASONS)).alias("_broken")
    ).select(
        SOURCE_SHA256,
        SOURCE_ROW,
        F.col(f"_broken.{RULE_IDS}").alias("rule"),
        F.col(f"_broken.{REASONS}").alias("reason"),
    )
    place = F.row_number().over(Window.partitionBy(SOURCE_SHA256, "rule").orderBy(SOURCE_ROW))
    return broken.withColumn("_place", place).where(F.col("_place") <= SAMPLES_PER_RULE)
