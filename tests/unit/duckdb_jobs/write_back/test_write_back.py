"""The database is as the lake after each write-back, to the row and the cent, whatever happened in between."""

from __future__ import annotations

from decimal import Decimal

import pytest

from contracts import naming
from contracts.errors import RetryableError, WriteBackFailed
from duckdb_jobs.write_back.sessions import Session
from tests.unit.duckdb_jobs.small_lake import Order
from tests.unit.duckdb_jobs.write_back.bench import Bench, connect, writing

FIRST: tuple[Order, ...] = (
    (1, "2024-01-05", "open", "10.00"),
    (2, "2024-01-06", "open", "20.50"),
    (3, "2024-02-01", "paid", "0.07"),
)


def test_rows_and_cents_are_equal_after_a_load_a_correction_and_a_retraction(bench: Bench) -> None:
    bench.lake.run("r1", *FIRST)
    first = bench.write_back("r1")
    assert bench.there() == bench.here()
    assert first is not None
    assert (first.mode, first.loaded_rows, first.removed_rows, first.rows) == (
        "everything",
        3,
        0,
        3,
    )
    assert first.totals["amount"].lake == first.totals["amount"].database == Decimal("30.57")

    bench.lake.run("r2", (2, "2024-01-06", "paid", "21.00"))
    second = bench.write_back("r2")
    assert bench.there() == bench.here()
    assert second is not None
    assert (second.mode, second.loaded_rows, second.rows) == ("periods", 1, 3)
    assert second.totals["amount"].database == Decimal("31.00")  # of the month that changed

    with bench.lake.tables() as tables:
        tables.start_draft(bench.lake.processed, naming.branch("r3"))
        tables.delete(bench.lake.processed, naming.branch("r3"), "order_id = 1")
        head = tables.head(bench.lake.processed, naming.branch("r3"))
        tables.publish(bench.lake.processed, naming.branch("r3"), head or 0)
    third = bench.write_back("r3")
    assert bench.there() == bench.here()
    assert third is not None
    assert (third.loaded_rows, third.removed_rows, third.rows) == (0, 1, 2)


def test_a_row_that_moves_to_another_period_is_there_once(bench: Bench) -> None:
    bench.lake.run("r1", *FIRST)
    bench.write_back("r1")
    bench.lake.run("r2", (1, "2024-02-09", "open", "10.00"))
    written = bench.write_back("r2")
    assert bench.there() == bench.here()
    assert written is not None
    assert (written.loaded_rows, written.removed_rows) == (1, 0)


def test_a_rollback_of_the_lake_is_followed(bench: Bench) -> None:
    bench.lake.run("r1", *FIRST)
    bench.write_back("r1")
    with bench.lake.tables() as tables:
        before = tables.head(bench.lake.processed)
    bench.lake.run("r2", (4, "2024-03-01", "open", "1.00"), (1, "2024-01-05", "void", "0.00"))
    bench.write_back("r2")
    with bench.lake.tables() as tables:
        tables.roll_back(bench.lake.processed, before or 0)
    written = bench.write_back("care")
    assert bench.there() == bench.here()
    assert written is not None
    assert written.mode == "everything"


def test_nothing_is_written_twice(bench: Bench) -> None:
    bench.lake.run("r1", *FIRST)
    first = bench.write_back("r1")
    again = bench.write_back("r1")
    assert again == first  # what an earlier attempt wrote is told as the run's
    assert not any("copy" in made for made in bench.made)
    other = bench.write_back("r2")
    assert other is not None
    assert (other.mode, other.loaded_rows, other.rows) == ("none", 0, 3)


def test_nothing_published_is_nothing_written(bench: Bench) -> None:
    assert bench.write_back("r1") is None


@pytest.mark.parametrize(
    "change",
    [
        "update silver.orders set amount = amount + 0.01 where order_id = 3",
        "delete from silver.orders where order_id = 3",
        "drop table silver.orders",
    ],
)
def test_what_somebody_changed_in_the_database_is_put_right(bench: Bench, change: str) -> None:
    bench.lake.run("r1", *FIRST)
    bench.write_back("r1")
    bench.tell(change)
    bench.lake.run("r2", (1, "2024-01-05", "paid", "10.00"))  # another month than that of order 3
    bench.write_back("r2")
    assert bench.there() == bench.here()


def test_texts_arrive_as_they_are(bench: Bench) -> None:
    texts = ["", "\\N", 'a "quoted", text', "two\nlines", "back\\slash", "ü €", "NULL", " blank "]
    rows = [
        (number, "2024-01-05", text.replace("'", "''"), "1.00")
        for number, text in enumerate(texts, start=1)
    ]
    bench.lake.run("r1", *rows)
    bench.write_back("r1")
    assert [row[2] for row in bench.there()] == texts
    nulls = bench.ask("select count(*) from silver.orders where status is null")
    assert nulls == [(0,)]


def test_a_newer_version_that_came_meanwhile_stays(bench: Bench) -> None:
    bench.lake.run("r1", *FIRST)
    bench.write_back("r1")
    bench.lake.run("r2", (1, "2024-01-05", "paid", "11.00"))

    def overtake(_session: Session) -> None:
        bench.lake.run("r3", (1, "2024-01-05", "shipped", "12.00"))
        bench.write_back("r3")

    with pytest.raises(RetryableError, match="written back by r3 while r2 read the lake"):
        bench.write_back("r2", act=overtake, at=writing)
    assert bench.there() == bench.here()
    assert bench.there()[0][2] == "shipped"


def test_a_table_that_would_differ_is_as_before_and_the_run_is_told(bench: Bench) -> None:
    bench.lake.run("r1", *FIRST)
    bench.write_back("r1")
    before = bench.there()
    bench.tell(
        "create function silver.thief() returns trigger language plpgsql as"
        " $$ begin new.amount := new.amount - 0.01; return new; end $$;"
        "create trigger thief before insert or update on silver.orders for each row"
        " execute function silver.thief()"
    )
    bench.lake.run("r2", (2, "2024-01-06", "paid", "21.00"))
    with pytest.raises(
        WriteBackFailed, match=r"amount is 30\.\d\d in the database and 31\.00 in the lake.*undone"
    ):
        bench.write_back("r2")
    assert bench.there() == before
    bench.tell("drop trigger thief on silver.orders")
    bench.write_back("r2")
    assert bench.there() == bench.here()


def test_a_row_that_the_database_keeps_to_itself_is_noticed(bench: Bench) -> None:
    """A row in a period that did not change, which no figure of the changed ones shows."""
    bench.lake.run("r1", *FIRST)
    bench.write_back("r1")
    bench.tell(
        "create function silver.more() returns trigger language plpgsql as $$ begin"
        " insert into silver.orders select 99, date '2020-01-01', status, quantity, 0, null,"
        " _source_sha256, _source_file, 99, _received_at, _run_id, _contract_version from silver.orders"
        " limit 1 on conflict do nothing; return null; end $$;"
        "create trigger more after update on silver.orders for each statement when (pg_trigger_depth() = 0)"
        " execute function silver.more()"
    )
    bench.lake.run("r2", (2, "2024-01-06", "paid", "21.00"))
    with pytest.raises(
        WriteBackFailed, match="would have 4 rows in the database and has 3 in the lake"
    ):
        bench.write_back("r2")


def test_a_view_on_the_table_is_not_dropped_with_it(bench: Bench) -> None:
    bench.lake.run("r1", *FIRST)
    bench.write_back("r1")
    bench.tell("create view public.mine as select order_id from silver.orders")
    bench.tell("update operations.loads set shape = 'another'")
    with pytest.raises(WriteBackFailed, match="other objects depend on it"):
        bench.write_back("r2")
    assert bench.ask("select count(*) from public.mine") == [(3,)]


def test_a_lock_that_somebody_holds_is_waited_for_and_then_tried_again(bench: Bench) -> None:
    bench.lake.run("r1", *FIRST)
    bench.write_back("r1")
    bench.lake.run("r2", (2, "2024-01-06", "paid", "21.00"))
    with connect(bench.server, bench.database) as other:
        other.execute("begin")
        other.execute("lock table silver.orders in share mode")
        with pytest.raises(RetryableError, match="somebody else was in the way"):
            bench.write_back("r2")
        other.rollback()
    bench.write_back("r2")
    assert bench.there() == bench.here()


def test_a_table_that_is_more_than_one_part_is_written_part_by_part(bench: Bench) -> None:
    bench.part_bytes = 1  # each partition is a part
    days = ["2024-01-05", "2024-02-06", "2024-03-07", "2024-04-08"]
    bench.lake.run("r1", *((n, day, "open", "1.10") for n, day in enumerate(days, start=1)))
    written = bench.write_back("r1")
    assert sum(made.startswith("copy") for made in bench.made) == len(days)
    assert bench.there() == bench.here()
    assert written is not None
    assert written.totals["amount"].database == Decimal("4.40")
    bench.lake.run("r2", (1, days[0], "paid", "2.20"))
    bench.write_back("r2")
    assert sum(made.startswith("copy") for made in bench.made) == 1  # what did not change stays
    assert bench.there() == bench.here()
