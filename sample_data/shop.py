"""A shop's database: a table of orders as an application keeps it, and its writers, who never rest.

Rows are made by the database, from a seed, because a million of them take seconds there. The table fits
sources/shop_orders.yaml. Apart from Sales Records files (sales_rows.py), since a shop stamps its rows and changes them.
"""

from __future__ import annotations

from random import Random
from typing import Any

import psycopg
from psycopg import sql

READER = "slipway_reader"
COUNTRY = "Shopland"  # of all orders, and of nobody else's
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
READER_ROLE = "create role {reader} login password {password}; grant pg_read_all_stats to {reader};"
GRANTS = "grant usage on schema {schema} to {reader}; grant select on {schema}.orders to {reader};"
# Orders of days one after the other, in one statement; figures fit the rules of the contract.
ORDERS = """
insert into {schema}.orders
  (id, region, country, item, channel, priority, ordered_on, shipped_on,
   units, price, cost, revenue, total_cost, profit)
select id, 'Europe', 'Shopland',
       (array['Snacks', 'Meat', 'Fruits', 'Baby Food'])[1 + n % 4], (array['Online', 'Offline'])[1 + n % 2],
       (array['C', 'H', 'M', 'L'])[1 + n % 4], day, day + n % 30, units, price, cost,
       units * price, units * cost, units * price - units * cost
from (select {first} + g as id, g % 1000 as n, date {day} + (g % {days})::integer as day, 1 + g % 500 as units,
             (9 + g % 600 + 0.33)::numeric(10, 2) as price, (5 + g % 400 + 0.17)::numeric(10, 2) as cost
      from generate_series(0, {count} - 1) g) made
"""
CORRECTION = """
update {schema}.orders set units = units + 1, revenue = (units + 1) * price, total_cost = (units + 1) * cost,
       profit = (units + 1) * price - (units + 1) * cost where id = {id}
"""

Connection = psycopg.Connection[Any]


def statement(text: str, schema: str, **values: object) -> sql.Composed:
    """One of the texts above; names are quoted, and values are literals."""
    names = {"schema": sql.Identifier(schema), "reader": sql.Identifier(READER)}
    literals = {name: sql.Literal(value) for name, value in values.items()}
    return sql.SQL(text).format(**names, **literals)


def open_shop(connection: Connection, schema: str) -> None:
    """Make the table, which the reader may read."""
    connection.execute(statement("create schema if not exists {schema}", schema))
    connection.execute(statement(TABLE, schema))
    connection.execute(statement(GRANTS, schema))


def make_reader(connection: Connection, password: str) -> None:
    """Make the role that docs/sources.md tells people to make."""
    connection.execute(statement(READER_ROLE, "public", password=password))


def order(
    connection: Connection, schema: str, *, first: int, count: int, day: str, days: int = 1
) -> None:
    """Take `count` orders with numbers from `first`, over `days` from `day` (ISO 8601)."""
    values = {"first": first, "count": count, "day": day, "days": days}
    connection.execute(statement(ORDERS, schema, **values))


def correct(connection: Connection, schema: str, number: int) -> None:
    """Sell one unit more in an order that is there."""
    connection.execute(statement(CORRECTION, schema, id=number))


class Clerk:
    """One who keeps writing: each step is a new order or a correction, some in a transaction that commits late."""

    def __init__(self, connection: Connection, schema: str, *, seed: int, first: int) -> None:
        self.connection, self.schema = connection, schema
        self.draw, self.first, self.taken = Random(seed), first, 0  # noqa: S311 - sample data
        self.is_late = False

    def step(self) -> None:
        """Do the next thing."""
        if not self.is_late and self.draw.random() < 0.2:
            self.connection.execute("begin")
            self.is_late = True
        if self.taken and self.draw.random() < 0.3:
            number = self.first + self.draw.randrange(self.taken)
            correct(self.connection, self.schema, number)
        else:
            day = f"2005-{self.draw.randint(1, 12):02}-{self.draw.randint(1, 28):02}"
            order(self.connection, self.schema, first=self.first + self.taken, count=1, day=day)
            self.taken += 1
        if self.is_late and self.draw.random() < 0.3:
            self.finish()

    def finish(self) -> None:
        """Commit what is open."""
        if self.is_late:
            self.connection.execute("commit")
            self.is_late = False
