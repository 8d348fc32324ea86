"""A shop's database: one table of orders, in a schema of its own, that people write to while it is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql

from local_cloud.postgres import SUPERUSER, Postgres
from sources.model import ChangeColumn, PostgresSource
from sources.model import Postgres as Described

HOST = "127.0.0.1"
READER, READER_PASSWORD = "slipway_reader", "only-reads"
# Column of the contract of sales_records: column of the shop's table.
FIELDS = {
    "region": "region",
    "country": "country",
    "item_type": "item",
    "sales_channel": "channel",
    "order_priority": "priority",
    "order_date": "ordered_on",
    "order_id": "id",
    "ship_date": "shipped_on",
    "units_sold": "units",
    "unit_price": "price",
    "unit_cost": "cost",
    "total_revenue": "revenue",
    "total_cost": "total_cost",
    "total_profit": "profit",
}
TABLE = """
create table {schema}.orders (
  id bigint primary key, region text not null default 'Europe', country text not null default 'Shopland',
  item text not null default 'Snacks', channel text not null default 'Online', priority char(1) not null default 'C',
  ordered_on date not null default '2004-07-01', shipped_on date not null default '2004-08-03',
  units integer not null default 10, price numeric(10, 2) not null default 152.58,
  cost numeric(10, 2) not null default 97.44, revenue numeric(14, 2) not null default 1525.80,
  total_cost numeric(14, 2) not null default 974.40, profit numeric(14, 2) not null default 551.40,
  updated_at timestamptz not null default now());
create index on {schema}.orders (updated_at);
create function {schema}.touch() returns trigger language plpgsql as
  $$ begin new.updated_at := now(); return new; end $$;
create trigger touch before update on {schema}.orders for each row execute function {schema}.touch();
"""
# What docs/sources.md tells people to grant.
GRANTS = """
grant usage on schema {schema} to {reader};
grant select on {schema}.orders to {reader};
"""


@dataclass
class Shop:
    """The shop's own connection, which commits at once, and where its table is."""

    server: Postgres
    schema: str
    connection: psycopg.Connection[Any]

    def run(self, query: str, *values: object) -> None:
        """A statement of the shop; {orders} is its table."""
        self.connection.execute(self.sql(query), values or None)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.connection.execute(self.sql(query), values or None).fetchall()

    def sql(self, query: str) -> sql.Composed:
        return sql.SQL(query).format(  # type: ignore[arg-type]  # tests write their queries in full
            orders=sql.Identifier(self.schema, "orders"),
            schema=sql.Identifier(self.schema),
            reader=sql.Identifier(READER),
        )

    def order(self, *numbers: int, connection: psycopg.Connection[Any] | None = None) -> None:
        """New orders."""
        for number in numbers:
            (connection or self.connection).execute(
                self.sql("insert into {orders} (id) values (%s)"), (number,)
            )

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection[Any]]:
        """Another of the shop's writers, in a transaction that its block commits, or that is rolled back."""
        with connect(self.server) as connection:
            connection.execute("begin")
            yield connection
            connection.rollback()

    def totals(self) -> tuple[int, Decimal]:
        """(orders, revenue) as the shop says."""
        [(count, revenue)] = self.rows("select count(*), coalesce(sum(revenue), 0) from {orders}")
        return count, revenue

    def source(self, **changes: Any) -> PostgresSource:
        """The description of the table."""
        given = {
            "secret": "slipway/shop_orders",
            "certificates": None,
            "table": f"{self.schema}.orders",
            "watermark": ChangeColumn(column="updated_at", overlap_minutes=0, zone=None),
            "statement_seconds": 10,
            "chunk_rows": 100,
            **changes,
        }
        return PostgresSource(
            name="shop_orders",
            description="Orders of the shop.",
            dataset="sales_records",
            schedule=None,
            postgres=Described(**given),
            fields=tuple(FIELDS.items()),
            ignored_columns=(),
            line_breaks="keep",
        )

    def secret(self, **changes: Any) -> str:
        """The text of the source's secret."""
        return json.dumps(
            {
                "host": HOST,
                "port": self.server.port,
                "dbname": SUPERUSER,
                "username": READER,
                "password": READER_PASSWORD,
                **changes,
            }
        )


def connect(server: Postgres) -> psycopg.Connection[Any]:
    """A connection as the shop, which commits each statement."""
    return psycopg.connect(
        host=HOST,
        port=server.port,
        user=SUPERUSER,
        password=server.password,
        dbname=SUPERUSER,
        autocommit=True,
        options="-c lock_timeout=5s",  # a test that waits for itself fails
    )


def make_reader(server: Postgres) -> None:
    """The role that docs/sources.md tells people to make."""
    with connect(server) as connection:
        connection.execute(
            f"create role {READER} login password '{READER_PASSWORD}'; grant pg_read_all_stats to {READER}"
        )


@contextmanager
def shop(server: Postgres, schema: str) -> Iterator[Shop]:
    """A shop without orders, in a schema that is dropped afterwards."""
    with connect(server) as connection:
        made = Shop(server=server, schema=schema, connection=connection)
        made.run("create schema if not exists {schema}")
        made.run(TABLE)
        made.run(GRANTS)
        yield made
        made.run("drop schema {schema} cascade")
