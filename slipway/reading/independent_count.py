"""An independent account of what was delivered: plain Python over the files, to hold against what the pipeline says.

It shares no code with the jobs: csv and Decimal, nothing else, so that an error in one is not repeated in the other.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from contracts.headers import normalized_header
from contracts.model import Column, Contract


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """Rows and money in a set of files. What is no number, or stands in a row of the wrong length, counts as 0."""

    rows: int
    totals: dict[str, Decimal]


def delivered(files: Iterable[Path], contract: Contract) -> Delivered:
    """Count the rows and add up the control columns of CSV files, gzip included."""
    rows = 0
    totals = {column.name: Decimal(0) for column in contract.control_columns}
    wanted = {normalized_header(column.source_name): column for column in contract.control_columns}
    for file in files:
        for record in _records(file):
            rows += 1
            if None in record or None in record.values():
                continue  # more or fewer fields than the header: no value is known to stand in its column
            for header, value in record.items():
                column = wanted.get(normalized_header(header))
                if column:
                    totals[column.name] += _amount(value, column)
    return Delivered(rows=rows, totals=totals)


def _records(file: Path) -> Iterator[dict[str, str]]:
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    yield from csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))


def _amount(text: str | None, column: Column) -> Decimal:
    precision, scale = column.precision_and_scale or (38, 0)
    fraction = rf"(\.[0-9]{{1,{scale}}})?" if scale else ""
    plain = rf"[+-]?[0-9]{{1,{precision - scale}}}{fraction}"
    value = (text or "").strip()
    return Decimal(value) if re.fullmatch(plain, value) else Decimal(0)
