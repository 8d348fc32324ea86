"""Texts with the values that they are, and texts that are none with what is said about them; for every engine."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from contracts.model import Column
from rows.expressions.values import QUOTED
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
    (INT, '"7"', QUOTED),
    (TEXT, '"India"', QUOTED),
    (TEXT, '"', QUOTED),
    (HIDDEN, '"ann@example.com"', QUOTED),
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
