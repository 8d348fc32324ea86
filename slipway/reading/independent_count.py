"""An independent account of what was delivered: plain Python over the files, to hold against what the pipeline says.

It shares no code with the jobs: csv and Decimal, nothing else, so that an error in one is not repeated in the other.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Context, Decimal
from pathlib import Path

from contracts.headers import normalized_header
from contracts.model import Column, Contract

BLANKS = " \t\r\n\u00a0\u2007\u202f\u3000\u200b\u200c\u200d\ufeff"  # docs/reference/files.md
EXACT = Context(prec=76)  # twice the digits of the largest decimal, so that no sum rounds


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
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        text = content.decode("utf-8-sig")
        header = next(_records(text))
        columns = [wanted.get(normalized_header(name)) for name in header]
        width = _width(text, len(header))
        for record in itertools.islice(_records(text), 1, None):
            rows += 1
            if len(record) != width:
                continue  # more or fewer fields than the header: no value is known to stand in its column
            for column, value in zip(columns, record, strict=False):
                if column:
                    totals[column.name] = EXACT.add(totals[column.name], _amount(value, column))
    return Delivered(rows=rows, totals=totals)


def _records(text: str) -> Iterator[list[str]]:
    """The header and the records; a blank line is none."""
    yield from filter(None, csv.reader(io.StringIO(text, newline="")))


def _width(text: str, names: int) -> int:
    """Fields of a sound record: as many as names, or one more if all of them end with a delimiter."""
    ended = False
    for record in itertools.islice(_records(text), 1, None):
        if len(record) == names or (len(record) == names + 1 and record[-1].strip(BLANKS)):
            return names
        ended = ended or len(record) == names + 1
    return names + 1 if ended else names


def _amount(text: str, column: Column) -> Decimal:
    """A number written without loss for its column, otherwise 0."""
    precision, scale = column.precision_and_scale or (38, 0)
    value = text.strip(BLANKS)
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)", value):
        return Decimal(0)
    whole, _, decimals = value.lstrip("+-").partition(".")
    fits = len(whole.lstrip("0")) <= precision - scale and len(decimals.rstrip("0")) <= scale
    return Decimal(value) if fits else Decimal(0)
