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
from sample_data import shop as sample
from sources.model import ChangeColumn, PostgresSource, load
from sources.model import Postgres as Described

HOST = "127.0.0.1"
READER_PASSWORD = "only-reads"
EXAMPLE = load("shop_orders")
# Column of the contract: column of the shop's table.
FIELDS = dict(EXAMPLE.fields) if isinstance(EXAMPLE, PostgresSource) else {}


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
            reader=sql.Identifier(sample.READER),
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
                "username": sample.READER,
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
        sample.make_reader(connection, READER_PASSWORD)


@contextmanager
def shop(server: Postgres, schema: str) -> Iterator[Shop]:
    """A shop without orders, in a schema that is dropped afterwards."""
    with connect(server) as connection:
        made = Shop(server=server, schema=schema, connection=connection)
        sample.open_shop(connection, schema)
        yield made
        made.run("drop schema {schema} cascade")
