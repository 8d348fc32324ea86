"""`python -m sample_data.seasonal --months 72 --out FILE`: sales with trend, season, promotions, breaks and noise.

One history (sample_data/series.py) for each item type, of the kinds in turn but intermittent, in a file like those of
partners. Forecasts have something to learn from it, which the uniform draws of sample_data.generate do not give them.
"""

from __future__ import annotations

import argparse
import calendar
import csv
from datetime import date
from pathlib import Path
from random import Random

from sample_data.sales_rows import CHANNELS, COLUMNS, ITEMS, PLACES, PRIORITIES, money, order_number
from sample_data.series import KINDS, history

FIRST_MONTH = date(2016, 1, 1)
ORDERS = 4  # of an item in a month, at most; the last is on its last day
UNITS = 9_000  # of an item in a month of ordinary size
TRIED = tuple(kind for kind in KINDS if kind != "intermittent")


def write_history(
    path: Path, *, months: int, seed: int, orders: int = ORDERS, first_serial: int = 600_000_000
) -> int:
    """Write the file; how many records it has. The same arguments give the same bytes."""
    random = Random(seed)  # noqa: S311 - sample data
    rows: list[list[str]] = []
    for number, (item, price, cost) in enumerate(ITEMS):
        amounts = history(TRIED[number % len(TRIED)], random, months)
        ordinary = sum(amounts) / len(amounts)
        for month, amount in enumerate(amounts):
            units = max(ORDERS, round(UNITS * amount / ordinary))
            for order, day in enumerate(_days(month)[-orders:]):
                of_order = units // orders + (units % orders if order == 0 else 0)
                place = PLACES[(number * 7 + month + order) % len(PLACES)]
                serial = first_serial + len(rows)
                rows.append(_row(place, item, day, serial, of_order, price, cost))
    with path.open("w", encoding="utf-8", newline="") as stream:
        written = csv.writer(stream, lineterminator="\n")
        written.writerow(COLUMNS)
        written.writerows(rows)
    return len(rows)


def _days(month: int) -> list[date]:
    year, number = FIRST_MONTH.year + month // 12, month % 12 + 1
    last = calendar.monthrange(year, number)[1]
    return [date(year, number, day) for day in (5, 12, 19, last)]


def _row(
    place: tuple[str, str], item: str, day: date, serial: int, units: int, price: int, cost: int
) -> list[str]:
    region, country = place
    shown = f"{day.month}/{day.day}/{day.year}"
    amounts = (price, cost, units * price, units * cost, units * (price - cost))
    return [
        *(region, country, item, CHANNELS[serial % 2], PRIORITIES[serial % 4], shown),
        *(str(order_number(serial)), shown, str(units), *(str(money(cents)) for cents in amounts)),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Write the file and say how many records it has."""
    parser = argparse.ArgumentParser(prog="python -m sample_data.seasonal", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--months", type=int, default=72)
    parser.add_argument("--out", type=Path, required=True, help="the file")
    options = parser.parse_args(arguments)
    print(
        f"{options.out}: {write_history(options.out, months=options.months, seed=options.seed)} records"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
