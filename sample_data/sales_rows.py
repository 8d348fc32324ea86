"""Rows of Sales Records files, from a seed.

Speed decides the form: lines are built as text from tables prepared once, and money is counted in integer cents, so a
million rows take seconds with the standard library and every total is exact.
"""

from __future__ import annotations

import calendar
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

COLUMNS = (
    "Region", "Country", "Item Type", "Sales Channel", "Order Priority", "Order Date", "Order ID", "Ship Date",
    "Units Sold", "Unit Price", "Unit Cost", "Total Revenue", "Total Cost", "Total Profit",
)  # fmt: skip
PLACES = (
    ("Asia", "India"), ("Asia", "Japan"), ("Asia", "Mongolia"), ("Asia", "Sri Lanka"), ("Asia", "Vietnam"),
    ("Australia and Oceania", "Australia"), ("Australia and Oceania", "Fiji"), ("Australia and Oceania", "Samoa"),
    ("Central America and the Caribbean", "Bahamas, The"), ("Central America and the Caribbean", "Cuba"),
    ("Central America and the Caribbean", "Panama"), ("Europe", "Austria"), ("Europe", "Bosnia and Herzegovina"),
    ("Europe", "Estonia"), ("Europe", "Germany"), ("Europe", "Portugal"), ("Europe", "Ukraine"),
    ("Middle East and North Africa", "Egypt"), ("Middle East and North Africa", "Oman"),
    ("Middle East and North Africa", "Tunisia "), ("North America", "Canada"), ("North America", "Mexico"),
    ("North America", "United States of America"), ("Sub-Saharan Africa", "Cote d'Ivoire"),
    ("Sub-Saharan Africa", "Kenya"), ("Sub-Saharan Africa", "Seychelles"), ("Sub-Saharan Africa", "Seychelles "),
    ("Sub-Saharan Africa", "São Tomé and Príncipe"),
)  # fmt: skip
# Item type, unit price and unit cost in cents.
ITEMS = (
    ("Baby Food", 25528, 15942), ("Beverages", 4745, 3179), ("Cereal", 20570, 11711), ("Clothes", 10928, 3584),
    ("Cosmetics", 43720, 26333), ("Fruits", 933, 692), ("Household", 66827, 50254), ("Meat", 42189, 36469),
    ("Office Supplies", 65121, 52496), ("Personal Care", 8173, 5667), ("Snacks", 15258, 9744),
    ("Vegetables", 15406, 9093),
)  # fmt: skip
CHANNELS = ("Online", "Offline")
PRIORITIES = ("C", "H", "M", "L")
LONGEST_DISPATCH_DAYS = 50
LINES_PER_WRITE = 10_000


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a file is written: the same rows, as different partners send them."""

    underscores: bool = False
    id_column: bool = False
    reversed_columns: bool = False
    quote_all: bool = False
    bom: bool = False
    crlf: bool = False
    gzipped: bool = False


@dataclass(frozen=True, kw_only=True)
class Span:
    """`months` calendar months from `first`, the first day of one."""

    first: date
    months: int = 1

    @property
    def days(self) -> int:
        """Number of days in the span."""
        last_month = self.first.month - 1 + self.months - 1
        year, month = self.first.year + last_month // 12, last_month % 12 + 1
        return (date(year, month, calendar.monthrange(year, month)[1]) - self.first).days + 1


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a file holds: its records, those that a later record of the same order replaces, totals of what remains."""

    rows: int
    superseded: int
    totals: dict[str, Decimal]


def order_number(serial: int) -> int:
    """A nine-digit order number; different for different serials below 900 million."""
    return (
        100_000_000 + serial * 387_420_497 % 900_000_000
    )  # no common factor, so the product is a permutation


def write_file(
    path: Path,
    *,
    rows: int,
    span: Span,
    seed: str,
    first_serial: int = 0,
    style: Style | None = None,
    repeats: int = 0,
) -> Written:
    """Write a Sales Records file of `rows` records with order dates in `span`; the same arguments give the same bytes.

    Orders are numbered from `first_serial`; the last `repeats` records repeat the first orders with other figures.
    """
    style = style or Style()
    cents = [0, 0]
    new_line = "\r\n" if style.crlf else "\n"
    opened = gzip.GzipFile(path, "wb", mtime=0) if style.gzipped else path.open("wb")
    with opened as file:
        file.write(("\ufeff" if style.bom else "").encode() + (_header(style) + new_line).encode())
        lines: list[str] = []
        for line in _lines(rows, span, Random(seed), first_serial, style, repeats, cents):  # noqa: S311 - sample data
            lines.append(line)
            if len(lines) == LINES_PER_WRITE:
                file.write((new_line.join(lines) + new_line).encode())
                lines.clear()
        file.write("".join(line + new_line for line in lines).encode())
    revenue, cost = cents
    totals = {
        "total_revenue": money(revenue),
        "total_cost": money(cost),
        "total_profit": money(revenue - cost),
    }
    return Written(rows=rows, superseded=repeats, totals=totals)


def money(cents: int) -> Decimal:
    """Cents as a decimal with two places."""
    return Decimal(cents).scaleb(-2)


def _header(style: Style) -> str:
    return _line(
        "ID", [name.replace(" ", "_") if style.underscores else name for name in COLUMNS], style
    )


def _line(running_number: str, values: list[str], style: Style) -> str:
    values = values[::-1] if style.reversed_columns else values
    if style.id_column:
        values = [running_number, *values]
    return '"' + '","'.join(values) + '"' if style.quote_all else ",".join(values)


def _lines(
    rows: int,
    span: Span,
    random: Random,
    first_serial: int,
    style: Style,
    repeats: int,
    cents: list[int],
) -> Iterator[str]:
    """The records as text; adds revenue and cost of those that no later record replaces to `cents`."""
    chance = random.random
    days = span.days
    dates = [
        _us_date(span.first + timedelta(days=day))
        for day in range(days + LONGEST_DISPATCH_DAYS + 1)
    ]
    places = [(region, _quoted(country, style)) for region, country in PLACES]
    items = [(name, price, cost, _text(price), _text(cost)) for name, price, cost in ITEMS]
    for index in range(rows):
        region, country = places[int(chance() * len(places))]
        item, price, cost, price_text, cost_text = items[int(chance() * len(items))]
        day = int(chance() * days)
        units = 1 + int(chance() * 9999)
        revenue, spent = units * price, units * cost
        if index >= repeats:
            cents[0] += revenue
            cents[1] += spent
        again = index - (rows - repeats)
        serial = first_serial + (again if again >= 0 else index)
        yield _line(
            str(index + 1),
            [
                region, country, item, CHANNELS[chance() < 0.5], PRIORITIES[int(chance() * 4)], dates[day],
                str(order_number(serial)), dates[day + int(chance() * (LONGEST_DISPATCH_DAYS + 1))], str(units),
                price_text, cost_text, _text(revenue), _text(spent), _text(revenue - spent),
            ],
            style,
        )  # fmt: skip


def _quoted(value: str, style: Style) -> str:
    return f'"{value}"' if "," in value and not style.quote_all else value


def _text(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _us_date(day: date) -> str:
    return f"{day.month}/{day.day}/{day.year}"
