"""Calendar periods as plain dates: days, months, quarters, years, and the date ranges that sets of them cover."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Literal

Unit = Literal["day", "month", "quarter", "year"]
MONTHS: dict[Unit, int] = {"day": 0, "month": 1, "quarter": 3, "year": 12}


def first_day(day: date, unit: Unit) -> date:
    """First day of the period that `day` lies in."""
    if unit == "day":
        return day
    months = MONTHS[unit]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def next_first_day(first: date, unit: Unit) -> date:
    """First day of the period that follows the one starting on `first`."""
    if unit == "day":
        return first + timedelta(days=1)
    months = first.year * 12 + first.month - 1 + MONTHS[unit]
    return date(months // 12, months % 12 + 1, 1)


def ranges(first_days: Iterable[date], unit: Unit) -> list[tuple[date, date]]:
    """The fewest [start, end) ranges that cover exactly these periods, in order."""
    found: list[tuple[date, date]] = []
    for first in sorted(set(first_days)):
        end = next_first_day(first, unit)
        if found and found[-1][1] == first:
            found[-1] = (found[-1][0], end)
        else:
            found.append((first, end))
    return found


def within_sql(name: str, first_days: Iterable[date], unit: Unit) -> str:
    """The condition, as SQL text, that date column `name` lies in one of the periods; Iceberg skips files by it."""
    parts = [
        f"({name} >= DATE '{start}' AND {name} < DATE '{end}')"
        for start, end in ranges(first_days, unit)
    ]
    return f"({' OR '.join(parts) or 'FALSE'})"
