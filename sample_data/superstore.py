"""Superstore files, month by month, as a partner lays them into date prefixes: from a seed, or a published file cut up.

The generated files have the columns and the wrinkles of the published one: a byte order mark, quoted commas and quotes,
no-break spaces, orders of many lines that name a product twice, postal codes missing or without their leading zeros,
amounts of no to four decimals. Names are made up. Amounts are counted in whole ten-thousandths, so totals are exact.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

HEADER = (
    "Row ID", "Order ID", "Order Date", "Ship Date", "Ship Mode", "Customer ID", "Customer Name", "Segment", "Country",
    "City", "State", "Postal Code", "Region", "Product ID", "Category", "Sub-Category", "Product Name", "Sales",
    "Quantity", "Discount", "Profit",
)  # fmt: skip
SEGMENTS = ("Consumer", "Corporate", "Home Office")
FIRST_NAMES = ("Abel", "Brunhild", "Casimir", "Dagny", "Eluned", "Fiorello", "Ottoline", "Zdeněk")
LAST_NAMES = ("Ashgrove", "Börgesdotter", "Crumplehorn", "O'Dunlavy", "Featherquill", "Zimtstern")
# City, state, postal code, region.
PLACES = (
    ("Lowell", "Massachusetts", "1852", "East"), ("Burlington", "Vermont", "", "East"),
    ("Los Angeles", "California", "90036", "West"), ("Seattle", "Washington", "98103", "West"),
    ("Houston", "Texas", "77095", "Central"), ("Henderson", "Kentucky", "42420", "South"),
    ("Fort Lauderdale", "Florida", "33311", "South"),
)  # fmt: skip
# Product number, category, product group, name, price in cents, margin in percent.
PRODUCTS = (
    ("FUR-BO-10001798", "Furniture", "Bookcases", "Somerset Collection Bookcase", 13098, 16),
    ("FUR-CH-10000454", "Furniture", "Chairs", "Fabric Upholstered Stacking Chairs, Rounded Back", 24398, 30),
    ("FUR-TA-10000577", "Furniture", "Tables", "Slim Rectangular Table", 34821, 12),
    ("OFF-BI-10003910", "Office Supplies", "Binders", 'Round Ring Binder, 1" Capacity', 757, 48),
    ("OFF-LA-10000240", "Office Supplies", "Labels", "Self-Adhesive Labels for Typewriters", 731, 47),
    ("OFF-PA-10001970", "Office Supplies", "Paper", "“While you Were Out” Message Book, 5 3/6” x 11”", 371, 50),
    ("TEC-AC-10004659", "Technology", "Accessories", "8GB Mini\u00a0TravelDrive USB 2.0\u00a0Flash Drive", 1850, 22),
    ("TEC-PH-10002275", "Technology", "Phones", "Conference\u00a0phone\u00a0- Charcoal black", 45358, 10),
)  # fmt: skip
DISCOUNTS = (0, 0, 0, 0, 10, 15, 20, 20, 32, 45, 70, 80)  # percent
LONGEST_DISPATCH_DAYS = {"Same Day": 0, "First Class": 3, "Second Class": 5, "Standard Class": 7}
MOST_LINES = 5  # of an order
TWICE = 0.05  # share of lines whose product the order may name once more
CUSTOMERS = 40

Record = dict[str, str]
Product = tuple[str, str, str, str, int, int]


@dataclass(frozen=True, kw_only=True)
class MonthFile:
    """One delivery: `folder` below the partner's folder, `<yyyy>/<mm>`, its records, and their money, not rounded."""

    path: Path
    folder: str
    rows: int
    sales: Decimal
    profit: Decimal


def generate(
    out: Path, *, seed: int, months: int, rows: int, first: date = date(2016, 1, 1)
) -> list[MonthFile]:
    """Write `rows` order lines in one file for each of the `months` from `first`; equal arguments give equal bytes.

    Raises ValueError when a month would have no line.
    """
    if months < 1 or rows < months:
        raise ValueError(
            f"months={months}, rows={rows}: at least one month, and a line for each, are needed"
        )
    random = Random(f"{seed}/superstore")  # noqa: S311 - sample data
    customers = _customers(random)
    records: list[Record] = []
    for index in range(months):
        share = rows * (index + 1) // months - rows * index // months
        month = first.month - 1 + index
        day = date(first.year + month // 12, month % 12 + 1, 1)
        records += _month(random, customers, day, share, len(records))
    return write_months(out, records)


def split(file: Path, out: Path) -> list[MonthFile]:
    """Cut a published file into one file per month of the order date."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return write_months(out, list(csv.DictReader(lines)))


def write_months(out: Path, records: Iterable[Record]) -> list[MonthFile]:
    """Write the records to `<out>/<yyyy>/<mm>/superstore_<yyyy>_<mm>.csv`, by month and in their order."""
    by_month: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        month, _, year = record["Order Date"].split("/")
        by_month[f"{year}/{int(month):02d}"].append(record)
    return [_write(out, folder, by_month[folder]) for folder in sorted(by_month)]


def _write(out: Path, folder: str, records: Sequence[Record]) -> MonthFile:
    path = out / folder / f"superstore_{folder.replace('/', '_')}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, HEADER, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(records)
    sales, profit = (
        sum((Decimal(one[name]) for one in records), Decimal(0)) for name in ("Sales", "Profit")
    )
    return MonthFile(path=path, folder=folder, rows=len(records), sales=sales, profit=profit)


def _customers(random: Random) -> list[Record]:
    """People who are nobody: names that no two share, with a number as the published file writes it."""
    names = [(first, last) for first in FIRST_NAMES for last in LAST_NAMES]
    chosen = random.sample(names, CUSTOMERS)
    return [
        {
            "Customer ID": f"{first[0]}{last[0]}-{10_000 + 5 * number}",
            "Customer Name": f"{first} {last}",
            "Segment": random.choice(SEGMENTS),
        }
        for number, (first, last) in enumerate(chosen)
    ]


def _month(
    random: Random, customers: Sequence[Record], first: date, rows: int, before: int
) -> list[Record]:
    """So many lines of orders in the month, numbered from `before`."""
    records: list[Record] = []
    while len(records) < rows:
        order, products = (
            _order(random, random.choice(customers), first, before + len(records)),
            list(PRODUCTS),
        )
        for _ in range(min(random.randint(1, MOST_LINES), rows - len(records))):
            product = random.choice(products)
            if random.random() >= TWICE:
                products.remove(product)
            records.append(
                {"Row ID": str(before + len(records) + 1), **order, **_line(random, product)}
            )
    return records


def _order(random: Random, customer: Record, first: date, number: int) -> Mapping[str, str]:
    mode = random.choice(tuple(LONGEST_DISPATCH_DAYS))
    day = first + timedelta(days=random.randrange(28))
    shipped = day + timedelta(days=random.randint(0, LONGEST_DISPATCH_DAYS[mode]))
    city, state, postal_code, region = random.choice(PLACES)
    return {
        "Order ID": f"CA-{day.year}-{100_000 + number}",
        "Order Date": _us_date(day),
        "Ship Date": _us_date(shipped),
        "Ship Mode": mode,
        **customer,
        "Country": "United States",
        "City": city,
        "State": state,
        "Postal Code": postal_code,
        "Region": region,
    }


def _line(random: Random, product: Product) -> Record:
    """A line of an order; money in ten-thousandths: cents times units times percent."""
    number, category, group, name, cents, margin = product
    units, discount = random.randint(1, 14), random.choice(DISCOUNTS)
    return {
        "Product ID": number,
        "Category": category,
        "Sub-Category": group,
        "Product Name": name,
        "Sales": _plain(cents * units * (100 - discount), 4),
        "Quantity": str(units),
        "Discount": _plain(discount, 2),
        "Profit": _plain(cents * units * (margin - discount), 4),
    }


def _plain(whole: int, decimals: int) -> str:
    """A decimal as the published file writes it: 0.2 for 0.20, 22 for 22.0000."""
    text = f"{Decimal(whole).scaleb(-decimals):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _us_date(day: date) -> str:
    return f"{day.month}/{day.day}/{day.year}"


def main(arguments: list[str] | None = None) -> int:
    """Write the files and print each with its figures."""
    parser = argparse.ArgumentParser(prog="python -m sample_data.superstore", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--months", type=int, default=48)
    parser.add_argument("--rows", type=int, default=9994)
    parser.add_argument(
        "--split", type=Path, help="a published file to cut up instead of generating one"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    options = parser.parse_args(arguments)
    if options.split:
        files = split(options.split, options.out)
    else:
        files = generate(options.out, seed=options.seed, months=options.months, rows=options.rows)
    for file in files:
        print(
            f"{file.folder}/{file.path.name}  rows {file.rows:>6}  sales {file.sales:>14}  profit {file.profit:>14}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
