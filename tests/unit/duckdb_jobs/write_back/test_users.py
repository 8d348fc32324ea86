"""The user that writes back may write its tables in `silver`, note that it did, and nothing else."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from contracts.errors import DatabaseUnprepared
from duckdb_jobs.write_back.users import MASTER, WRITER
from tests.unit.duckdb_jobs.write_back.bench import (
    HOST,
    PASSWORD,
    Bench,
    connect,
    prepare_database,
)
from tests.unit.duckdb_jobs.write_back.test_write_back import FIRST


@pytest.fixture
def written(bench: Bench) -> Bench:
    """A database with a table that was written back, and things of others beside it."""
    bench.lake.run("r1", *FIRST)
    bench.write_back("r1")
    bench.tell(
        "create table public.salaries (person text, euros int);"
        "create schema shop; create table shop.customers (name text);"
        "create table silver.notes (text text);"
        "create view silver.mine as select order_id from silver.orders"
    )
    return bench


def as_user(bench: Bench, user: str) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host=HOST,
        port=bench.server.port,
        dbname=bench.database,
        user=user,
        password=PASSWORD,
        autocommit=True,
    )


@pytest.mark.parametrize(
    "statement",
    [
        "select * from public.salaries",
        "insert into public.salaries values ('me', 1)",
        "create table public.more (n int)",
        "select * from shop.customers",
        "create table shop.more (n int)",
        "select * from silver.notes",
        "delete from silver.notes",
        "drop table silver.notes",
        "drop view silver.mine",
        "drop schema silver cascade",
        "alter schema silver rename to gold",
        "create schema mine",
        "create table operations.more (n int)",
        "delete from operations.loads",
        "truncate operations.loads",
        "drop table operations.loads",
        "alter table operations.loads add column more text",
        "create role friend",
        "create database mine",
        "alter role slipway_writer createrole",
        "grant slipway_admin to slipway_writer",
        "set role slipway_admin",
        "set role postgres",
        "create extension dblink",
        "select * from pg_authid",
        "select pg_read_file('/etc/passwd')",
        "copy silver.orders to program 'cat'",
        "copy silver.orders to '/tmp/orders'",
        "select lo_import('/etc/passwd')",
        "alter system set ssl = off",
        "create publication all_of_it for all tables",
    ],
)
def test_it_may_do_nothing_else(written: Bench, statement: str) -> None:
    with (
        as_user(written, WRITER) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)  # type: ignore[arg-type] # tests write statements in full


def test_it_is_no_member_of_anything_that_reads_or_writes(written: Bench) -> None:
    member = (
        "select rolname from pg_roles where pg_has_role('slipway_writer', oid, 'member') order by 1"
    )
    assert written.ask(member) == [("rds_iam",), (WRITER,)]
    attributes = "rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls"
    assert written.ask(f"select {attributes} from pg_roles where rolname = '{WRITER}'") == [
        (False,) * 5
    ]


def test_another_database_of_the_server_shows_it_nothing(written: Bench) -> None:
    with connect(written.server, "postgres") as other:
        other.execute("create table if not exists public.secrets (text text)")
    elsewhere = psycopg.connect(
        host=HOST, port=written.server.port, dbname="postgres", user=WRITER, password=PASSWORD
    )
    with elsewhere, pytest.raises(psycopg.errors.InsufficientPrivilege):
        elsewhere.execute("select * from public.secrets")


@pytest.mark.parametrize(
    "damage",
    [
        "alter role slipway_writer nologin",
        "revoke usage on schema silver from slipway_writer",
        "revoke create on schema silver from slipway_writer; drop table silver.orders",
        "revoke insert, update on operations.loads from slipway_writer",
        "drop schema operations cascade",
        "alter table silver.orders owner to slipway_admin",
    ],
)
def test_what_somebody_took_away_is_asked_for_and_given_back(bench: Bench, damage: str) -> None:
    bench.lake.run("r1", *FIRST)
    bench.write_back("r1")
    bench.tell(damage)
    bench.lake.run("r2", (2, "2024-01-06", "paid", "21.00"))
    with pytest.raises(DatabaseUnprepared):
        bench.write_back("r2")
    prepare_database(bench.server, bench.database)
    bench.write_back("r2")
    assert bench.there() == bench.here()


def test_preparing_again_changes_nothing(written: Bench) -> None:
    prepare_database(written.server, written.database)
    written.write_back("r1")
    assert not any("copy" in made for made in written.made)
    assert written.there() == written.here()


def test_an_application_keeps_its_rights_on_a_table_that_is_made_anew(bench: Bench) -> None:
    """The statements of docs/write_back.md, as the master user."""
    bench.lake.run("r1", *FIRST)
    bench.write_back("r1")
    with as_user(bench, MASTER) as master:
        master.execute("create role shop login password 'none'")
        for statement in (
            "grant usage on schema silver to shop",
            "grant select on all tables in schema silver to shop",
            "alter default privileges for role slipway_writer in schema silver grant select on tables to shop",
        ):
            master.execute(statement)
    bench.tell("update operations.loads set shape = 'another'")
    bench.write_back("r2")
    with as_user(bench, "shop") as shop:
        assert shop.execute("select count(*) from silver.orders").fetchall() == [(3,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            shop.execute("delete from silver.orders")
    bench.tell("drop owned by shop")
    with connect(bench.server, "postgres") as connection:
        connection.execute("drop role shop")
