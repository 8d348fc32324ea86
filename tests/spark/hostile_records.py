"""Records for the comparison of engines: every type, rule and treatment, and values that are hard to read.

Drawn from one seed, so that a difference can be drawn again: most values are good ones, most others from lists of known
troubles, with blanks around them, and some are characters from all over Unicode.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from contracts.model import Column, Contract, Rule
from rows.layout import Layout
from sample_data import hostile_values
from tests.spark.orders import ORDERS, column

Record = tuple[str | None, ...]  # the fields, and the record as written where it is damaged

EVERYTHING: Contract = replace(
    ORDERS,
    dataset="everything",
    intake=replace(ORDERS.intake, delimiter="|"),
    columns=(
        column("order_id", "bigint", required=True, minimum="1"),
        column("order_date", "date", required=True, format="M/d/yyyy", minimum="2000-01-01"),
        column("day_of_20yy", "date", format="d.M.yy"),
        column("iso_day", "date", format="yyyy-MM-dd", maximum="2024-12-31"),
        column("quoted_day", "date", format="yyyy'Q'MMdd"),
        column("moment", "timestamp", format="yyyy-MM-dd'T'HH:mm:ss", minimum="2000-01-01 00:00:00"),
        column("millis", "timestamp", format="d/M/yyyy H:m:s.SSS"),
        column("micros", "timestamp", format="yyyy-MM-dd HHmmss.SSSSSS"),
        column("is_gift", "boolean"),
        column("large", "decimal(38,10)", maximum="1000"),
        column("whole", "decimal(5,0)"),
        column("fraction", "decimal(2,2)"),
        column("status", required=True, allowed=("open", "paid", "it's ${spark.app.name}")),
        column("quantity", "int", maximum="100"),
        column("amount", "decimal(8,2)", required=True, control_total=True, minimum="-1.50"),
        column("note", pattern="[A-Za-z ,.\"\n]*", max_length=30),
        column("word", pattern=r"\w+", max_length=5),
        column("line", pattern="a.b|^x$"),
        column("digits", pattern=r"\d{2}\s?[^0-9]|[\s&&[a]]+"),
        column("accents", pattern="straße|é+"),
        column("person", pii="hash", data_subject=True),
        column("person_int", "int", pii="hash"),
        column("person_wide", "bigint", pii="hash"),
        column("person_money", "decimal(8,2)", pii="hash"),
        column("person_day", "date", format="M/d/yyyy", pii="hash"),
        column("person_time", "timestamp", format="d/M/yyyy H:m:s.SSS", pii="hash"),
        column("person_flag", "boolean", pii="hash"),
        column("masked", pii="mask", pattern=".*@.*"),
        column("masked_int", "int", pii="mask"),
        column("dropped", pii="drop"),
    ),
    rules=(
        *ORDERS.rules,
        Rule(id="years", description="Y.", action="warn", columns=("order_date", "iso_day"),
             expression="year(order_date) = 2024 and quarter(order_date) in (1, 2) and month(iso_day) < 7"),
        Rule(id="lengths", description="L, it's so", action="warn", columns=("note", "word"),
             expression="length(note) between 1 and 10 or note like 'a%' or lower(word) = 'b'"),
        Rule(id="sums", description="S.", action="warn", columns=("amount", "quantity", "whole"),
             expression="amount * quantity <= 100 and -amount < coalesce(whole, 0)"),
        Rule(id="extremes", description="E.", action="quarantine", columns=("amount", "quantity"),
             expression="greatest(amount, 1) > least(quantity, 5) or abs(amount) > 1"),
        Rule(id="nothing", description="N.", action="warn", columns=("note", "is_gift"),
             expression="nullif(note, '') is not null and case when is_gift then true else note <> 'x' end"),
        Rule(id="casts", description="C.", action="warn", columns=("quantity", "moment"),
             expression="cast(quantity as bigint) > 2 and moment > timestamp '2024-01-01 00:00:00'"),
        Rule(id="persons", description="P.", action="warn", columns=("person", "dropped"),
             expression="length(person) > length(dropped)"),
    ),
)  # fmt: skip

TROUBLES = (
    *hostile_values.DATES, *hostile_values.NUMBERS, *hostile_values.FORMULAS, *hostile_values.CODE,
    "1/2/2024", "12/31/2024", "02/29/2024", "1.2.70", "31.12.05", "1.1.00", "2024-02-29", "0001-01-01", "0000-01-01",
    "9999-12-31", "2024Q0131", "2024-02-29T23:59:59", "2024-02-29T24:00:00", "2024-03-31T02:30:00",
    "2024-02-29T23:59:60", "1/2/2024 3:4:5.678", "31/12/1969 23:59:59.999", "1/1/0001 0:0:0.000",
    "2024-02-29 235959.123456", "2024-02-29 240000.000000", "1", "0", "-1", "+1", "+0", "-0", "-0.00", "00012.50",
    "12.5", "12.50", "12.500", "100", "101", "100.0", "238.", ".0", ".99", "-.5", "2147483647", "2147483648.0",
    "-2147483648", "9223372036854775807.000", "9223372036854775808", "999999.99", "999999.999", "0" * 60 + "1.5",
    "1234567890123456789012345678.0123456789", "9" * 38, "9" * 39 + ".0", "12345", "99999", "100000",
    "open", "paid", "it's", "it's ${spark.app.name}", "${spark.app.name}", "Open", "true", "TRUE", "Yes", "y", "NO",
    "n", "f", "T", "ß", "STRASSE", "straße", "ÉÉ", "éé", "ǅ", "ab", "a\nb", "a\u2028b", "a\u0085b", "a\rb", "x", "x\n",
    "12 x", "12\u00a0x", "12\x0bx", "12x", "12\u2003x", "٣٤x", "& &", "ab_c", "äb", "a" * 61, "😀" * 61,
    "e\u0301" * 40, "a\\b", "\\", "\\'", "'", "''", '"', '""', '" "', '"7"', '" 12.50"', '"open"', '"a" "b"',
    'say "hi"', ",", "a|b", "|", "#x", " #x", "\x01x", "\x85x", "x\x85", "\ufeffx", "1\ufeff2", "a\tb", "\x0bx\x0b",
    "\x1fx", " x ", "a\n", "5\n", "\n5", "1/1/2024\n", "hello, world.", "line\nbreak", "line\r\nbreak", "line\rbreak",
    "a@b", "erased@x", "", "order id", "\u200bab\u200d",
)  # fmt: skip
GOOD = {  # by column of EVERYTHING, where not every value of its type is a good one
    "fraction": (".5", "0.25"), "note": ("abc", "hello", "b, \"c\"\nd"), "word": ("abc", "b_1"), "line": ("axb", "x"),
    "digits": ("12 x", "34y"), "accents": ("é", "straße"), "masked": ("a@b", "ann@example.com"),
    "order_date": ("1/2/2024", "12/31/2023"), "quantity": ("7", "100.0"),
}  # fmt: skip
DAMAGED_RECORDS = ("1|2", 'a|"b|c"|d', '"x""y"|', "|".join(map(str, range(40))), "#", "")
ERASED = "erased@x"  # its token stands for a person whose records are refused


def layout(contract: Contract, *, has_quotes: bool = True) -> Layout:
    """Files with every column in the contract's order, between a field that it ignores and one without a name."""
    names = (None, *(one.name for one in contract.columns), None)
    return Layout(
        columns=names, has_quotes=has_quotes, nameless=(len(names) - 1,), origin_position=0
    )


def records(contract: Contract, seed: int, rows: int) -> list[Record]:
    """Records for `layout`: the fields, then the damaged record."""
    return list(_records(contract, random.Random(seed), rows))


def _records(contract: Contract, draw: random.Random, rows: int) -> Iterator[Record]:
    fields = len(contract.columns) + 2
    header = ("", *(one.source_name for one in contract.columns), "", None)
    for _ in range(rows):
        kind = draw.random()
        if kind < 0.01:
            yield (*(None for _ in range(fields)), draw.choice(DAMAGED_RECORDS))
        elif kind < 0.02:
            yield header
        else:
            first = draw.choice(("7", " 8 ", "x", "#1", "", "1.0", None))
            last = draw.choice((*[None] * 20, "", "\u00a0", "more"))
            yield (first, *(_field(draw, one) for one in contract.columns), last, None)


def _field(draw: random.Random, one: Column) -> str | None:
    kind = draw.random()
    if kind < 0.94:
        return _good(draw, one)
    if kind < 0.95:
        return None
    if kind < 0.99:
        return _with_blanks(draw, draw.choice(TROUBLES))
    ranges = ((1, 0x2FF), (0x300, 0xD7FF), (0x1F300, 0x1FAFF))
    return "".join(chr(draw.randint(*draw.choice(ranges))) for _ in range(draw.randint(1, 8)))


def _with_blanks(draw: random.Random, text: str) -> str:
    blanks = draw.choice(" \t\u00a0\u2003\x0b\n\r\u200b") * draw.randint(1, 3)
    return draw.choice((text, text, text, blanks + text, text + blanks))


def _good(draw: random.Random, one: Column) -> str:
    if one.allowed or one.name in GOOD:
        return draw.choice(one.allowed or GOOD[one.name])
    match one.kind:
        case "string":
            return draw.choice(("open", "paid", "abc", "hello", "ab", "axb", "12 x", "é", "a@b"))
        case "int" | "bigint":
            return str(draw.randint(-5, 150))
        case "boolean":
            return draw.choice(("yes", "No", "1", "TRUE", "n"))
        case "decimal":
            _, scale = one.precision_and_scale or (0, 0)
            amount = (
                f"{draw.randint(-5, 500)}.{draw.randint(0, 9)}" if scale else draw.randint(0, 9)
            )
            return str(amount)
        case _:
            return _written_as(_moment(draw), one.format or "")


def _moment(draw: random.Random) -> datetime:
    year, month, day = (
        draw.choice((1999, 2023, 2024, 2024)),
        draw.randint(1, 12),
        draw.randint(1, 28),
    )
    time = (draw.randint(0, 23), draw.randint(0, 59), draw.randint(0, 59), draw.randint(0, 999999))
    return datetime(year, month, day, *time)


def _written_as(moment: datetime, date_format: str) -> str:
    fields = {
        "'T'": "\x01", "'Q'": "\x02", "yyyy": f"{moment.year:04}", "yy": f"{moment.year % 100:02}",
        "SSSSSS": f"{moment.microsecond:06}", "SSS": f"{moment.microsecond // 1000:03}",
        "MM": f"{moment.month:02}", "dd": f"{moment.day:02}", "HH": f"{moment.hour:02}",
        "mm": f"{moment.minute:02}", "ss": f"{moment.second:02}", "M": str(moment.month), "d": str(moment.day),
        "H": str(moment.hour), "m": str(moment.minute), "s": str(moment.second), "\x01": "T", "\x02": "Q",
    }  # fmt: skip
    for field, digits in fields.items():
        date_format = date_format.replace(field, digits)
    return date_format
