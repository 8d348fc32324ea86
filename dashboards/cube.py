"""The grouped figures behind the visuals of one curated table, with decimals as text from the first moment on.

JavaScript has no decimals, and a float loses cents beyond 90 trillion: money stays text in the document, and the page
adds it up in integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from contracts.errors import PermanentError
from dashboards.model import Dashboard

# A group of three columns and five figures takes about 55 bytes of the 3 MB that a page may weigh.
MOST_ROWS = 40_000

Value = str | int | None


class CubeTooLarge(PermanentError):
    """A curated table has too many groups to be shown by a page that works offline."""


@dataclass(frozen=True, kw_only=True)
class Cube:
    """Rows grouped by `columns` (dates as ISO 8601) with `figures`: one decimal text per measure, None for null."""

    source: str
    columns: tuple[str, ...]
    measures: tuple[str, ...]
    groups: tuple[tuple[Value, ...], ...]
    figures: tuple[tuple[str | None, ...], ...]

    def as_json(self) -> dict[str, object]:
        """Column by column; the values of a group column once, and their position per row."""
        groups = {}
        for position, column in enumerate(self.columns):
            seen = [row[position] for row in self.groups]
            values = list(dict.fromkeys(seen))
            index = {value: at for at, value in enumerate(values)}
            groups[column] = {"values": values, "at": [index[value] for value in seen]}
        figures = {
            name: [row[position] for row in self.figures]
            for position, name in enumerate(self.measures)
        }
        return {
            "source": self.source,
            "rows": len(self.groups),
            "groups": groups,
            "figures": figures,
        }


def build(dashboard: Dashboard, source: str, rows: Iterable[Sequence[object]]) -> Cube:
    """The cube from the answer to `queries.cube_query`.

    Raises CubeTooLarge when there are more than MOST_ROWS rows.
    """
    columns = dashboard.columns_grouped(source)
    answer = list(rows)
    if len(answer) > MOST_ROWS:
        raise CubeTooLarge(
            f"{source!r} has {len(answer):,} groups of {', '.join(columns)}; a page shows at most {MOST_ROWS:,}: "
            f"remove a dimension of this table from the dashboard of {dashboard.dataset!r}"
        )
    return Cube(
        source=source,
        columns=columns,
        measures=tuple(measure.name for measure in dashboard.columns_measured(source)),
        groups=tuple(tuple(_value(cell) for cell in row[: len(columns)]) for row in answer),
        figures=tuple(tuple(_figure(cell) for cell in row[len(columns) :]) for row in answer),
    )


def _value(cell: object) -> Value:
    if _missing(cell):
        return None
    if isinstance(cell, datetime):  # pandas gives dates as either
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    return cell if isinstance(cell, str) else int(str(cell))


def _figure(cell: object) -> str | None:
    if _missing(cell):
        return None
    if isinstance(cell, float):
        raise TypeError(
            f"found {cell!r}; a figure must be a Decimal or an int, a float has lost cents already"
        )
    return f"{Decimal(str(cell)):f}"


def _missing(cell: object) -> bool:
    return (
        cell is None or cell != cell
    )  # pandas marks a missing number as NaN, the one value unlike itself
