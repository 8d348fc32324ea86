"""How figures and moments are written on the page, the same as the page's own scripts write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def figure(value: int | Decimal | None) -> str:
    """With thousands separators and a real minus sign; a dash where there is none."""
    return NONE if value is None else f"{value:,}".replace("-", MINUS)


def day(value: date) -> str:
    """Such as 31 Dec 2024."""
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def moment(value: datetime) -> str:
    """Such as 31 Dec 2024, 08:05 UTC."""
    utc = value.astimezone(UTC)
    return f"{day(utc)}, {utc:%H:%M} UTC"


def span(value: timedelta) -> str:
    """The two largest units: 2 d 3 h, 5 min 2 s, 0.4 s."""
    seconds = value.total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    for large, small, size, part in (
        ("d", "h", 86_400, 3600),
        ("h", "min", 3600, 60),
        ("min", "s", 60, 1),
    ):
        if seconds >= size:
            rest = int(seconds % size // part)
            return f"{int(seconds // size)} {large}" + (f" {rest} {small}" if rest else "")
    raise AssertionError("unreachable: sixty seconds are a minute")


def plural(count: int, noun: str) -> str:
    """1 file, 2 files, 1,000 files."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
