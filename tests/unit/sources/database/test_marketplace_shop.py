"""The marketplace's database: its books say what a snapshot saw, and its orders cost what their lines do."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from local_cloud.postgres import SUPERUSER, Postgres
from sample_data import marketplace, marketplace_shop
from sample_data.marketplace_shop import COUNTER_ORDER, FIRST_ORDER, LATE_ORDER, Books, Connection
from tests.shop_database import HOST, connect

FILES = Path(__file__).parents[4] / "examples" / "marketplace" / "files"
NAME = "marketplace"
ORDERS = 200


def connected(server: Postgres) -> Connection:
    return psycopg.connect(
        host=HOST,
        port=server.port,
        user=SUPERUSER,
        password=server.password,
        dbname=NAME,
        autocommit=True,
    )


@pytest.fixture(scope="module")
def database(server: Postgres) -> Iterator[Postgres]:
    """A database of its own, with the published rows and more orders."""
    with connect(server) as outside:
        outside.execute(f"create database {NAME}")
        with connected(server) as shop:
            marketplace_shop.open_shop(shop, FILES)
            marketplace_shop.order(shop, first=FIRST_ORDER, count=ORDERS)
        yield server
        outside.execute(f"drop database {NAME} with (force)")


@pytest.fixture
def shop(database: Postgres) -> Iterator[Connection]:
    with connected(database) as connection:
        yield connection


def all_of(books: Books, snapshot: str | None = None) -> dict[str, list[marketplace.Row]]:
    return {
        name: books.now(name) if snapshot is None else books.seen_by(snapshot, name)
        for name in marketplace.NAMES
    }


def numbers(rows: list[marketplace.Row]) -> set[int]:
    return {int(row["id"]) for row in rows}


def test_the_published_rows_are_there_as_they_were_published(shop: Connection) -> None:
    published = marketplace.read(FILES)
    rows = marketplace_shop.books(shop, FILES).now("order_items")

    def line(row: marketplace.Row) -> tuple[int, str, str, Decimal]:
        return int(row["id"]), row["order_id"], row["product_id"], Decimal(row["total_price"])

    old = [line(row) for row in rows if int(row["order_id"]) < FIRST_ORDER]
    assert old == sorted(map(line, published["order_items"]))


def test_books_say_what_a_snapshot_saw_whoever_wrote_since(
    database: Postgres, shop: Connection
) -> None:
    books, counter = marketplace_shop.books(shop, FILES), marketplace_shop.Counter(shop, seed=7)
    with connected(database) as reader, connected(database) as other:
        for _ in range(60):
            counter.step()
        with marketplace_shop.late(other, LATE_ORDER):
            counter.step()
            reader.execute("begin isolation level repeatable read")
            [(snapshot,)] = reader.execute("select pg_current_snapshot()::text").fetchall()
            saw = all_of(marketplace_shop.books(reader, FILES))
            for _ in range(60):
                counter.step()
            shop.execute("delete from order_items where order_id = %s", (FIRST_ORDER + 1,))
        assert all_of(books, snapshot) == saw
        assert LATE_ORDER not in numbers(saw["orders"])
    [(newest,)] = shop.execute("select pg_current_snapshot()::text").fetchall()
    assert all_of(books, newest) == all_of(books)
    assert LATE_ORDER in numbers(books.now("orders"))
    assert all_of(books) != saw


def test_an_order_costs_what_its_lines_cost_whatever_happens_to_it(shop: Connection) -> None:
    counter = marketplace_shop.Counter(shop, seed=8)
    counter.taken = 1_000  # numbers that no other test has
    for number in range(40):
        marketplace_shop.order(shop, first=COUNTER_ORDER + 1_000 + number)
    counter.taken = 1_040
    for _ in range(80):
        counter.step()
    wrong = shop.execute(
        "select orders.id from orders join order_items on order_id = orders.id where orders.id >= %s"
        " group by orders.id having total_amount <> sum(total_price)",
        (FIRST_ORDER,),
    )
    assert wrong.fetchall() == []
    returned = "select count(*) > 0 from returns where id >= %s"
    assert shop.execute(returned, (COUNTER_ORDER,)).fetchall() == [(True,)]
