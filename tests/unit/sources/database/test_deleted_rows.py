"""Rows that a shop deletes: told with each extract, and refused when too many are gone at once."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from sources import keys
from sources.errors import SourceFailed
from tests.unit.lambdas.conftest import Crash, Fuse
from tests.unit.sources.database.fetching import TableBench

ORDERS = range(1, 351)  # in chunks of 100


@pytest.fixture
def orders(bench: TableBench, monkeypatch: pytest.MonkeyPatch) -> TableBench:
    """Extracts that compare keys, kept in several pieces."""
    monkeypatch.setattr(keys, "PIECE_BYTES", 500)
    monkeypatch.setattr(keys, "BATCH_BYTES", 90)
    postgres = dataclasses.replace(bench.source.postgres, max_deleted_share=0.02)
    bench.source = dataclasses.replace(bench.source, postgres=postgres)
    bench.shop.order(*ORDERS)
    return bench


def delete(orders: TableBench, first: int, last: int) -> None:
    orders.shop.run("delete from {orders} where id between %s and %s", first, last)


def test_who_deletes_nothing_is_told_nothing(orders: TableBench) -> None:
    for number in (400, 401):
        assert "gone" not in orders.fetch()["detail"]
        orders.shop.order(number)
        orders.shop.run("update {orders} set units = units + 1 where id = 5")


def test_a_few_rows_that_are_gone_are_told_once_and_the_rest_is_delivered(
    orders: TableBench,
) -> None:
    orders.fetch()
    delete(orders, 99, 102)
    orders.shop.order(400)
    answer = orders.fetch()
    assert (answer["status"], answer["records"]) == ("delivered", 1)
    assert "note: 4 of the 350 rows that " in answer["detail"]
    assert "are gone, such as 99; 100; 101; the tables keep them" in answer["detail"]
    assert "gone" not in orders.fetch()["detail"]
    delete(orders, 400, 400)
    assert "1 of the 347 rows" in orders.fetch()["detail"]


def test_a_table_that_was_emptied_is_refused_until_somebody_has_looked(orders: TableBench) -> None:
    orders.fetch()
    orders.shop.run("truncate {orders}")
    orders.shop.order(400)
    before = orders.files()
    for _ in range(2):
        with pytest.raises(SourceFailed) as refused:
            orders.fetch()
        told = str(refused.value)
        assert "350 of the 350 rows that " in told
        assert "more than postgres.maxDeletedShare, 2.00%, so nothing was read" in told
        assert "slipway source run shop_orders --accept-deleted" in told
    assert orders.files() == before
    answer = orders.fetch(accepts_deleted=True)
    assert (answer["status"], answer["records"]) == ("delivered", 1)
    assert "350 of the 350 rows" in answer["detail"]
    assert "gone" not in orders.fetch()["detail"]


def test_the_limit_itself_is_allowed(orders: TableBench) -> None:
    orders.fetch()
    delete(orders, 1, 7)
    assert "7 of the 350 rows" in orders.fetch()["detail"]
    delete(orders, 8, 14)
    with pytest.raises(SourceFailed, match="7 of the 343 rows"):
        orders.fetch()


def test_a_row_that_is_deleted_while_a_table_is_read_in_calls_is_told_by_the_next_extract(
    orders: TableBench,
) -> None:
    left = itertools.cycle([900_000.0, 900_000.0, 0.0])
    orders.millis = lambda: next(left)
    orders.call("execution-1")
    delete(orders, 349, 349)
    orders.executions = 0
    assert "gone" not in orders.fetch()["detail"]
    assert "1 of the 350 rows" in orders.fetch()["detail"]


def test_killed_at_any_write_a_deleted_row_is_told_by_the_extract_that_ends(
    orders: TableBench,
) -> None:
    orders.fetch()
    for number in itertools.count(1):
        delete(orders, number, number)
        orders.fuse = Fuse(number)
        try:
            answer = orders.fetch(execution=f"killed-{number}")
            break
        except Crash:
            orders.fuse = Fuse()
            answer = orders.fetch(execution=f"killed-{number}")
            assert f"such as {number};" in answer["detail"]
    assert number > 5  # pieces of keys among them
    assert f"such as {number};" in answer["detail"]


def test_more_keys_than_can_be_compared_are_refused(
    orders: TableBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "MOST_KEYS", 349)
    with pytest.raises(
        SourceFailed, match=r"more than 349 rows, .* leave out postgres\.maxDeletedShare"
    ):
        orders.fetch()
