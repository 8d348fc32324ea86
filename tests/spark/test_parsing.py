"""Which texts parse, to what, and what is said about the others."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from contracts import texts
from contracts.model import Column
from glue_jobs import parsing
from tests.spark.orders import column

INT, BIGINT, MONEY, WHOLE = (
    column("c", "int"),
    column("c", "bigint"),
    column("c", "decimal(8,2)"),
    column("c", "decimal(5,0)"),
)
US, ISO = column("c", "date", format="M/d/yyyy"), column("c", "date", format="yyyy-MM-dd")
TIME = column("c", "timestamp", format="yyyy-MM-dd'T'HH:mm:ss")
BOOLEAN, TEXT, HIDDEN = column("c", "boolean"), column("c"), column("c", pii="hash")
FRACTION = column("c", "decimal(2,2)")

PARSES: list[tuple[Column, str, Any]] = [
    (INT, "7", 7),
    (INT, "+007", 7),
    (INT, "-2147483648", -2147483648),
    (INT, "238.0", 238),
    (INT, "-5.", -5),
    (INT, ".00", 0),
    (BIGINT, "9223372036854775807", 9223372036854775807),
    (BIGINT, "-9223372036854775808", -9223372036854775808),
    (BIGINT, "00000000000000300380099", 300380099),
    (BIGINT, "9223372036854775807.000", 9223372036854775807),
    (MONEY, "47.4500", Decimal("47.45")),
    (MONEY, ".99", Decimal("0.99")),
    (MONEY, "5.", Decimal("5.00")),
    (MONEY, "00000000205.70", Decimal("205.70")),
    (MONEY, "0" * 60 + "1.5" + "0" * 60, Decimal("1.50")),
    (WHOLE, "12345.0", Decimal("12345")),
    (FRACTION, "00.9900", Decimal("0.99")),
    (FRACTION, "-.5", Decimal("-0.50")),
    (MONEY, "12", Decimal("12.00")),
    (MONEY, "-0.5", Decimal("-0.50")),
    (MONEY, "999999.99", Decimal("999999.99")),
    (WHOLE, "12345", Decimal("12345")),
    (US, "7/5/2010", date(2010, 7, 5)),
    (US, "07/05/2010", date(2010, 7, 5)),
    (US, "2/29/2016", date(2016, 2, 29)),
    (ISO, "2010-07-05", date(2010, 7, 5)),
    (TIME, "2010-07-05T23:59:59", datetime(2010, 7, 5, 23, 59, 59)),
    (BOOLEAN, "Yes", True),
    (BOOLEAN, "0", False),
    (TEXT, "Côte d'Ivoire", "Côte d'Ivoire"),
    (TEXT, '5" screen', '5" screen'),
    (TEXT, '"Sea" House', '"Sea" House'),
]
REFUSED: list[tuple[Column, str, str]] = [
    (INT, "abc", "is not a whole number"),
    (INT, "1.5", "is not a whole number"),
    (INT, "99999999999.0", "does not fit into int"),
    (INT, '"7"', parsing.QUOTED),
    (TEXT, '"India"', parsing.QUOTED),
    (TEXT, '"', parsing.QUOTED),
    (HIDDEN, '"ann@example.com"', parsing.QUOTED),
    (INT, "1,000", "is not a whole number"),
    (INT, "٣", "is not a whole number"),
    (INT, "2147483648", "does not fit into int"),
    (BIGINT, "9223372036854775808", "does not fit into bigint"),
    (BIGINT, "-9223372036854775809", "does not fit into bigint"),
    (BIGINT, "9" * 400, "does not fit into bigint"),
    (MONEY, "1e5", "is not a number"),
    (MONEY, ".", "is not a number"),
    (MONEY, "47.4510", "has more than 2 decimals"),
    (MONEY, ".9901", "has more than 2 decimals"),
    (MONEY, "0001234567", "has more than 6 digits before the decimal point"),
    (FRACTION, "1.00", "has more than 0 digits before the decimal point"),
    (MONEY, "$5", "is not a number"),
    (MONEY, "NaN", "is not a number"),
    (MONEY, "1.005", "has more than 2 decimals"),
    (MONEY, "1234567.00", "has more than 6 digits before the decimal point"),
    (WHOLE, "1.5", "has more than 0 decimals"),
    (US, "2/30/2014", "is not a date written M/d/yyyy"),
    (US, "2014-02-03", "is not a date written M/d/yyyy"),
    (US, "2/3/14", "is not a date written M/d/yyyy"),
    (US, "2/3/2014 10:00", "is not a date written M/d/yyyy"),
    (ISO, "2010-7-5", "is not a date written yyyy-MM-dd"),
    (TIME, "2010-07-05T24:00:00", "is not a timestamp written yyyy-MM-dd'T'HH:mm:ss"),
    (BOOLEAN, "maybe", "is not a boolean"),
]


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
