"""Each aggregate that a run or a table rule counts by, alone over a few rows, for a mutation run (docs/mutants.md).

The rows are written in SQL: that starts no Python worker, and a mutant is judged by one query.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession

from contracts import model
from glue_jobs.quality import table_checks
from glue_jobs.transforms import figures
from glue_jobs.transforms.deduplication import FATE, HELD_DATE
from rows import table_rule_results
from rows.columns import CONTRACT_VERSION, SOURCE_SHA256, SPLIT_START, STAGED_RULE_IDS, WARNINGS
from tests.spark.table_rules import rule

SALES = model.load("sales_records")
MONEY = [column.name for column in SALES.control_columns]
DAY = SALES.partition_column
(KEY,) = SALES.key
AMOUNTS = ", ".join(
    f"CAST(money * {factor} AS {column.type}) AS {column.name}"
    for factor, column in enumerate(SALES.control_columns, 1)
)
# Two splits of one file and one of another: valid, warned and refused rows, also one without any value.
STAGED = f"""
    SELECT {SOURCE_SHA256}, {SPLIT_START}, rules AS {STAGED_RULE_IDS}, warnings AS {WARNINGS},
        day AS {DAY}, {KEY}, {AMOUNTS}
    FROM VALUES
        ('a', 0, NULL, NULL, DATE'2024-05-31', 5, 1.10),
        ('a', 0, NULL, array('w'), DATE'2024-05-02', 7, 0.01),
        ('a', 0, array('r', 's'), NULL, DATE'2023-01-01', 1, 100.00),
        ('a', 0, array('r', 's'), NULL, DATE'2025-01-01', 99, NULL),
        ('a', 9, array('r'), array('w'), NULL, NULL, NULL),
        ('b', 0, NULL, array('w'), DATE'2024-06-01', 3, NULL)
    AS t({SOURCE_SHA256}, {SPLIT_START}, rules, warnings, day, {KEY}, money)
"""


def money(amount: str) -> dict[str, Decimal]:
    return {name: factor * Decimal(amount) for factor, name in enumerate(MONEY, 1)}


def as_dicts(rows: list[Row], *order: str) -> list[dict[str, Any]]:
    return sorted(
        (row.asDict() for row in rows), key=lambda row: repr([row[name] for name in order])
    )


def only(frame: DataFrame) -> dict[str, Any]:
    """The one row of a frame: rows compare by their values alone."""
    (row,) = frame.collect()
    return row.asDict()


def test_a_split_has_rows_money_and_what_its_valid_rows_span(spark: SparkSession) -> None:
    found = as_dicts(
        figures.by_split(spark.sql(STAGED), SALES).collect(), SOURCE_SHA256, SPLIT_START
    )
    nothing = {
        "first_day": None,
        "last_day": None,
        "least_key": None,
        "greatest_key": None,
        "partitions": [],
    }
    june = date(2024, 6, 1)
    assert found == [
        {
            SOURCE_SHA256: "a", SPLIT_START: 0, "rows": 4, **money("101.11"), "refused": 2, "warned": 1,
            "partitions": [date(2024, 5, 1)], "first_day": date(2024, 5, 2), "last_day": date(2024, 5, 31),
            "least_key": 5, "greatest_key": 7,
        },
        {SOURCE_SHA256: "a", SPLIT_START: 9, "rows": 1, **money("0.00"), "refused": 1, "warned": 1, **nothing},
        {
            SOURCE_SHA256: "b", SPLIT_START: 0, "rows": 1, **money("0.00"), "refused": 0, "warned": 1,
            "partitions": [june], "first_day": june, "last_day": june, "least_key": 3, "greatest_key": 3,
        },
    ]  # fmt: skip


def test_a_dataset_without_a_key_has_no_span_of_keys(spark: SparkSession) -> None:
    found = figures.by_split(spark.sql(STAGED), replace(SALES, key=()))
    assert found.columns[-3:] == ["partitions", "first_day", "last_day"]


def test_a_sum_of_nothing_is_zero_of_the_column_s_own_type(spark: SparkSession) -> None:
    sums = spark.sql(STAGED).where("false").select(*figures.of_source(SALES))
    assert only(sums) == {"rows": 0, **money("0")}
    assert {kind for name, kind in sums.dtypes if name != "rows"} == {
        "decimal(24,2)"
    }  # of a sum, not wider


def test_files_are_counted_by_file_and_by_fate_with_the_partitions_held_before(
    spark: SparkSession,
) -> None:
    staged = spark.sql(STAGED)
    by_file = as_dicts(figures.by_file(staged, SALES).collect(), SOURCE_SHA256)
    assert by_file == [
        {SOURCE_SHA256: "a", "rows": 5, **money("101.11")},
        {SOURCE_SHA256: "b", "rows": 1, **money("0")},
    ]
    fates = {FATE: f"if({KEY} > 4, 'loaded', 'replaced')", HELD_DATE: f"if({KEY} = 7, {DAY}, NULL)"}
    judged = staged.selectExpr("*", *(f"{value} AS {name}" for name, value in fates.items()))
    by_fate = as_dicts(
        figures.by_fate(judged.where(f"{KEY} IS NOT NULL"), SALES).collect(), SOURCE_SHA256, FATE
    )
    assert by_fate == [
        {
            SOURCE_SHA256: "a",
            FATE: "loaded",
            "rows": 3,
            **money("1.11"),
            "partitions": [date(2024, 5, 1)],
        },
        {SOURCE_SHA256: "a", FATE: "replaced", "rows": 1, **money("100.00"), "partitions": []},
        {SOURCE_SHA256: "b", FATE: "replaced", "rows": 1, **money("0"), "partitions": []},
    ]


def test_only_rows_that_break_or_warn_are_counted_by_verdict(spark: SparkSession) -> None:
    found = as_dicts(figures.by_verdict(spark.sql(STAGED)).collect(), STAGED_RULE_IDS, WARNINGS)
    assert found == [
        {STAGED_RULE_IDS: None, WARNINGS: ["w"], "rows": 2},
        {STAGED_RULE_IDS: ["r", "s"], WARNINGS: None, "rows": 2},
        {STAGED_RULE_IDS: ["r"], WARNINGS: ["w"], "rows": 1},
    ]


def test_a_table_is_asked_for_its_rows_and_for_each_fresh_column_once(spark: SparkSession) -> None:
    rules = [rule("freshness", "b"), rule("row_count"), rule("freshness", "a"), rule("freshness", "b"),
             rule("unique", "c")]  # fmt: skip
    table = spark.sql(
        "SELECT * FROM VALUES (1, 2, 'x'), (NULL, 3, 'y'), (NULL, NULL, 'y') AS t(a, b, c)"
    )
    found = only(table.agg(*table_checks.statistics(rules)))
    assert found == {"rows": 3, "latest_a": 1, "latest_b": 3, "count_a": 1, "count_b": 2}
    assert only(table.agg(*table_checks.statistics([]))) == {"rows": 3}


def test_rows_that_share_columns_are_counted_and_null_equals_nothing(spark: SparkSession) -> None:
    table = spark.sql(
        "SELECT * FROM VALUES (1, 'a'), (1, 'a'), (1, 'b'), (2, 'a'), (NULL, 'a'), (NULL, 'a') AS t(n, c)"
    )
    assert only(table_checks.repeated(table, ["n", "c"])) == {"rows": 4, "failed": 2}
    assert only(table_checks.repeated(table, ["c"])) == {"rows": 6, "failed": 5}
    assert only(table_checks.repeated(table.where("false"), ["c"])) == {"rows": 0, "failed": 0}


def test_values_that_another_table_has_not_are_counted_and_null_passes(spark: SparkSession) -> None:
    rows = spark.sql(
        "SELECT * FROM VALUES ('a'), ('a'), ('b'), (NULL), ('z'), ('z'), ('y') AS t(letter)"
    )
    known = spark.sql("SELECT * FROM VALUES ('a'), ('b'), ('b'), (NULL) AS t(code)")
    assert only(table_checks.unmatched(rows, "letter", known, "code")) == {"rows": 7, "failed": 3}
    nothing = table_checks.unmatched(rows.where("false"), "letter", known, "code")
    assert only(nothing) == {"rows": 0, "failed": 0}


def test_values_in_the_form_of_an_earlier_contract_are_counted(spark: SparkSession) -> None:
    table = spark.sql(
        "SELECT * FROM VALUES ('1.0.0', 'Ann', NULL), ('1.1.0', 'A', 'm'), ('2.0.0', NULL, 'm'), ('1.0.0', 'B', 'm')"
        f" AS t({CONTRACT_VERSION}, name, mail)"
    )
    alike = {"name": ["1.1.0", "2.0.0"], "mail": ["1.0.0"]}
    assert only(table.agg(*table_checks.other_forms(alike))) == {"rows": 4, "name": 2, "mail": 2}


@pytest.mark.parametrize(
    ("treatment", "words"),
    [
        ("hash", "a token in place of the value"),
        ("mask", "its first character only"),
        (None, "the value as it came"),
    ],
)
@pytest.mark.parametrize(("name", "action"), [(KEY, "halt"), ("region", "warn")])
@pytest.mark.parametrize(("failed", "status"), [(0, "passed"), (2, "failed")])
def test_another_form_of_a_value_warns_and_in_a_key_it_halts(
    treatment: Any, words: str, name: str, action: str, failed: int, status: str
) -> None:
    columns = tuple(
        replace(one, pii=treatment) if one.name == name else one for one in SALES.columns
    )
    found = table_rule_results.protection(
        replace(SALES, columns=columns), name, {"rows": 9, name: failed}
    )
    assert (found.rule_id, found.scope, found.kind, found.action) == (
        f"{name}.protection",
        "table",
        "protection",
        action,
    )
    assert (found.status, found.holds, found.rows_checked, found.rows_failed) == (
        status,
        not failed,
        9,
        failed,
    )
    assert found.measured == f"{failed} of 9 rows hold {name} in the form of an earlier contract"
    assert found.expected == f"{words} in every row; `slipway backfill` loads the others again"


def test_a_table_rule_keeps_its_name_kind_and_action() -> None:
    found = table_rule_results.row_count(
        rule("row_count", id="enough", action="warn", minimum=1), {"rows": 2}
    )
    assert (found.rule_id, found.scope, found.kind, found.action) == (
        "enough",
        "table",
        "row_count",
        "warn",
    )
