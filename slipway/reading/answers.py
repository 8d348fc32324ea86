"""What an engine answered, with the types that it declared, and how that is written to a file.

The types come from the engine and are not guessed from values: a column of nulls keeps its type, and a decimal its
scale.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.errors import PermanentError

if TYPE_CHECKING:
    import pyarrow

SUFFIXES = (".csv", ".parquet")
DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
FIGURES = ("tinyint", "smallint", "integer", "bigint", "float", "double")


class NotWritable(PermanentError):
    """An answer cannot be written where it was asked for."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """`type` as Athena names it: bigint, decimal(18,2), date, timestamp, varchar; unknown ones are kept as text."""

    name: str
    type: str

    @property
    def is_figure(self) -> bool:
        """Whether it holds numbers."""
        return self.type in FIGURES or self.is_decimal

    @property
    def is_decimal(self) -> bool:
        """Whether it holds exact decimals."""
        return DECIMAL.fullmatch(self.type) is not None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Columns in order (names may repeat) and rows of plain values: Decimal, date, datetime, null as None."""

    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]


def check_target(target: Path) -> None:
    """Refuse, before anything is asked, a file that cannot be written.

    Raises NotWritable on another suffix than .csv and .parquet, and when the folder is not there.
    """
    if target.suffix.lower() not in SUFFIXES:
        raise NotWritable(
            f"{target} ends with neither of {' and '.join(SUFFIXES)}, so its format is unknown"
        )
    if not target.absolute().parent.is_dir():
        raise NotWritable(f"the folder {target.parent} is not there; make it, or write elsewhere")


def write(answer: Answer, target: Path) -> None:
    """Write all rows to a CSV or Parquet file, whole or not at all; an existing file is replaced."""
    import pyarrow.parquet

    part = target.with_name(f".{target.name}.part")
    try:
        if target.suffix.lower() == ".parquet":
            pyarrow.parquet.write_table(_table(answer), part, compression="zstd")
        else:
            part.write_bytes(to_csv(answer))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def to_csv(answer: Answer) -> bytes:
    """CSV in UTF-8 with a header; texts are quoted and nulls are not, so that they differ from empty texts."""
    import pyarrow.csv

    sink = pyarrow.BufferOutputStream()
    pyarrow.csv.write_csv(_table(answer), sink)
    return bytes(sink.getvalue().to_pybytes())


def _table(answer: Answer) -> pyarrow.Table:
    import pyarrow

    values = list(zip(*answer.rows, strict=True)) or [() for _ in answer.columns]
    arrays = []
    for column, cells in zip(answer.columns, values, strict=True):
        kind, plain = _kind(column.type)
        arrays.append(
            pyarrow.array([None if cell is None else plain(cell) for cell in cells], type=kind)
        )
    return pyarrow.Table.from_arrays(arrays, names=[column.name for column in answer.columns])


def _kind(declared: str) -> tuple[pyarrow.DataType, Callable[[Any], Any]]:
    """The Arrow type of a column, and what makes a value fit it."""
    import pyarrow

    if size := DECIMAL.fullmatch(declared):
        precision, scale = int(size[1]), int(size[2])
        return pyarrow.decimal128(precision, scale), Decimal
    kinds: dict[str, tuple[pyarrow.DataType, Callable[[Any], Any]]] = {
        "boolean": (pyarrow.bool_(), bool),
        "tinyint": (pyarrow.int8(), int),
        "smallint": (pyarrow.int16(), int),
        "integer": (pyarrow.int32(), int),
        "bigint": (pyarrow.int64(), int),
        "float": (pyarrow.float32(), float),
        "double": (pyarrow.float64(), float),
        "date": (pyarrow.date32(), _day),
        "timestamp": (pyarrow.timestamp("us"), _moment),
        "varbinary": (pyarrow.binary(), bytes),
    }
    return kinds.get(declared, (pyarrow.string(), str))


def _day(value: date | datetime) -> date:
    return value.date() if isinstance(value, datetime) else value


def _moment(value: datetime) -> datetime:
    """Without the nanoseconds of pandas, which neither engine has."""
    return datetime(*value.timetuple()[:6], value.microsecond)
