"""The marketplace's own database: six tables as an application keeps them, who writes to them, and what they once were.

The published files are its first rows; the orders after them are made by the database, since thousands take a second
there. A trigger keeps every version of every row beside the transaction that wrote it, so that the shop itself can say
what any snapshot saw: that is what the pipeline is compared with. Apart from shop.py, whose one table is Sales Records.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from sample_data.marketplace import NAMES, Row

READER = "slipway_reader"
FIRST_ORDER, COUNTER_ORDER, LATE_ORDER = 100_001, 5_000_001, 9_000_001
DAY, DAYS = "2024-01-01", 365  # of the orders that were there before
SCHEMA = """
create table users (id bigint primary key, email text not null, phone_number text, gender text, password text,
  full_name text not null, provider text not null, provider_id text, role text not null,
  is_verified boolean not null, is_enabled boolean not null,
  created_at timestamp not null, updated_at timestamp not null);
create table products (id bigint primary key, name text not null, description text, sku text not null,
  price numeric(12, 2) not null, stock_quantity integer not null, weight numeric(9, 3), status text not null,
  vendor_id bigint not null, low_stock_threshold integer, min_order_quantity integer, average_rating numeric(4, 2),
  total_reviews integer, thumbnail_url text, image_urls text, is_active boolean not null, discount_value numeric(12, 2),
  created_at timestamp not null, updated_at timestamp not null);
create table orders (id bigint primary key, user_id bigint not null, order_date timestamp not null,
  total_amount numeric(12, 2) not null, status text not null, tracking_number text, dispatch_date timestamp);
create table order_items (id bigint primary key, order_id bigint not null, product_id bigint not null,
  quantity integer not null, unit_price numeric(12, 2) not null, total_price numeric(12, 2) not null,
  product_variant_id bigint);
create table payments (id bigint primary key, order_id bigint not null, payment_method text not null,
  transaction_id text not null, amount numeric(12, 2) not null, status text not null, paid_at timestamp not null);
create table returns (id bigint primary key, user_id bigint not null, product_id bigint not null, reason text,
  status text not null, request_at timestamp not null, approved_at timestamp, refunded_at timestamp,
  created_at timestamp not null);
create schema history;
create function touch() returns trigger language plpgsql as $$ begin new.changed_at := now(); return new; end $$;
create function remember() returns trigger language plpgsql as $$
  begin
    execute format('insert into history.%I select ($1).*, pg_current_xact_id(), $2', tg_table_name)
      using case when tg_op = 'DELETE' then old else new end, tg_op = 'DELETE';
    return null;
  end $$;
"""
# What a pipeline needs of a table: a stamp that the database sets, with an index. And what the comparison needs.
OF_EACH = """
alter table {table} add column changed_at timestamptz not null default now();
create index on {table} (changed_at);
create trigger touch before update on {table} for each row execute function touch();
create table history.{table} (like {table}, transaction xid8 not null, is_gone boolean not null,
  version bigint generated always as identity);
create trigger remember after insert or update or delete on {table} for each row execute function remember();
"""
# What docs/sources.md tells people to grant.
READERS = """
create role {reader} login password {password};
grant pg_read_all_stats to {reader};
grant usage on schema public to {reader};
grant select on all tables in schema public to {reader};
"""
COPY = "copy {table} ({columns}) from stdin csv"
# An order has one to three lines, and costs what they cost.
LINES = """
insert into order_items (id, order_id, product_id, quantity, unit_price, total_price, product_variant_id)
select number * 10 + line, number, product, quantity, price, quantity * price, 1 + number % 90
from (select number, line, ids[1 + (number * 7 + line * 3) % cardinality(ids)] as product,
             (1 + (number + line) % 5)::integer as quantity,
             ((199 + (number * 37 + line * 811) % 90000) / 100.0)::numeric(12, 2) as price
      from generate_series({first}, {first} + {count} - 1) number,
           generate_series(1, 1 + number % 3) line,
           (select array_agg(id order by id) as ids from products) known) made
"""
ORDERS = """
insert into orders (id, user_id, order_date, total_amount, status, tracking_number, dispatch_date)
select order_id,
       (select ids[1 + order_id % cardinality(ids)] from (select array_agg(id order by id) as ids from users) known),
       date {day} + (order_id % {days}) * interval '1 day' + (order_id % 80000) * interval '1.000001 second',
       sum(total_price), 'CONFIRMED', null, null
from order_items where order_id between {first} and {first} + {count} - 1 group by order_id
"""
PAYMENTS = """
insert into payments (id, order_id, payment_method, transaction_id, amount, status, paid_at)
select id, id, (array['Credit Card', 'Mobile Money', 'Bank Transfer'])[1 + id % 3], 'TXN' || lpad(id::text, 9, '0'),
       total_amount, case when id % 10 = 0 then 'PENDING' else 'PAID' end, order_date + interval '5 minutes'
from orders where id between {first} and {first} + {count} - 1
"""
CORRECT = """
update order_items set quantity = quantity + 1, total_price = (quantity + 1) * unit_price
where order_id = {order} and id = (select min(id) from order_items where order_id = {order})
"""
TOTAL = """
update orders set total_amount = (select sum(total_price) from order_items where order_id = {order}) where id = {order}
"""
PAY = """
update payments set status = 'PAID', amount = (select total_amount from orders where id = {order})
where order_id = {order}
"""
DISPATCH = """
update orders set status = 'DISPATCHED', dispatch_date = order_date + interval '2 days',
       tracking_number = 'TRK' || lpad(id::text, 9, '0') where id = {order}
"""
SEND_BACK = """
insert into returns (id, user_id, product_id, reason, status, request_at, created_at)
select orders.id, user_id, product_id, 'It is not what was shown', 'PENDING', order_date + interval '9 days',
       order_date + interval '9 days'
from orders join order_items on order_id = orders.id and order_items.id = orders.id * 10 + 1 where orders.id = {order}
on conflict (id) do nothing
"""
REFUND = """
update returns set status = 'APPROVED', approved_at = request_at + interval '1 day',
       refunded_at = request_at + interval '2 days' where id = {order}
"""
REGISTER = """
insert into users (id, email, full_name, provider, role, is_verified, is_enabled, created_at, updated_at)
values ({order}, 'user' || {order} || '@example.com', 'User ' || {order}, 'LOCAL', 'CUSTOMER', false, true,
        timestamp '2025-01-02', timestamp '2025-01-02')
"""
REPRICE = """
update products set price = price + 1, updated_at = timestamp '2025-01-03'
where id = (select min(id) + {order} % 40 from products)
"""
# The newest version of each row that a snapshot saw; two writers of one row write its versions one after the other.
AS_OF = """
select {columns} from (
  select distinct on (id) * from history.{table} where pg_visible_in_snapshot(transaction, {snapshot}::pg_snapshot)
  order by id, version desc) newest
where not is_gone order by id
"""
NOW = "select {columns} from {table} order by id"

Connection = psycopg.Connection[Any]


def open_shop(connection: Connection, files: Path) -> None:
    """Make the tables, with the published files as their rows."""
    connection.execute(sql.SQL(SCHEMA))
    for name in NAMES:
        connection.execute(_filled(OF_EACH, table=sql.Identifier(name)))
        with (files / f"{name}.csv").open(encoding="utf-8") as rows:
            names = rows.readline().strip().split(",")
            header = sql.SQL(", ").join(map(sql.Identifier, names))
            copied = _filled(COPY, table=sql.Identifier(name), columns=header)
            with connection.cursor() as cursor, cursor.copy(copied) as copy:
                copy.write(rows.read())


def make_reader(connection: Connection, password: str) -> None:
    """Make the role that docs/sources.md tells people to make; it may read the tables that are there."""
    names = {"reader": sql.Identifier(READER), "password": sql.Literal(password)}
    connection.execute(_filled(READERS, **names))


def order(connection: Connection, *, first: int, count: int = 1) -> None:
    """Take `count` orders with numbers from `first`: their lines, what they cost, and how they are paid."""
    for text in (LINES, ORDERS, PAYMENTS):
        connection.execute(_with(text, first=first, count=count, day=DAY, days=DAYS))


def correct(connection: Connection, number: int) -> None:
    """One unit more of the first line of an order, which costs more then."""
    for text in (CORRECT, TOTAL):
        connection.execute(_with(text, order=number))


@dataclass(frozen=True, kw_only=True)
class Books:
    """What the shop says of its own tables, as text; NULL is an empty text."""

    connection: Connection
    columns: dict[str, tuple[str, ...]]

    def seen_by(self, snapshot: str, table: str) -> list[Row]:
        """The rows that a snapshot of the database saw."""
        return self._rows(AS_OF, table, snapshot=sql.Literal(snapshot))

    def now(self, table: str) -> list[Row]:
        """The rows that are committed."""
        return self._rows(NOW, table)

    def _rows(self, text: LiteralString, table: str, **values: sql.Composable) -> list[Row]:
        names = self.columns[table]
        texts = sql.SQL(", ").join(
            _filled("coalesce({column}::text, '')", column=sql.Identifier(name)) for name in names
        )
        query = _filled(text, table=sql.Identifier(table), columns=texts, **values)
        rows = self.connection.execute(query).fetchall()
        return [dict(zip(names, row, strict=True)) for row in rows]


def books(connection: Connection, files: Path) -> Books:
    """The books of the columns that the published files have."""
    headers = {name: (files / f"{name}.csv").read_text("utf-8").split("\n", 1)[0] for name in NAMES}
    columns = {name: tuple(header.strip().split(",")) for name, header in headers.items()}
    return Books(connection=connection, columns=columns)


class Counter:
    """One who serves customers all the time: each step is a transaction of its own, drawn from a seed."""

    def __init__(self, connection: Connection, *, seed: int) -> None:
        self.connection, self.draw = connection, Random(seed)  # noqa: S311 - sample data
        self.taken = 0

    def step(self) -> None:
        """Do the next thing."""
        with self.connection.transaction():
            drawn = self.draw.random()
            if not self.taken or drawn < 0.5:
                order(self.connection, first=COUNTER_ORDER + self.taken)
                self.taken += 1
            elif drawn < 0.65:
                correct(self.connection, self._some_order())
            else:
                text = self.draw.choice((PAY, DISPATCH, SEND_BACK, REFUND, REPRICE, REGISTER))
                number = COUNTER_ORDER + self.taken if text == REGISTER else self._some_order()
                again = " on conflict (id) do nothing" if text == REGISTER else ""
                self.connection.execute(_with(text + again, order=number))

    def _some_order(self) -> int:
        return COUNTER_ORDER + self.draw.randrange(self.taken)


@contextmanager
def late(connection: Connection, number: int) -> Iterator[None]:
    """An order, and a correction of an old one, that are committed only when the block ends."""
    connection.execute("begin")
    order(connection, first=number)
    correct(connection, FIRST_ORDER + number - LATE_ORDER)
    yield
    connection.execute("commit")


def _with(text: LiteralString, **values: object) -> sql.Composed:
    return _filled(text, **{name: sql.Literal(value) for name, value in values.items()})


def _filled(text: LiteralString, **parts: sql.Composable) -> sql.Composed:
    return sql.SQL(text).format(**parts)
