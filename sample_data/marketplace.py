"""What plain Python makes of the marketplace's files: each mart, and a correction that a shop might send.

It knows csv and Decimal, no contracts and no engines, so that marts can be compared with it. Cells are texts, written
as SQL casts them.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path

Row = Mapping[str, str]
Files = Mapping[str, list[Row]]
Cells = tuple[str, ...]

UNKNOWN = "(unknown)"
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
        order = orders[line["order_id"]]
        return (
            _month(order["order_date"]),
            names.get(line["product_id"], UNKNOWN),
            role(order["user_id"]),
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


def corrected(files: Files) -> Row:
    """The first line of an order with another quantity and price."""
    return {**files["order_items"][0], "total_price": "1.00", "quantity": "9"}


def with_corrected(files: Files) -> dict[str, list[Row]]:
    """The files as the tables hold them once the corrected line has come."""
    return {**files, "order_items": [corrected(files), *files["order_items"][1:]]}


def written(row: Row) -> str:
    """A file of this record alone."""
    return f"{','.join(row)}\n{','.join(row.values())}\n"


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
