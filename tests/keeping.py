"""Deliveries of which some lack columns, and a lake into which they are loaded in any way.

What is right is computed from the deliveries themselves: per key the newest row, and per column that may be kept the
value of the newest delivery that had it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from contracts.model import Contract
from tests.spark.lake import Lake, lines
from tests.spark.orders import ORDERS

KEPT = ("quantity", "note")
CONTRACT: Contract = replace(
    ORDERS,
    curated=(),
    rules=(),
    columns=tuple(
        replace(column, absent="keep") if column.name in KEPT else column
        for column in ORDERS.columns
    ),
)
NAMES = {"quantity": "Quantity", "note": "Note"}
KEYS = (1, 2, 3)
SHAPES = (("quantity", "note"), ("quantity",), ("note",), ())


@dataclass(frozen=True)
class Delivery:
    """A file: when it came, which of the columns it has, and for each of its keys what it says of them."""

    minute: int
    columns: tuple[str, ...]
    said: dict[int, dict[str, Any]]

    @property
    def content(self) -> bytes:
        header = ["Order ID", "Order Date", "Status", *(NAMES[c] for c in self.columns), "Amount"]
        rows = [
            [
                key,
                f"{key}/{values['day']}/2024",
                "open",
                *(values[c] for c in self.columns),
                f"{self.minute}.00",
            ]
            for key, values in self.said.items()
        ]
        return lines(
            *(",".join("" if v is None else str(v) for v in row) for row in rows),
            header=",".join(header),
        )


def delivery(minute: int, columns: Sequence[str], chance: random.Random) -> Delivery:
    keys = [key for key in KEYS if chance.random() < 0.7] or [chance.choice(KEYS)]
    values = {
        key: {
            "day": chance.randint(1, 28),
            "quantity": chance.choice((None, minute, minute + 20)),
            "note": chance.choice((None, f"said at {'abcdefghij'[minute % 10]}")),
        }
        for key in keys
    }
    return Delivery(minute, tuple(columns), values)


def deliveries(chance: random.Random, many: int) -> list[Delivery]:
    """Some, of every shape."""
    return [delivery(minute, chance.choice(SHAPES), chance) for minute in range(1, many + 1)]


def expected(loaded: Iterable[Delivery]) -> list[tuple[Any, ...]]:
    """Key, amount, quantity and note of each row that the table should have."""
    in_order = sorted(loaded, key=lambda one: one.minute)
    table: dict[int, dict[str, Any]] = {}
    for one in in_order:
        for key, values in one.said.items():
            row = table.setdefault(key, dict.fromkeys(KEPT))
            row["amount"] = one.minute
            row |= {column: values[column] for column in one.columns}
    return [(key, int(r["amount"]), r["quantity"], r["note"]) for key, r in sorted(table.items())]


class Deliveries:
    """A lake into which deliveries are loaded in any way."""

    def __init__(self, lake: Lake) -> None:
        self.lake, self.runs = lake, 0
        self.files: dict[int, dict[str, Any]] = {}

    def run(self, *deliveries: Delivery, mode: str = "load") -> dict[str, Any]:
        """Both jobs."""
        return self.lake.run(*map(self.file, deliveries), run_id=self._next_run(), mode=mode)

    def retract(self, gone: Delivery, *beneath: Delivery) -> dict[str, Any]:
        """Both jobs of a retraction."""
        files = map(self.file, (gone, *beneath))
        return self.lake.retract(*files, run_id=self._next_run())

    def _next_run(self) -> str:
        self.runs += 1
        return f"20240501T{self.runs:06d}-{self.runs:08d}"

    def file(self, one: Delivery) -> dict[str, Any]:
        if one.minute not in self.files:
            self.files[one.minute] = self.lake.put(one.content, f"{one.minute}.csv", one.minute)
        return self.files[one.minute]

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        found = self.lake.rows(self.lake.processed, "order_id", "amount", "quantity", "note")
        return [(key, int(amount), quantity, note) for key, amount, quantity, note in found]
