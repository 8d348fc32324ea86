"""Ten ways to break a row of a Sales Records file, each of which the contract answers with its own reason.

A fault touches only what it must: where a total is changed, the others are made to fit, so that one fault gives one
reason. Every other record stays as it was, byte by byte.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from contracts.headers import normalized_header

Record = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class BrokenRow:
    """A record that was broken: its number (the first record is 1), its order and what was done to it."""

    row: int
    order_id: str
    fault: str


def break_rows(source: Path, target: Path, n: int = 10) -> list[BrokenRow]:
    """Copy the sales file `source` to `target` with `n` of its records broken in `n` different ways.

    Raises ValueError when `n` is not between 1 and 10, or the file has fewer records.
    """
    text = source.read_bytes().decode("utf-8")
    (header, header_text), *records = _records(text)
    if not 1 <= n <= len(FAULTS) or len(records) < n:
        raise ValueError(
            f"{source.name}: cannot break n={n} of {len(records)} records; n is 1 to {len(FAULTS)}"
        )
    chosen = {(2 * index + 1) * len(records) // (2 * n): index for index in range(n)}
    names = [normalized_header(name) for name in header]
    broken: list[BrokenRow] = []
    parts = [header_text]
    for position, (values, raw) in enumerate(records):
        if position not in chosen:
            parts.append(raw)
            continue
        fault, breaker = FAULTS[chosen[position]]
        record = dict(zip(names, values, strict=True))
        broken.append(BrokenRow(row=position + 1, order_id=record["orderid"], fault=fault))
        parts.append(_written(breaker(record), "\r\n" if raw.endswith("\r\n") else "\n"))
    target.write_bytes("".join(parts).encode("utf-8"))
    return broken


def _records(text: str) -> Iterator[tuple[list[str], str]]:
    """Each record of a CSV text as its values and the exact text it came from."""
    consumed: list[str] = []

    def tapped() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            consumed.append(line)
            yield line

    for values in csv.reader(tapped()):
        yield values, "".join(consumed)
        consumed.clear()


def _written(values: list[str], new_line: str) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=new_line).writerow(values)
    return out.getvalue()


def _with(**changes: str) -> Callable[[Record], list[str]]:
    return lambda record: list({**record, **changes}.values())


def _zero_units(record: Record) -> list[str]:
    return _with(unitssold="0", totalrevenue="0.00", totalcost="0.00", totalprofit="0.00")(record)


def _wrong_revenue(record: Record) -> list[str]:
    return _with(
        totalrevenue=_plus(record, "totalrevenue", "1.00"),
        totalprofit=_plus(record, "totalprofit", "1.00"),
    )(record)


def _wrong_cost(record: Record) -> list[str]:
    return _with(
        totalcost=_plus(record, "totalcost", "0.50"),
        totalprofit=_plus(record, "totalprofit", "-0.50"),
    )(record)


def _wrong_profit(record: Record) -> list[str]:
    return _with(totalprofit=_plus(record, "totalprofit", "0.02"))(record)


def _plus(record: Record, name: str, amount: str) -> str:
    return str(Decimal(record[name]) + Decimal(amount))


def _truncated(record: Record) -> list[str]:
    return list(record.values())[:-2]


FAULTS: tuple[tuple[str, Callable[[Record], list[str]]], ...] = (
    ("order date is not a date", _with(orderdate="31/12/2024")),
    ("order number is not a number", _with(orderid="A-104-77")),
    ("country is missing", _with(country="")),
    ("sales channel is unknown", _with(saleschannel="Phone")),
    ("units sold is zero", _zero_units),
    ("revenue is not units times price", _wrong_revenue),
    ("cost is not units times cost", _wrong_cost),
    ("profit is not revenue minus cost", _wrong_profit),
    ("shipped before it was ordered", _with(shipdate="1/1/2001")),
    ("line is cut off", _truncated),
)
