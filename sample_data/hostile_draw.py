"""What a kind of hostile file is made from: twenty sound sales records of its own, and a seeded choice.

Orders are numbered apart from every other file's, so that hostile files never replace each other's rows and an
independent count can say what must be in the table.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal, TypeVar

from sample_data.sales_rows import CHANNELS, COLUMNS, ITEMS, PLACES, PRIORITIES, money, order_number

Fate = Literal["loaded", "quarantined", "rejected"]
LOADED: frozenset[Fate] = frozenset({"loaded"})
QUARANTINED: frozenset[Fate] = frozenset({"quarantined"})
REJECTED: frozenset[Fate] = frozenset({"rejected"})

ROWS = 20
FIRST_SERIAL = 600_000_000  # the generated sets number their orders below
ORDER_ID = COLUMNS.index("Order ID")
Choice = TypeVar("Choice")


@dataclass(frozen=True, kw_only=True)
class Made:
    """The bytes of a hostile file and what may become of it.

    When it is accepted, intake must count `rows` records, of which those numbered in `bad_rows` (the first record is 1)
    are quarantined, `repeated` are replaced by later ones, and the others are loaded. `place` is a regular expression
    that the reason of a rejection must match: it names the byte, line, column, name or limit. `file_name` or the whole
    `key` below the landing bucket stand for the usual ones.
    """

    body: bytes
    fates: frozenset[Fate] = LOADED
    rows: int = ROWS
    bad_rows: tuple[int, ...] = ()
    repeated: int = 0
    place: str = r"byte|line|header|column|name|folder|gzip"
    file_name: str | None = None
    key: str | None = None


@dataclass(kw_only=True)
class Draw:
    """The seeded source of one hostile file. `turn` counts the files of its kind, so that every variant comes up."""

    seed: int
    number: int
    turn: int
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(f"{self.seed}/hostile/{self.number}")  # noqa: S311 - sample data

    def pick(self, variants: Sequence[Choice]) -> Choice:
        """The variant whose turn it is."""
        return variants[self.turn % len(variants)]

    def records(self, count: int = ROWS) -> list[list[str]]:
        """Sound records, with order numbers that no other file has."""
        serial = FIRST_SERIAL + self.number * 10_000
        return [self._record(order_number(serial + index)) for index in range(count)]

    def row(self) -> int:
        """The number of one of the records, the first being 1."""
        return self.random.randint(1, ROWS)

    def _record(self, order: int) -> list[str]:
        region, country = self.random.choice([place for place in PLACES if "," not in place[1]])
        item, price, cost = self.random.choice(ITEMS)
        units = self.random.randint(1, 9999)
        ordered = f"{self.random.randint(1, 12)}/{self.random.randint(1, 28)}/2024"
        figures = [price, cost, units * price, units * cost, units * (price - cost)]
        return [
            region, country, item, self.random.choice(CHANNELS), self.random.choice(PRIORITIES), ordered, str(order),
            "1/15/2025", str(units), *(str(money(cents)) for cents in figures),
        ]  # fmt: skip


Build = Callable[[Draw], Made]


def text(
    records: Sequence[Sequence[str]], *, header: Sequence[str] = COLUMNS, delimiter: str = ","
) -> str:
    """Header and records as CSV with line feeds."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows([header, *records])
    return out.getvalue()


def plain(draw: Draw) -> bytes:
    """A file without any fault."""
    return text(draw.records()).encode()


def with_value(draw: Draw, column: str, value: str) -> tuple[str, int]:
    """A file in which one record has `value` in `column`, and the number of this record."""
    records, row = draw.records(), draw.row()
    records[row - 1][COLUMNS.index(column)] = value
    return text(records), row
