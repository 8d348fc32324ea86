"""Which texts parse, to what, and what is said about the others."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from contracts.errors import ContractInvalid
from contracts.model import Column
from glue_jobs import parsing
from rows import grammar
from tests.spark.orders import column

INT, BIGINT, MONEY, WHOLE = (
    column("c", "int"),
    column("c", "bigint"),
    column("c", "decimal(8,2)"),
    column("c", "decimal(5,0)"),
)
US, ISO = column("c", "date", format="M/d/yyyy"), column("c", "date", format="yyyy-MM-dd")
TIME = column("c", "timestamp", format="yyyy-MM-dd'T'HH:mm:ss")
BOOLEAN, TEXT = column("c", "boolean"), column("c")

PARSES: list[tuple[Column, str, Any]] = [
    (INT, "7", 7),
    (INT, "+007", 7),
    (INT, "-2147483648", -2147483648),
    (BIGINT, "999999999999999999", 999999999999999999),
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
]
REFUSED: list[tuple[Column, str, str]] = [
    (INT, "abc", "is not a whole number"),
    (INT, "1.0", "is not a whole number"),
    (INT, "1,000", "is not a whole number"),
    (INT, "٣", "is not a whole number"),
    (INT, "2147483648", "does not fit into int"),
    (BIGINT, "1234567890123456789", "does not fit into bigint"),
    (MONEY, "1e5", "is not a number"),
    (MONEY, ".5", "is not a number"),
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
        *(parsing.value(kind, F.lit(text)).alias(f"v{n}") for n, (kind, text, _) in enumerate(PARSES))
    )
    assert list(found.collect()[0]) == [value for _, _, value in PARSES]


def test_each_other_text_is_refused_with_its_reason(spark: SparkSession) -> None:
    found = spark.range(1).select(
        *(
            F.when(parsing.value(kind, F.lit(text)).isNull(), parsing.complaint(kind, F.lit(text))).alias(f"v{n}")
            for n, (kind, text, _) in enumerate(REFUSED)
        )
    )
    assert list(found.collect()[0]) == [reason for _, _, reason in REFUSED]


def test_blanks_around_a_text_do_not_count_and_nothing_but_blanks_is_null(spark: SparkSession) -> None:
    texts = [" a b ", "\t7\r\n", "\u00a0x\u00a0", " \t\u00a0 ", "", None]
    frame = spark.createDataFrame([(text,) for text in texts], "raw string")
    found = [row[0] for row in frame.select(parsing.present(parsing.trimmed(F.col("raw")))).collect()]
    assert found == ["a b", "7", "x", None, None, None]


def test_a_shown_value_is_quoted_and_shortened_and_personal_data_is_hidden(spark: SparkSession) -> None:
    hidden = column("mail", pii="hash")
    found = spark.range(1).select(
        parsing.shown(TEXT, F.lit("abc")), parsing.shown(TEXT, F.lit("x" * 61)), parsing.shown(hidden, F.lit("a@b.c"))
    )
    assert list(found.collect()[0]) == ["'abc'", f"'{'x' * 60}...'", "the value (personal data, not shown)"]


def test_a_date_format_that_is_not_defined_exactly_is_refused() -> None:
    with pytest.raises(ContractInvalid, match="'MMM' in format 'd MMM yyyy'"):
        grammar.shape(column("c", "date", format="d MMM yyyy"))
