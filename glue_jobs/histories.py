"""Histories of forecasts (rows/forecast_run.py) on Spark: sums by series and period, of tables of any size."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from contracts import model
from rows.forecast_run import Total


class SparkHistories:
    """Implements rows.forecast_run.HistoryEngine over frames."""

    def name(self, column: str) -> str:
        return f"`{column}`"

    def newest(self, rows: DataFrame, column: str) -> date | None:
        found = rows.agg(F.max(F.col(f"`{column}`").cast("date")).alias("newest")).collect()
        newest = found[0]["newest"]
        return newest if isinstance(newest, date) else None

    def totals(self, rows: DataFrame, curated_model: model.CuratedModel) -> list[Total]:
        wanted = curated_model.forecast
        if wanted is None:
            return []
        by = [F.col(f"`{name}`") for name in (*wanted.by, curated_model.period_column)]
        summed = rows.groupBy(*by).agg(F.sum(F.col(f"`{wanted.of}`")).alias("_total"))
        return [
            Total(key=tuple(key), period=period, amount=amount or Decimal(0))
            for *key, period, amount in summed.collect()
        ]
