"""The sample shop: orders that the contract takes, and a clerk who corrects them and commits some late."""

from __future__ import annotations

from sample_data import shop as sample
from tests.shop_database import Shop, connect

RULES = (
    "select count(*) from {orders} where units * price <> revenue or units * cost <> total_cost"
    " or revenue - total_cost <> profit or shipped_on < ordered_on or units not between 1 and 100000"
)


def test_orders_fit_the_rules_of_the_contract(shop: Shop) -> None:
    sample.order(shop.connection, shop.schema, first=1, count=2000, day="2023-01-01", days=730)
    assert shop.rows("select count(*), min(ordered_on)::text, max(ordered_on)::text from {orders}") == [
        (2000, "2023-01-01", "2024-12-30")
    ]  # fmt: skip
    assert shop.rows(RULES) == [(0,)]


def test_a_clerk_takes_and_corrects_orders_of_which_some_are_seen_late(shop: Shop) -> None:
    seen = []
    with connect(shop.server) as connection:
        clerk = sample.Clerk(connection, shop.schema, seed=7, first=1)
        for _ in range(60):
            clerk.step()
            [(count,)] = shop.rows("select count(*) from {orders}")
            seen.append(clerk.taken - count)
        clerk.finish()
    assert max(seen) > 1  # in a transaction that was open
    assert shop.rows("select count(*) from {orders}") == [(clerk.taken,)]
    assert shop.rows("select count(*) > 0 from {orders} where updated_at > ordered_on") == [(True,)]
    assert shop.rows(RULES) == [(0,)]
