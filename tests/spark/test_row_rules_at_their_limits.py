"""Row rules that contracts accept never stop a run by an overflow: Spark computes them from extreme values.

Those that are refused do stop it, and the rewriting that the message advises does not.
"""

from __future__ import annotations

import pytest
from pyspark.errors import ArithmeticException
from pyspark.sql import SparkSession

from contracts.authoring.sql import expression_mistakes
from tests.unit.contracts.cases.limits import FITS, OVERFLOWS, TYPES, extreme_rows


def test_spark_computes_every_accepted_rule_and_every_advice_and_stops_at_the_refused(
    spark: SparkSession,
) -> None:
    limits = spark.sql(extreme_rows()).localCheckpoint()
    advices = [expression_mistakes(rule, TYPES)[0].partition("; write ")[2] for rule in OVERFLOWS]
    accepted = [*FITS, *(f"{advice} > 0" for advice in advices)]
    rows = limits.selectExpr(
        *(f"({rule}) AS rule_{number}" for number, rule in enumerate(accepted))
    ).collect()
    assert all(
        value is not None for row in rows for value in row
    )  # Spark gives null for some decimal overflows
    for rule in OVERFLOWS:
        with pytest.raises(ArithmeticException):
            limits.selectExpr(rule).collect()
