"""The report says what was read: all of it, of the right table, and each load beside the first."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from benchmarks.warehouse_load import DAY, FIRST, Load, TableLoad, ratios, report, table_load
from contracts import model
from contracts.warehouse import statements as warehouse
from contracts.warehouse.sql import head_of
from lambdas.load_warehouse.data_api import Row

QUARTERS, MONTHS = warehouse.marked(model.load("sales_records"))
RUN_ID = "20250101T000000-bbbbbbbb"


def reads(read_bytes: int) -> list[Row]:
    """A load of both tables: each statement that reads the lake, as often as it names it."""
    loads = [
        warehouse.TableLoad(model=marked, mode="everything", periods=(), anew=True, snapshot_id=1)
        for marked in (QUARTERS, MONTHS)
    ]
    statements = warehouse.loading((QUARTERS, MONTHS), loads, RUN_ID)
    return [
        {
            "query_id": number,
            "statement": statement,
            "bytes": read_bytes,
            "ended": "2025-01-01 00:00:00",
        }
        for number, statement in enumerate(statements, 1)
        for _ in range(statement.count('FROM "lake".'))
    ]


def kept(lake_bytes: int | None) -> dict[str, Any]:
    """A table of a load as DynamoDB gives it."""
    figures = {"mode": "everything", "loaded_rows": Decimal(5), "rows": Decimal(7)}
    return figures if lake_bytes is None else figures | {"lake_bytes": Decimal(lake_bytes)}


def load(
    name: str, *, loaded_rows: int, staged_bytes: int, compared_bytes: int, seconds: float
) -> Load:
    tables = tuple(
        TableLoad(
            table=table,
            mode="periods",
            loaded_rows=loaded_rows,
            rows=1000,
            staged_bytes=staged_bytes,
            compared_bytes=compared_bytes,
        )
        for table in ("a", "b")
    )
    return Load(
        name=name, orders=1, serve_seconds=seconds, transaction_seconds=seconds / 2, tables=tables
    )


def test_bytes_are_told_apart_by_statement_and_table() -> None:
    found = table_load(MONTHS.name, kept(2 * 100), reads(100))
    assert (found.staged_bytes, found.compared_bytes) == (100, 100)
    assert (found.mode, found.loaded_rows, found.rows) == ("everything", 5, 7)


@pytest.mark.parametrize("lake_bytes", [None, 100, 4 * 100])
def test_a_ledger_that_has_other_bytes_than_were_read_is_an_error(lake_bytes: int | None) -> None:
    with pytest.raises(
        RuntimeError,
        match=f"{MONTHS.name}: lake_bytes {lake_bytes} in the run ledger, 200 were read",
    ):
        table_load(MONTHS.name, kept(lake_bytes), reads(100))


def test_a_read_that_is_neither_copy_nor_comparison_is_not_left_out() -> None:
    refused: Row = {
        "query_id": 99,
        "statement": warehouse.difference(MONTHS, ()),
        "bytes": 1,
        "ended": "",
    }
    head = head_of(str(refused["statement"]))
    assert head is not None
    assert head.kind not in {"stage_rows", "compare"}
    with pytest.raises(RuntimeError, match="201 were read"):
        table_load(MONTHS.name, kept(200), [*reads(100), refused])


def test_figures_are_of_all_tables_and_ratios_of_the_first_load() -> None:
    first = load(FIRST, loaded_rows=400, staged_bytes=8_000, compared_bytes=2_000, seconds=4.0)
    day = load(DAY, loaded_rows=20, staged_bytes=500, compared_bytes=2_000, seconds=3.0)
    assert day.figures["rows loaded"] == 40
    assert ratios(day, first) == {
        "rows loaded": 0.05,
        "bytes staged": 0.0625,
        "bytes compared": 1.0,
        "bytes of the lake": 0.25,
        "seconds of Serve": 0.75,
        "seconds of the transaction": 0.75,
    }
    lines = report([first, day]).splitlines()
    assert [line.split() for line in lines if line.startswith("bytes of the lake")] == [
        ["bytes", "of", "the", "lake", "20,000", "5,000", "0.25x"]
    ]
    assert len([line for line in lines if line.startswith(DAY)]) == 2
    assert lines[-1].endswith("they say nothing of Redshift")
