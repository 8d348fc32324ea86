"""Calendar periods (rows.periods) as conditions and columns of Spark."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pyspark.sql import Column
from pyspark.sql import functions as F

from rows.periods import Unit, ranges


def within(name: str, first_days: Iterable[date], unit: Unit) -> Column:
    """The condition that date column `name` lies in one of the periods, in a form by which Iceberg skips files."""
    condition = F.lit(False)
    for start, end in ranges(first_days, unit):
        condition = condition | ((F.col(name) >= F.lit(start)) & (F.col(name) < F.lit(end)))
    return condition


def first_day_column(value: Column, unit: Unit) -> Column:
    """First day of the period that the column's date lies in."""
    return F.to_date(value) if unit == "day" else F.trunc(value, unit)
