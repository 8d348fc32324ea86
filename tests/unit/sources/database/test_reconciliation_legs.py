"""Each leg of the way from a shop's table to its file notices when it loses something: extracts with one fault each.

The legs after it have their own faults: the gate (test_gate.py), marts (test_marts.py, `broken`), schema silver
(test_write_back.py, a thief of a cent), and each that the marketplace's story asks (test_marketplace_story.py).
"""

from __future__ import annotations

import json
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from psycopg import sql

from contracts import model as contracts
from contracts.errors import FileRejected
from lambdas.fetch_source.extract import TableCall
from lambdas.gate.service import _declared
from lambdas.intake.headers import HeaderRule
from lambdas.intake.inspection import inspect
from lambdas.intake.service import _require_counted
from sources.database import chunks, tables
from sources.database.chunks import Bounds, Reader
from sources.database.rendering import rendered
from sources.errors import SourceFailed
from tests.unit.sources.database.fetching import TableBench

ORDERS = range(1, 251)  # in chunks of 100


@pytest.fixture
def orders(bench: TableBench) -> TableBench:
    bench.shop.order(*ORDERS)
    return bench


def taken(bench: TableBench) -> int:
    """Fetch, and have intake count what was delivered. Raises FileRejected."""
    bench.fetch()
    [key] = bench.files()
    body = bench.s3.get_object(Bucket="landing", Key=key)["Body"].read()
    rule = HeaderRule(contract=contracts.load(bench.source.dataset), change="strict")
    found = inspect([body], rule, gzipped=False)
    source: Any = SimpleNamespace(metadata=bench.metadata(key))
    _require_counted(source, found)
    return found.row_count


def judged(bench: TableBench) -> list[str]:
    """What the gate says of the money of the file that was delivered, if nothing of it was refused."""
    [(key, records)] = bench.files().items()
    contract = contracts.load(bench.source.dataset)
    said = json.loads(bench.metadata(key)["fetch-totals"])
    read = {
        column.name: sum((Decimal(record[column.name]) for record in records), Decimal(0))
        for column in contract.control_columns
    }
    file: Any = SimpleNamespace(
        file_name="orders.csv", rows_quarantined=0, totals=SimpleNamespace(read=read)
    )
    declared = {name: Decimal(total) for name, total in said.items()}
    return list(_declared(file, declared, contract))


def test_an_extract_without_a_fault_is_believed(orders: TableBench) -> None:
    assert taken(orders) == len(ORDERS)
    assert judged(orders) == []
    assert orders.totals() == orders.shop.totals()


def test_rows_that_the_database_counts_and_does_not_give_stop_the_extract(
    orders: TableBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Reader._copy

    def lossy(self: Reader, where: sql.Composable) -> sql.Composed:
        return whole(self, sql.SQL("{} and id <> 150").format(where))

    monkeypatch.setattr(Reader, "_copy", lossy)
    with pytest.raises(SourceFailed, match="the database counted 100 rows and gave 99"):
        orders.fetch()
    assert orders.files() == {}


def test_a_row_that_the_extract_loses_on_its_way_into_the_file_is_refused_by_intake(
    orders: TableBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = TableCall._keep

    def lossy(self: TableCall) -> None:
        first_line = self.rows.index(b"\n") + 1
        del self.rows[:first_line]
        keep(self)

    monkeypatch.setattr(TableCall, "_keep", lossy)
    with pytest.raises(FileRejected, match="its source says 250 records, and the file has 249"):
        taken(orders)


def test_a_cent_that_the_extract_writes_otherwise_does_not_pass_the_gate(
    orders: TableBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rounded(column: contracts.Column, *others: Any) -> sql.Composable:
        value = rendered(column, *others)
        return sql.SQL("round({}, 1)").format(value) if column.name == "total_cost" else value

    orders.shop.run("update {orders} set total_cost = 974.41 where id = 7")
    monkeypatch.setattr(tables, "rendered", rounded)
    assert taken(orders) == len(ORDERS)
    [told] = judged(orders)
    assert "total_cost: said by its source 243600.01, read 243600.0, difference 0.01" in told


def test_a_row_between_two_chunks_that_nobody_counts_is_missed_in_the_shop_s_own_figures(
    orders: TableBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither extract nor intake nor gate can see it: only the shop itself, which is why stories ask it."""
    compared = chunks._compared

    def short(columns: Any, how: Any, bounds: Bounds) -> sql.Composable:
        return compared(columns, "<" if how == "<=" else how, bounds)

    monkeypatch.setattr(chunks, "_compared", short)
    assert taken(orders) == len(ORDERS) - 2
    assert judged(orders) == []
    assert orders.totals() != orders.shop.totals()
