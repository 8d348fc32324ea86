"""Row rules that contracts accept never stop a run by an overflow: Spark computes them from extreme values.

Those that are refused do stop it, and the rewriting that the message advises does not. Rules about texts give in both
engines the same for every character that there is.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pyspark.errors import ArithmeticException
from pyspark.sql import SparkSession

from contracts.authoring.sql import expression_mistakes
from duckdb_jobs.database import LOWERED_OTHERWISE, RAISED_OTHERWISE, open_database
from tests.unit.contracts.cases.limits import FITS, OVERFLOWS, TYPES, extreme_rows

pytestmark = pytest.mark.push


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


@pytest.mark.parametrize(
    ("function", "left_out"),
    [("lower", LOWERED_OTHERWISE), ("upper", RAISED_OTHERWISE), ("trim", "")],
)
def test_text_functions_of_rules_are_alike_for_every_character_but_those_left_to_spark(
    spark: SparkSession, tmp_path: Path, function: str, left_out: str
) -> None:
    with open_database(tmp_path, 1 << 30) as database:
        known = f"WHERE NOT regexp_matches(t, '[{left_out}]')" if left_out else ""
        database.execute(
            f"CREATE TABLE texts AS SELECT c, w || t || v AS x, {function}(x) AS y FROM "
            f"(SELECT c, chr(c::int) AS t FROM range(1, {sys.maxunicode + 1}) r(c) "
            "WHERE c NOT BETWEEN 55296 AND 57343) "
            "CROSS JOIN (VALUES ('', ''), ('Ab', ' x'), ('Ab', 'cD')) words(w, v) " + known
        )
        database.execute(f"COPY texts TO '{tmp_path}/texts.parquet'")
    texts = spark.read.parquet(f"{tmp_path}/texts.parquet")
    assert texts.count() > 3_000_000
    unlike = texts.where(f"{function}(x) <> y").limit(5).collect()
    assert unlike == []
