"""Which texts parse, to what, and what is said about the others."""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from contracts import texts
from glue_jobs import parsing
from tests.unit.rows.texts_of_values import HIDDEN, PARSES, REFUSED, TEXT


def test_each_text_gives_exactly_this_value(spark: SparkSession) -> None:
    found = spark.range(1).select(
        *(
            parsing.value(kind, F.lit(text)).alias(f"v{n}")
            for n, (kind, text, _) in enumerate(PARSES)
        )
    )
    assert list(found.collect()[0]) == [value for _, _, value in PARSES]


def test_each_other_text_is_refused_with_its_reason(spark: SparkSession) -> None:
    found = spark.range(1).select(
        *(
            F.when(
                parsing.value(kind, F.lit(text)).isNull(), parsing.complaint(kind, F.lit(text))
            ).alias(f"v{n}")
            for n, (kind, text, _) in enumerate(REFUSED)
        )
    )
    assert list(found.collect()[0]) == [reason for _, _, reason in REFUSED]


def test_blanks_around_a_text_do_not_count_and_nothing_but_blanks_is_null(
    spark: SparkSession,
) -> None:
    given = [" a b ", "\t7\r\n", "\u00a0x\u00a0", " \t\u00a0 ", "", None]
    given += [f"{blank}{blank}a{blank}b{blank}" for blank in texts.BLANKS]
    frame = spark.createDataFrame([(text,) for text in given], "raw string")
    found = [
        row[0] for row in frame.select(parsing.present(parsing.trimmed(F.col("raw")))).collect()
    ]
    assert found[:6] == ["a b", "7", "x", None, None, None]
    assert found == [(texts.cleaned(text) or None) if text else None for text in given]


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
    found = spark.range(1).select(
        parsing.shown(HIDDEN, F.lit("a@b.c")), *(parsing.shown(TEXT, F.lit(text)) for text in given)
    )
    assert list(found.collect()[0]) == [
        "the value (personal data, not shown)",
        "'abc'",
        f"'{'x' * 60}...'",
        *(f"'{texts.escaped(text)}'" for text in given[2:]),
    ]


def test_quotes_around_a_text_are_taken_off_as_tools_take_them_off(spark: SparkSession) -> None:
    given = ['"India"', '" \u00a0India "', '""', '"', '5" screen', "India"]
    frame = spark.createDataFrame([(text,) for text in given], "text string")
    found = [row[0] for row in frame.select(parsing.unquoted(F.col("text"))).collect()]
    assert found == [texts.unquoted(text) for text in given]
