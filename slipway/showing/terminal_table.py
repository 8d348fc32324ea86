"""Rows laid out for a terminal: one line per row whatever is in it, figures whole and to the right, texts cut to fit.

A number is never cut, because a truncated number is a different number: when not even short texts make room, the last
columns are left out, and named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rich.cells import cell_len, set_cell_size

from slipway.reading.answers import Answer, Column

GAP = "  "
NULL = "NULL"
CUT = "\N{HORIZONTAL ELLIPSIS}"
LEAST_TEXT_WIDTH = 12
# Numbers that name something: 2,024 is no year and 100,000,001 no order.
NAMES = ("id", "year", "row", "number", "key")


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Lines to print, header first, and the names of the columns that did not fit."""

    lines: list[str]
    left_out: tuple[str, ...]


def lay_out(answer: Answer, *, width: int) -> Grid:
    """The rows of `answer` in lines of at most `width` cells, as long as one column fits."""
    columns = [
        [printable(column.name), *(shown(value, column) for value in values)]
        for column, values in zip(answer.columns, _by_column(answer), strict=True)
    ]
    widths = _widths(columns, [column.is_figure for column in answer.columns], width)
    fitting = zip(columns, widths, answer.columns, strict=False)
    padded = [
        [_fit(cell, wide, right=column.is_figure) for cell in cells]
        for cells, wide, column in fitting
    ]
    lines = [GAP.join(cells).rstrip() for cells in zip(*padded, strict=True)]
    return Grid(
        lines=lines, left_out=tuple(column.name for column in answer.columns[len(widths) :])
    )


def shown(value: Any, column: Column) -> str:
    """One value as people read it: thousands, days without a time, null as NULL."""
    if value is None:
        return NULL
    if column.is_figure:
        names = column.name.lower().rpartition("_")[2] in NAMES
        return str(value) if names else f"{value:,}"
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds" if not value.microsecond else "milliseconds")
    if isinstance(value, date | Decimal):
        return str(value)
    return printable(str(value))


def printable(text: str) -> str:
    """`text` with what would move the cursor or colour the terminal spelled out; partners write part of the data."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def _by_column(answer: Answer) -> Sequence[Sequence[Any]]:
    return list(zip(*answer.rows, strict=True)) or [() for _ in answer.columns]


def _widths(columns: Sequence[Sequence[str]], figures: Sequence[bool], width: int) -> list[int]:
    """Widths of the columns that fit: the widest text gives first, then the last column goes."""
    widths = [max(map(cell_len, cells)) for cells in columns]
    widths = [
        wide if figure else min(wide, width) for wide, figure in zip(widths, figures, strict=True)
    ]
    while len(widths) > 1 and _too_wide(widths, figures, width):
        widths = widths[:-1]
    texts = [at for at in range(len(widths)) if not figures[at]]
    while texts and _sum(widths) > width:
        widest = max(texts, key=lambda at: widths[at])
        if widths[widest] <= 1:
            break
        widths[widest] -= 1
    return widths


def _too_wide(widths: Sequence[int], figures: Sequence[bool], width: int) -> bool:
    """Whether the columns do not fit even with every text cut short."""
    return (
        _sum(
            [
                w if figure else min(w, LEAST_TEXT_WIDTH)
                for w, figure in zip(widths, figures, strict=False)
            ]
        )
        > width
    )


def _sum(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _fit(cell: str, width: int, *, right: bool) -> str:
    if cell_len(cell) > width:
        return set_cell_size(cell, width - 1) + CUT
    padding = " " * (width - cell_len(cell))
    return padding + cell if right else cell + padding
