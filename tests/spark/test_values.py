"""What each text is and what is said about it, in Spark; tests/unit/rows/test_values.py has the same of DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import SparkSession

from contracts import texts
from rows.expressions import values
from rows.spark_dialect import SparkDialect
from tests.unit.rows.texts_of_values import HIDDEN, PARSES, REFUSED, TEXT

SPARK = SparkDialect()


def of(spark: SparkSession, sql: Sequence[str], given: Sequence[str | None]) -> list[Any]:
    """The value of each SQL over the text at the same place, in columns `t0`, `t1` and so on; one query."""
    schema = ", ".join(f"t{place} string" for place in range(len(given)))
    named = (f"{text} AS v{place}" for place, text in enumerate(sql))
    return list(spark.createDataFrame([tuple(given)], schema).selectExpr(*named).collect()[0])


def test_each_text_gives_exactly_this_value(spark: SparkSession) -> None:
    sql = [values.value(SPARK, kind, f"t{n}") for n, (kind, *_) in enumerate(PARSES)]
    found = of(spark, sql, [text for _, text, _ in PARSES])
    assert found == [value for _, _, value in PARSES]
    assert [type(value) for value in found] == [type(value) for _, _, value in PARSES]


def test_each_other_text_is_refused_with_its_reason(spark: SparkSession) -> None:
    given = [text for _, text, _ in REFUSED]
    parsed = [values.value(SPARK, kind, f"t{n}") for n, (kind, *_) in enumerate(REFUSED)]
    assert of(spark, parsed, given) == [None] * len(REFUSED)
    reasons = [values.complaint(SPARK, kind, f"t{n}") for n, (kind, *_) in enumerate(REFUSED)]
    assert of(spark, reasons, given) == [reason for _, _, reason in REFUSED]


def test_blanks_around_a_text_do_not_count_and_nothing_but_blanks_is_null(
    spark: SparkSession,
) -> None:
    given = [" a b ", "\t7\r\n", "\u00a0x\u00a0", " \t\u00a0 ", "", None]
    given += [f"{blank}{blank}a{blank}b{blank}" for blank in texts.BLANKS]
    trimmed = of(spark, [values.trimmed(SPARK, f"t{n}") for n in range(len(given))], given)
    assert trimmed == [None if text is None else texts.cleaned(text) for text in given]
    present = of(spark, [values.present(f"t{n}") for n in range(len(given))], trimmed)
    assert present == [text or None for text in trimmed]


def test_a_shown_value_is_quoted_and_shortened_and_personal_data_is_hidden(
    spark: SparkSession,
) -> None:
    given = [
        "abc",
        "x" * 61,
        "On\u200bline",
        "\u00a0😀\u2028\x1fé",
        "\ufeffa'\\\U0001f468\u200d\U0001f469",
    ]
    sql = [values.shown(SPARK, TEXT, f"t{n}") for n in range(len(given))]
    assert of(spark, sql, given) == [
        "'abc'",
        f"'{'x' * 60}...'",
        *(f"'{texts.escaped(text)}'" for text in given[2:]),
    ]
    assert of(spark, [values.shown(SPARK, HIDDEN, "t0")], ["a@b.c"]) == [
        "the value (personal data, not shown)"
    ]


def test_quotes_around_a_text_are_taken_off_as_tools_take_them_off(spark: SparkSession) -> None:
    given = ['"India"', '" \u00a0India "', '""', '"', '5" screen', "India"]
    found = of(spark, [values.unquoted(SPARK, f"t{n}") for n in range(len(given))], given)
    assert found == [texts.unquoted(text) for text in given]
