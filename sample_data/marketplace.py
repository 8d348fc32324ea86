"""What plain Python makes of the marketplace's tables: each mart, and what is kept of a person.

It knows csv, hmac and Decimal, no contracts and no engines, so that tables and marts can be compared with it. Cells are
texts, written as SQL casts them.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path

Row = Mapping[str, str]
Files = Mapping[str, list[Row]]
Cells = tuple[str, ...]

UNKNOWN = "(unknown)"
NO_MONTH = "1970-01-01"  # of lines whose order has not come yet
# Of whom a row is: a token, a first letter, or nothing.
TOKENS = {("users", "id"), ("orders", "user_id"), ("returns", "user_id")}
MASKED = {("users", "full_name")}
DROPPED = {("returns", "reason")} | {
    ("users", name) for name in ("email", "phone_number", "gender", "password", "provider_id")
}
NAMES = ("order_items", "payments", "returns", "users", "products", "orders")  # children first


def read(folder: Path) -> dict[str, list[Row]]:
    """The records of all files."""
    return {name: list(csv.DictReader((folder / f"{name}.csv").open())) for name in NAMES}


def sales(files: Files) -> list[Cells]:
    """marketplace_sales: a month, product and kind of account, with orders, lines, units and money."""
    names = {row["id"]: row["name"] for row in files["products"]}
    orders = {row["id"]: row for row in files["orders"]}
    role = _roles(files)

    def group(line: Row) -> Cells:
        order = orders.get(line["order_id"])
        return (
            _month(order["order_date"]) if order else NO_MONTH,
            names.get(line["product_id"], UNKNOWN),
            role(order["user_id"]) if order else UNKNOWN,
        )

    return sorted(
        (
            *key,
            str(len({line["order_id"] for line in lines})),
            str(len(lines)),
            str(sum(int(line["quantity"]) for line in lines)),
            _sum(line["total_price"] for line in lines),
        )
        for key, lines in _grouped(files["order_items"], group).items()
    )


def customers(files: Files) -> list[Cells]:
    """marketplace_customers: a cohort, month and kind of account, with customers, orders and money."""
    role, first = _roles(files), dict[str, str]()
    for row in files["orders"]:
        month = _month(row["order_date"])
        first[row["user_id"]] = min(month, first.get(row["user_id"], month))

    def group(order: Row) -> Cells:
        return first[order["user_id"]], _month(order["order_date"]), role(order["user_id"])

    return sorted(
        (
            *key,
            str(len({row["user_id"] for row in orders})),
            str(len(orders)),
            _sum(row["total_amount"] for row in orders),
        )
        for key, orders in _grouped(files["orders"], group).items()
    )


def payments(files: Files) -> list[Cells]:
    """marketplace_payments: a month and method, with attempts, successes and money."""
    groups = _grouped(
        files["payments"], lambda row: (_month(row["paid_at"]), row["payment_method"])
    )
    return sorted(
        (
            *key,
            str(len(attempts)),
            str(sum(row["status"] == "PAID" for row in attempts)),
            _sum(row["amount"] for row in attempts),
            _sum(row["amount"] for row in attempts if row["status"] == "PAID"),
        )
        for key, attempts in groups.items()
    )


MARTS: Mapping[str, Callable[[Files], list[Cells]]] = {
    "marketplace_sales": sales,
    "marketplace_customers": customers,
    "marketplace_payments": payments,
}


def protected(name: str, row: Row, key: bytes) -> dict[str, str]:
    """A row as the tables may have it: without what says who somebody is, but for tokens under this key."""
    kept = dict[str, str]()
    for column, text in row.items():
        place = (name, column)
        if place in TOKENS:
            kept[column] = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        elif place in MASKED:
            kept[column] = f"{text[:1]}***"
        elif place not in DROPPED:
            kept[column] = text
    return kept


def _roles(files: Files) -> Callable[[str], str]:
    roles = {row["id"]: row["role"] for row in files["users"]}
    return lambda user: roles.get(user, UNKNOWN)


def _grouped(rows: Iterable[Row], group: Callable[[Row], Cells]) -> dict[Cells, list[Row]]:
    groups = defaultdict[Cells, list[Row]](list)
    for row in rows:
        groups[group(row)].append(row)
    return groups


def _month(moment: str) -> str:
    return moment[:7] + "-01"


def _sum(amounts: Iterable[str]) -> str:
    return f"{sum(map(Decimal, amounts), Decimal(0)):.2f}"
