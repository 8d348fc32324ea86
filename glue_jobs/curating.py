"""Curating (rows/curation.py) on Spark: the model's SQL, the periods of rows, and the sums that both sides share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from contracts import model
from glue_jobs.transforms import period_columns
from rows.curation import Comparison, CurationRun
from rows.periods import Unit

SparkCurationRun = CurationRun[DataFrame]


class SparkCurating:
    """Implements rows.curation.CuratingEngine over frames."""

    def name(self, column: str) -> str:
        return f"`{column}`"

    def computed(
        self, rows: DataFrame, dataset: str, curated_model: model.CuratedModel
    ) -> DataFrame:
        rows.createOrReplaceTempView(dataset)
        found = rows.sparkSession.sql(curated_model.sql)
        return found.select(
            *(
                F.col(column.name).cast(column.type).alias(column.name)
                for column in curated_model.columns
            )
        )

    def periods(self, rows: DataFrame, column: str, unit: Unit) -> Iterable[date]:
        first = period_columns.first_day_column(F.col(column), unit)
        return [row[0] for row in rows.select(first).distinct().collect()]

    def comparison(
        self, curated: DataFrame, processed: DataFrame, curated_model: model.CuratedModel
    ) -> Comparison:
        ours = [F.sum(name).alias(f"curated_{name}") for name, _ in curated_model.conserves]
        theirs = [
            F.sum(source).alias(f"processed_{name}") for name, source in curated_model.conserves
        ]
        days = F.sort_array(F.collect_set(curated_model.period_column)).alias("periods")
        left = curated.agg(F.count(F.lit(1)).alias("rows"), days, *ours)
        right = processed.agg(F.count(F.lit(1)).alias("source_rows"), *theirs)
        found = left.crossJoin(right).collect()[0]
        names = [name for name, _ in curated_model.conserves]
        return Comparison(
            rows=found["rows"],
            periods=found["periods"],
            curated={name: found[f"curated_{name}"] for name in names},
            processed={name: found[f"processed_{name}"] for name in names},
        )
