"""Small sound files that replace some of each other's orders, and what an independent computation makes of them.

Files come in waves. Files of one wave share no order; each file of a later wave replaces some orders of a file of the
wave before. Upload times have whole seconds only, so waves are uploaded more than a second apart: which row wins then
follows from the wave alone, and an undisturbed pipeline has exactly one right answer.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from chaos.world import FOLDER, Row
from sample_data.hostile_draw import ORDER_ID, Draw, text

ROWS = 10
REPLACED = 3
NUMBER_OF_FIRST = (
    500_000  # in the sequence of sample_data.hostile_draw, apart from every hostile file
)
Amounts = tuple[int, int, Decimal, Decimal, Decimal]


@dataclass(frozen=True, kw_only=True)
class SmallFile:
    """One file of a batch."""

    wave: int
    key: str
    records: tuple[tuple[str, ...], ...]

    @property
    def body(self) -> bytes:
        """The bytes to deliver."""
        return text(self.records).encode()

    @property
    def sha256(self) -> str:
        """Hash of the bytes, as the ledger knows the file."""
        return hashlib.sha256(self.body).hexdigest()

    @property
    def name(self) -> str:
        """Last part of the key."""
        return self.key.rpartition("/")[2]


def batch(
    name: str, *, count: int, waves: int = 1, seed: int = 11, first: int = 0
) -> list[SmallFile]:
    """`count` files in `waves` of nearly equal size; `first` keeps the orders of different batches apart."""
    files: list[SmallFile] = []
    per_wave = -(-count // waves)
    for index in range(count):
        draw = Draw(seed=seed, number=NUMBER_OF_FIRST + first + index, turn=0)
        records = draw.records(ROWS)
        if index >= per_wave:
            older = files[index - per_wave].records
            for at in range(REPLACED):
                records[at][ORDER_ID] = older[-1 - at][ORDER_ID]
        key = f"{FOLDER}{name}_{index:04d}.csv"
        files.append(
            SmallFile(
                wave=index // per_wave, key=key, records=tuple(tuple(record) for record in records)
            )
        )
    return files


def expected(files: Iterable[SmallFile]) -> dict[str, list[Row]]:
    """The tables after these files, with rows and values written as chaos.world.World.tables writes them."""
    newest: dict[str, tuple[SmallFile, int]] = {}
    for file in sorted(files, key=lambda file: file.wave):
        for number, record in enumerate(file.records, start=1):
            newest[record[ORDER_ID]] = (file, number)
    typed = [_typed(file.records[number - 1]) for file, number in newest.values()]
    origins = [(file.sha256, file.name, str(number)) for file, number in newest.values()]
    return {
        "processed.sales_records": _text(
            (*row, *origin) for row, origin in zip(typed, origins, strict=True)
        ),
        "processed.sales_records_quarantine": [],
        "curated.sales_by_month_item": _by_month_item(typed),
        "curated.sales_by_region_quarter": _by_region_quarter(typed),
    }


def _typed(record: tuple[str, ...]) -> Row:
    region, country, item, channel, priority, ordered, order, shipped, units, *money = record
    return (
        region.strip(), country.strip(), item, channel, priority, _day(ordered), int(order), _day(shipped), int(units),
        *map(Decimal, money),
    )  # fmt: skip


def _day(us_date: str) -> date:
    return datetime.strptime(us_date, "%m/%d/%Y").date()


def _by_month_item(rows: list[Row]) -> list[Row]:
    sums: dict[Row, Amounts] = defaultdict(_nothing)
    for row in rows:
        key = (row[5].replace(day=1), row[2])
        sums[key] = _plus(sums[key], row)
    return _text((*key, *amounts) for key, amounts in sums.items())


def _by_region_quarter(rows: list[Row]) -> list[Row]:
    sums: dict[Row, Amounts] = defaultdict(_nothing)
    for row in rows:
        quarter = (row[5].month + 2) // 3
        key = (row[0], row[1], row[5].year, quarter, date(row[5].year, 3 * quarter - 2, 1))
        sums[key] = _plus(sums[key], row)
    return _text((*key, *amounts) for key, amounts in sums.items())


def _nothing() -> Amounts:
    zero = Decimal("0.00")
    return (0, 0, zero, zero, zero)


def _plus(sums: Amounts, row: Row) -> Amounts:
    orders, units, revenue, cost, profit = sums
    return (orders + 1, units + row[8], revenue + row[11], cost + row[12], profit + row[13])


def _text(rows: Iterable[Row]) -> list[Row]:
    return sorted(tuple(map(str, row)) for row in rows)
