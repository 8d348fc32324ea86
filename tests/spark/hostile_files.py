"""Files of the example contracts for the comparison of engines: good rows and broken ones, in every form."""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from contracts import model
from contracts.model import Contract
from contracts.table_rules import Freshness, Reference, RowCount, Unique
from sample_data import superstore
from sample_data.sales_rows import COLUMNS as SALES_COLUMNS
from sample_data.sales_rows import Span, write_file
from tests.spark.hostile_records import TROUBLES
from tests.spark.orders import HEADER, ORDERS

Rows = list[list[str]]
LINE_ENDS = ("\n", "\r\n", "\r")


@dataclass(frozen=True, kw_only=True)
class Example:
    """A contract, and good rows of it: `rows(draw, count, folder)`, of which keys repeat from file to file."""

    name: str
    contract: Contract
    header: Sequence[str]
    rows: Callable[[random.Random, int, Path], Rows]


def _orders(draw: random.Random, count: int, _: Path) -> Rows:
    return [
        [
            str(draw.randint(1, 2 * count)),
            f"{draw.randint(1, 12)}/{draw.randint(1, 28)}/{draw.choice((2023, 2024, 2024, 2025))}",
            draw.choice(("open", "paid")),
            str(draw.randint(0, 120)) if draw.random() < 0.9 else "",
            f"{draw.randint(-1, 900)}.{draw.randint(0, 99):02}",
            draw.choice(("", "a", "note, ok", "b b")),
        ]
        for _ in range(count)
    ]


def _sales(draw: random.Random, count: int, folder: Path) -> Rows:
    path = folder / "sales.csv"
    span = Span(first=date(2024, 1, 1), months=5)
    write_file(
        path, rows=count, span=span, seed=str(draw.random()), first_serial=draw.randint(1, count)
    )
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))[1:]


def _store(draw: random.Random, count: int, folder: Path) -> Rows:
    out = folder / f"store{draw.randint(0, 10**9)}"
    superstore.generate(out, seed=draw.randint(0, 10**6), months=3, rows=max(count, 60))
    rows: Rows = []
    for path in sorted(out.rglob("*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows += list(csv.reader(stream))[1:]
    return rows


_RULES = (
    RowCount(id="rows", description="", action="warn", minimum=1, maximum=10),
    Unique(id="uniq", description="", action="warn", columns=("status", "amount")),
    Freshness(id="fresh", description="", action="warn", column="order_date", max_age_hours=24),
    Reference(
        id="refs", description="", action="warn", column="order_id", reference="nothing.order_id"
    ),
    Reference(
        id="own", description="", action="halt", column="quantity", reference="orders.order_id"
    ),
)
_WITH_RULES = replace(ORDERS, table_rules=_RULES, history=True)
EXAMPLES = (
    Example(name="orders", contract=_WITH_RULES, header=HEADER.split(","), rows=_orders),
    Example(name="orders without a key", contract=replace(_WITH_RULES, key=()), header=HEADER.split(","), rows=_orders),
    Example(name="sales_records", contract=model.load("sales_records"), header=SALES_COLUMNS, rows=_sales),
    Example(name="superstore", contract=model.load("superstore"), header=superstore.HEADER, rows=_store),
)  # fmt: skip


def files(
    example: Example, seed: int, count: int, rows: int, folder: Path
) -> Iterator[tuple[str, bytes]]:
    """(name, content) of so many files with about so many rows each."""
    draw = random.Random(seed)
    for number in range(count):
        content = _file(example, draw, rows, folder, spans_lines=number % 2 == 0)
        if number % 3 == 2:
            yield f"file{number}.csv.gz", gzip.compress(content, mtime=0)
        else:
            yield f"file{number}.csv", content


def corrections(example: Example, seed: int, records: Sequence[int], folder: Path) -> bytes:
    """A file that corrects these records of another: good rows, with the number of the record that each corrects."""
    draw = random.Random(seed)
    good = example.rows(draw, len(records) + 3, folder)
    rows = [[*row, str(record), "x"] for row, record in zip(good, records, strict=False)]
    return _written([[*example.header, "_source_row", "_reasons"], *rows], "\n")


def _file(
    example: Example, draw: random.Random, rows: int, folder: Path, *, spans_lines: bool
) -> bytes:
    end = draw.choice(LINE_ENDS)
    # In a file whose values span no lines, every line break ends a record.
    pool = [text for text in TROUBLES if spans_lines or not set("\r\n") & set(text)]
    order = list(range(len(example.header)))
    if draw.random() < 0.4:
        draw.shuffle(order)
    lines = [
        list(example.header),
        *(_hostile(draw, row, pool) for row in example.rows(draw, rows, folder)),
    ]
    if draw.random() < 0.5:
        lines.insert(draw.randint(1, len(lines)), list(example.header))
    content = _written([_damaged(draw, [line[place] for place in order]) if number else [line[place] for place in order]
                        for number, line in enumerate(lines)], end)  # fmt: skip
    return b"\xef\xbb\xbf" + content if draw.random() < 0.5 else content


def _hostile(draw: random.Random, row: list[str], pool: Sequence[str]) -> list[str]:
    if draw.random() < 0.15:
        row[draw.randrange(len(row))] = draw.choice(pool)
    return row


def _damaged(draw: random.Random, row: list[str]) -> list[str]:
    if draw.random() < 0.98:
        return row
    return [*row, "extra"] if draw.random() < 0.5 else row[: draw.randint(2, len(row) - 1)]


def _written(rows: Rows, end: str) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end).writerows(rows)
    return out.getvalue().encode()
