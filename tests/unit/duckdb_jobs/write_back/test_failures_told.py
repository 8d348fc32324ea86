"""Whatever a database refuses is told with what to do, loses nothing, and is written once that was done."""

from __future__ import annotations

import pytest

from contracts.errors import RetryableError, WriteBackFailed
from tests.unit.duckdb_jobs.write_back.bench import Bench, connect
from tests.unit.duckdb_jobs.write_back.test_write_back import FIRST

SECOND = (2, "2024-01-06", "paid", "21.00")


@pytest.fixture
def two_runs(bench: Bench) -> Bench:
    """The database has the first run, the lake the second."""
    bench.lake.run("r1", *FIRST)
    bench.write_back("r1")
    bench.lake.run("r2", SECOND)
    return bench


def refusing(sqlstate: str, message: str) -> str:
    """Has the server itself answer with an error as soon as rows are written."""
    return (
        "create function silver.refuse() returns trigger language plpgsql as"
        f" $$ begin raise exception '{message}' using errcode = '{sqlstate}'; end $$;"
        "create trigger refuse before insert or update on silver.orders for each row"
        " execute function silver.refuse()"
    )


def test_a_database_that_is_full_is_told_as_full_and_not_as_gone(two_runs: Bench) -> None:
    before = two_runs.there()
    two_runs.tell(refusing("53100", "could not extend file: No space left on device"))
    with pytest.raises(
        WriteBackFailed, match=r"no room left; give it more storage.*as before.*No space left"
    ):
        two_runs.write_back("r2")
    assert two_runs.there() == before
    two_runs.tell("drop trigger refuse on silver.orders")
    two_runs.write_back("r2")
    assert two_runs.there() == two_runs.here()


@pytest.mark.parametrize(
    ("damage", "mending"),
    [
        ("alter table silver.orders rename amount to price", "drop table silver.orders"),
        (
            "alter table silver.orders rename amount to price",
            "alter table silver.orders rename price to amount",
        ),
        ("alter table silver.orders rename status to state", "drop table silver.orders"),
        ("alter table silver.orders drop column status", "drop table silver.orders"),
        (
            "alter table silver.orders alter column status drop not null, alter column status type date using null",
            "drop table silver.orders",
        ),
        (
            "alter table silver.orders add column mine text not null default ''"
            "; alter table silver.orders alter column mine drop default",
            "alter table silver.orders drop column mine",
        ),
        ("alter table silver.orders drop constraint orders_pkey", "drop table silver.orders"),
    ],
)
def test_columns_that_somebody_changed_are_told_and_the_table_is_made_anew(
    two_runs: Bench, damage: str, mending: str
) -> None:
    two_runs.tell(damage)
    rows = two_runs.ask("select * from silver.orders order by 1")
    with pytest.raises(WriteBackFailed, match="somebody has changed the columns of the table"):
        two_runs.write_back("r2")
    assert two_runs.ask("select * from silver.orders order by 1") == rows
    two_runs.tell(mending)
    two_runs.write_back("r2")
    assert two_runs.there() == two_runs.here()


def test_a_server_that_ends_the_session_in_the_middle_is_tried_again(two_runs: Bench) -> None:
    before = two_runs.there()

    def end(_session: object) -> None:
        with connect(two_runs.server, two_runs.database) as other:
            other.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = 'slipway write-back' and datname = current_database()"
            )

    with pytest.raises(RetryableError, match="the database ended the connection"):
        two_runs.write_back("r2", act=end, at=lambda made: made[-1].startswith("insert into"))
    assert two_runs.there() == before
    two_runs.write_back("r2")
    assert two_runs.there() == two_runs.here()
