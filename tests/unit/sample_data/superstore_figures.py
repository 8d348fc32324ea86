"""Superstore figures by plain Python over the records: csv, Decimal and dates, nothing that the pipeline uses."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
REAL_FILE = ROOT / "tests" / "real" / "superstore_519.csv"
FOURTHS = Decimal("0.0001")
SEGMENTS = (  # least recency, and least frequency + monetary value; the first that a customer reaches is theirs
    ("champions", 4, 8), ("loyal", 3, 6), ("promising", 3, 2), ("at risk", 1, 7), ("fading", 2, 2), ("lost", 1, 2),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Line:
    """An order line; `customer` as the tables hold it."""

    row_id: int
    order_id: str
    ordered: date
    shipped: date
    ship_mode: str
    customer: str
    region: str
    category: str
    group: str
    sales: Decimal
    units: int
    discount: Decimal
    profit: Decimal

    @property
    def month(self) -> date:
        """First day of the month of the order."""
        return self.ordered.replace(day=1)

    @property
    def days(self) -> int:
        """Days to dispatch."""
        return (self.shipped - self.ordered).days

    @property
    def band(self) -> str:
        """Band of discount."""
        limits = ((Decimal(0), "none"), (Decimal("0.2"), "to 20 %"), (Decimal("0.4"), "to 40 %"))
        return next((name for limit, name in limits if self.discount <= limit), "above 40 %")


def read(files: Iterable[Path], token: Callable[[str], str]) -> list[Line]:
    """The lines of the files; `token` is what the tables hold of a customer's number."""
    return [_line(record, token) for file in files for record in _records(file)]


def records(files: Iterable[Path]) -> list[dict[str, str]]:
    """The records as they stand in the files."""
    return [record for file in files for record in _records(file)]


def _records(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def _line(record: dict[str, str], token: Callable[[str], str]) -> Line:
    return Line(
        row_id=int(record["Row ID"]),
        order_id=record["Order ID"],
        ordered=_day(record["Order Date"]),
        shipped=_day(record["Ship Date"]),
        ship_mode=record["Ship Mode"],
        customer=token(record["Customer ID"]),
        region=record["Region"],
        category=record["Category"],
        group=record["Sub-Category"],
        sales=Decimal(record["Sales"]),
        units=int(record["Quantity"]),
        discount=Decimal(record["Discount"]),
        profit=Decimal(record["Profit"]),
    )


def _day(text: str) -> date:
    month, day, year = map(int, text.split("/"))
    return date(year, month, day)


def _grouped(lines: Iterable[Line], key: Callable[[Line], Any]) -> dict[Any, list[Line]]:
    groups: dict[Any, list[Line]] = defaultdict(list)
    for line in lines:
        groups[key(line)].append(line)
    return groups


def money(lines: Iterable[Line]) -> tuple[Decimal, Decimal]:
    """Sales and profit, not rounded."""
    members = list(lines)
    return sum((one.sales for one in members), Decimal(0)), sum(
        (one.profit for one in members), Decimal(0)
    )


def curated(lines: list[Line]) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every curated table, sorted."""
    by_group = _grouped(lines, lambda one: (one.month, one.region, one.category, one.group))
    by_band = _grouped(lines, lambda one: (one.month, one.category, one.band))
    by_customer = _grouped(lines, lambda one: (one.month, one.customer))
    return {
        "superstore_sales_by_month": sorted(
            (*key, len(of), sum(one.units for one in of), *money(of)) for key, of in by_group.items()
        ),
        "superstore_discounts_by_month": sorted(
            (*key, len(of), sum(one.profit < 0 for one in of), sum(one.units for one in of), *money(of))
            for key, of in by_band.items()
        ),
        "superstore_shipping_by_month": sorted(_shipping(lines)),
        "superstore_customers_by_month": sorted(
            (*key, len({one.order_id for one in of}), len(of), sum(one.units for one in of), *money(of),
             min(one.ordered for one in of), max(one.ordered for one in of))
            for key, of in by_customer.items()
        ),
    }  # fmt: skip


def _shipping(lines: list[Line]) -> Iterable[tuple[Any, ...]]:
    for key, of in _grouped(lines, lambda one: (one.month, one.ship_mode)).items():
        shipments = {(one.order_id, one.ordered, one.shipped): one.days for one in of}
        days = sum(shipments.values())
        average = (Decimal(days) / len(shipments)).quantize(FOURTHS, ROUND_HALF_UP)
        yield (
            *key,
            len(shipments),
            days,
            average,
            min(shipments.values()),
            max(shipments.values()),
            *money(of),
        )


def customers(lines: list[Line]) -> list[tuple[Any, ...]]:
    """Every row of the view superstore_customer_value, sorted by customer."""
    found = {}
    for customer, of in _grouped(lines, lambda one: one.customer).items():
        orders = len({one.order_id for one in of})
        found[customer] = (max(one.ordered for one in of), orders, *money(of), of)
    recency = _fifths(found, lambda one: (found[one][0], found[one][2], one))
    frequency = _fifths(found, lambda one: (found[one][1], found[one][2], one))
    monetary = _fifths(found, lambda one: (found[one][2], one))
    as_of = max(last for last, *_ in found.values())
    rows = []
    for customer, (last, orders, sales, profit, of) in sorted(found.items()):
        scores = (recency[customer], frequency[customer], monetary[customer])
        months = len({one.month for one in of})
        first = min(one.ordered for one in of)
        rows.append((customer, as_of, first, last, (as_of - last).days, orders, sales, profit, months,
                     *scores, segment(scores[0], scores[1] + scores[2])))  # fmt: skip
    return rows


def segment(recency: int, both: int) -> str:
    """Name of the segment."""
    return next(
        name for name, least, least_both in SEGMENTS if recency >= least and both >= least_both
    )


def _fifths(names: Iterable[str], order: Callable[[str], Any]) -> dict[str, int]:
    """1 to 5 by order; where the number does not divide by five, the first fifths have one more."""
    ranked = sorted(names, key=order)
    size, more = divmod(len(ranked), 5)
    sizes = [size + (number < more) for number in range(5)]
    scores = [number for number, length in enumerate(sizes, start=1) for _ in range(length)]
    return dict(zip(ranked, scores, strict=True))


def cohorts(lines: Iterable[Line]) -> list[tuple[Any, ...]]:
    """The rows of the mart superstore_cohorts, sorted."""
    lines = list(lines)
    first: dict[str, date] = {}
    groups: dict[tuple[date, date], list[Line]] = defaultdict(list)
    for line in sorted(lines, key=lambda each: each.ordered):
        first.setdefault(line.customer, line.month)
    for line in lines:
        groups[first[line.customer], line.month].append(line)
    return sorted(
        (
            cohort,
            month,
            (month.year - cohort.year) * 12 + month.month - cohort.month,
            len({line.customer for line in found}),
            sum(of == cohort for of in first.values()),
            len({line.order_id for line in found}),
            sum(line.sales for line in found),
            sum(line.profit for line in found),
        )
        for (cohort, month), found in groups.items()
    )
