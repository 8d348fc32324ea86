"""A shop's PostgreSQL, read while the shop writes to it, into the tables that people ask, under the deployed roles."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from contracts import naming
from local_cloud.postgres import Postgres, running
from slipway import __main__ as command_line
from slipway.reading import ledgers
from tests.end_to_end.pipeline import DATASET, Pipeline, money
from tests.end_to_end.test_sources import until
from tests.shop_database import FIELDS, Shop, make_reader, shop

SOURCE, SECRET = "shop_orders", "slipway/shop_orders"
FIRST_ORDER = 773_000_001
MONTH = "2004-07-01"  # that no other story has
LANDS_IN = naming.landing_folder(naming.source_partner(SOURCE), DATASET)


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with running() as server:
        make_reader(server)
        yield server


@pytest.fixture(scope="module")
def orders(database: Postgres, pipeline: Pipeline) -> Iterator[Shop]:
    """The shop's table as sources/shop_orders.yaml describes it, and the secret that says where it is."""
    secrets = pipeline.deployment.client("secretsmanager")
    with shop(database, "public") as made:
        secrets.create_secret(Name=SECRET, SecretString=made.secret())
        yield made
        secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)


def extract(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> str:
    """What `slipway source run` says in the end, once what it delivered is loaded."""
    assert command_line.main(["source", "run", SOURCE]) == 0
    said = capsys.readouterr().out
    until(lambda: {f.status for f in delivered(pipeline)} == {"loaded"}, "the file is loaded")
    return said


def delivered(pipeline: Pipeline) -> list[ledgers.FileFate]:
    files = ledgers.files(pipeline.deployment, DATASET)
    return [fate for fate in files if fate.landing_key.startswith(LANDS_IN)]


def in_the_lake(pipeline: Pipeline) -> list[tuple[str, ...]]:
    """Every order of the shop as the processed table has it, in the order of their numbers."""
    columns = ", ".join(f"cast({column} as varchar)" for column in FIELDS)
    rows = pipeline.ask(
        f"select {columns} from processed.sales_records where order_id >= {FIRST_ORDER}"
        f" and order_id < {FIRST_ORDER + 1_000_000} order by order_id"
    )
    return [tuple(map(str, row)) for row in rows]


def in_the_shop(orders: Shop) -> list[tuple[str, ...]]:
    columns = ", ".join(f"{column}::text" for column in FIELDS.values())
    return [tuple(row) for row in orders.rows(f"select {columns} from {{orders}} order by id")]


def curated(pipeline: Pipeline) -> tuple[int, Decimal, Decimal]:
    [row] = pipeline.ask(
        "select sum(orders), sum(revenue), sum(profit) from curated.sales_by_month_item"
        f" where month_start = date '{MONTH}'"
    )
    return int(row[0]), money(row[1]), money(row[2])


def test_a_table_of_a_shop_is_in_the_lake_row_for_row_although_a_commit_came_late(
    pipeline: Pipeline, orders: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = range(FIRST_ORDER, FIRST_ORDER + 120)
    orders.order(*numbers)
    with orders.transaction() as late:
        orders.order(FIRST_ORDER + 500, connection=late)
        orders.order(FIRST_ORDER + 501)
        assert "delivered: 121 records" in extract(pipeline, capsys)
        assert in_the_lake(pipeline) == in_the_shop(orders)
        late.commit()
    orders.run(
        "update {orders} set units = 20, revenue = 3051.60, total_cost = 1948.80, profit = 1102.80,"
        " region = E'Nord \"1\", Süd' where id = %s",
        FIRST_ORDER + 3,
    )
    extract(pipeline, capsys)
    assert len(in_the_shop(orders)) == 122
    assert in_the_lake(pipeline) == in_the_shop(orders)
    figures: list[tuple[Any, ...]] = orders.rows(
        "select count(*), sum(revenue), sum(profit) from {orders}"
    )
    assert [curated(pipeline)] == figures
    assert [(file.row_count, file.rows_loaded) for file in delivered(pipeline)].count(
        (121, 121)
    ) == 1


def test_a_column_that_was_renamed_is_told_before_anything_is_delivered(
    pipeline: Pipeline, orders: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    before = len(delivered(pipeline))
    orders.run("alter table {orders} rename channel to sales_channel")
    assert command_line.main(["source", "run", SOURCE]) == 1
    told = " ".join(capsys.readouterr().out.split())  # the console folds long lines
    assert "public.orders does not fit: it has no column 'channel'" in told
    assert len(delivered(pipeline)) == before
