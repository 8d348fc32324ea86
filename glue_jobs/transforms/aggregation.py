"""Curated models: the contract's SQL over processed rows, and the sums that both sides must share."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from contracts import model


def of_model(rows: DataFrame, dataset: str, curated_model: model.CuratedModel) -> DataFrame:
    """The model's SQL over `rows`, which it knows by the name of the dataset, in the contract's columns and types."""
    rows.createOrReplaceTempView(dataset)
    found = rows.sparkSession.sql(curated_model.sql)
    return found.select(
        *(
            F.col(column.name).cast(column.type).alias(column.name)
            for column in curated_model.columns
        )
    )


def comparison(
    curated: DataFrame, processed: DataFrame, curated_model: model.CuratedModel
) -> DataFrame:
    """One row: `rows` and `periods` of the curated side, and curated_<column> and processed_<column> to be equal."""
    ours = [F.sum(name).alias(f"curated_{name}") for name, _ in curated_model.conserves]
    theirs = [F.sum(source).alias(f"processed_{name}") for name, source in curated_model.conserves]
    periods = F.sort_array(F.collect_set(curated_model.period_column)).alias("periods")
    left = curated.agg(F.count(F.lit(1)).alias("rows"), periods, *ours)
    return left.crossJoin(processed.agg(F.count(F.lit(1)).alias("source_rows"), *theirs))
