"""Columns that files lack, on Spark: the same stories as tests/unit/duckdb_jobs/test_keeping.py, fewer of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.model import TableFormat
from tests.keeping import CONTRACT, Deliveries, Delivery, expected
from tests.spark.lake import Lake

FULL, SHORT = ("quantity", "note"), ("quantity",)


def said(minute: int, columns: tuple[str, ...], *keys: int) -> Delivery:
    values = {"day": minute, "quantity": minute, "note": f"note {'abcdefg'[minute]}"}
    return Delivery(minute, columns, dict.fromkeys(keys, values))


@pytest.mark.deep
@pytest.mark.parametrize("table_format", ["iceberg", "delta"])
def test_what_a_file_lacks_is_what_the_newest_delivery_said(
    lake: Lake, table_format: TableFormat
) -> None:
    lake.contract = replace(CONTRACT, table_format=table_format)
    table = Deliveries(lake)
    oldest, first = said(1, FULL, 1, 2), said(2, FULL, 1, 2, 3)
    short, late = said(5, SHORT, 1, 2, 4), said(3, FULL, 2, 4)
    table.run(oldest, short)
    assert table.rows == expected([oldest, short])
    table.run(late)  # it loses as a row, and its note is newer than the one that was kept
    assert table.rows == expected([oldest, late, short])
    table.run(first)
    loaded = [oldest, first, late, short]
    assert table.rows == expected(loaded)
    table.run(
        short, mode="backfill"
    )  # its rows are taken off first, and what they kept is not lost
    assert table.rows == expected(loaded)
    table.retract(
        late, oldest, first
    )  # what it gave to newer rows goes, and older values come back
    assert table.rows == expected([oldest, first, short])
