"""Every check of a row, alone: which rows break it, with which sentence, what it needs and what it does.

One query over a handful of rows, so that `make mutants GROUP=checks` can judge all of glue_jobs/quality/checks.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from glue_jobs import parsing
from glue_jobs.quality import checks
from glue_jobs.transforms import staging
from rows.columns import DAMAGED, IS_HEADER, text_name
from tests.unit.rows.rows_that_break import BREAKS, CHECKED, FIELDS, Row


def frame(spark: SparkSession, rows: Sequence[Row]) -> DataFrame:
    """What raw_to_processed has of these records; one of a single text is damaged."""
    names = [column.name for column in CHECKED.columns]
    texts = [(None, *row) if len(row) > 1 else (row[0], *(None for _ in names)) for row in rows]
    schema = ", ".join(f"{name} string" for name in (DAMAGED, *map(text_name, names)))
    values = {one.name: parsing.value(one, F.col(text_name(one.name))) for one in CHECKED.columns}
    typed = spark.createDataFrame(texts, schema).withColumns(
        {**values, "_kept_mail": F.col("_text_mail")}
    )
    return typed.withColumn(IS_HEADER, staging.is_header(CHECKED.columns))


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    return frame(spark, [row for row, _ in BREAKS]).localCheckpoint()


def test_each_row_breaks_exactly_these_checks_with_these_sentences(rows: DataFrame) -> None:
    every = checks.of_contract(CHECKED, 6, erased=("erased@x", "other@x"))
    columns = {"found": checks.broken(every), "any": checks.any_broken(every)}
    found = rows.withColumns(columns).select("found", "any").collect()
    wanted = [[*map(tuple, broken)] for _, broken in BREAKS]
    assert [[(one["rule_id"], one["reason"]) for one in row["found"]] for row in found] == wanted
    assert [row["any"] for row in found] == [bool(broken) for broken in wanted]


def test_without_erased_persons_nobody_is_refused_and_without_checks_nothing_is_broken(
    rows: DataFrame,
) -> None:
    every = checks.of_contract(CHECKED, 6)
    (erased,) = (check for check in every if check.rule_id == "subject.erased")
    columns = {"found": checks.broken([]), "any": checks.any_broken([]), "erased": erased.broken}
    found = rows.withColumns(columns).select(*columns)
    assert dict(found.dtypes)["found"] == checks.BROKEN_TYPE.replace(": ", ":").replace(", ", ",")
    assert [tuple(row) for row in found.distinct().collect()] == [([], False, False)]


def test_each_check_names_what_it_needs_and_what_it_does_in_the_order_of_the_contract(
    spark: SparkSession,
) -> None:
    assert spark  # columns are made by the JVM
    again = "row.repeated_header"
    fields = (*FIELDS, again)
    value = {
        one.name: (*FIELDS, f"{one.name}.required", f"{one.name}.type", again)
        for one in CHECKED.columns
    }
    assert [
        (check.rule_id, check.needs, check.action) for check in checks.of_contract(CHECKED, 6)
    ] == [
        ("row.field_count", (), "quarantine"),
        ("row.repeated_header", FIELDS, "quarantine"),
        ("subject.erased", fields, "quarantine"),
        ("number.required", fields, "quarantine"),
        ("number.type", fields, "quarantine"),
        ("number.minimum", value["number"], "quarantine"),
        ("day.required", fields, "quarantine"),
        ("day.type", fields, "quarantine"),
        ("day.maximum", value["day"], "quarantine"),
        ("status.type", fields, "quarantine"),
        ("status.allowed", value["status"], "quarantine"),
        ("amount.type", fields, "quarantine"),
        ("amount.minimum", value["amount"], "quarantine"),
        ("amount.maximum", value["amount"], "quarantine"),
        ("note.type", fields, "quarantine"),
        ("note.pattern", value["note"], "quarantine"),
        ("note.max_length", value["note"], "quarantine"),
        ("mail.type", fields, "quarantine"),
        ("mail.pattern", value["mail"], "quarantine"),
        (
            "paid_is_positive",
            (*value["status"][:-1], "amount.required", "amount.type", again),
            "warn",
        ),
        ("first_is_open", (*value["number"][:-1], "status.required", "status.type", again), "halt"),
        ("mail_is_short", value["mail"], "quarantine"),
    ]
