"""A fetch of a table, from the first row to the file in landing: whole, resumed, split, refused."""

from __future__ import annotations

import dataclasses
import itertools
import json
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from typing import Any

import pytest

from lambdas.fetch_source import extract
from lambdas.fetch_source.landing import Landing
from sources.errors import CredentialsRefused, SourceFailed
from sources.tables import LowWatermark, OpenTable, Snapshot
from tests.shop_database import FIELDS
from tests.unit.lambdas.conftest import Crash, Fuse
from tests.unit.sources.database.fetching import TableBench

PLENTY = 900_000.0
FOREVER = "2000-01-01T00:00:00.000000Z"  # a moment before every change


def describe(bench: TableBench, **changes: Any) -> None:
    """Describe the table otherwise."""
    postgres = dataclasses.replace(bench.source.postgres, **changes)
    bench.source = dataclasses.replace(bench.source, postgres=postgres)


def test_a_table_is_one_file_that_says_what_the_database_said(bench: TableBench) -> None:
    bench.shop.order(*range(1, 251))
    answer = bench.fetch()
    assert (answer["status"], answer["records"]) == ("delivered", 250)
    [(key, records)] = bench.files().items()
    assert answer["detail"] == key
    assert list(records[0]) == list(FIELDS)
    assert bench.totals() == bench.shop.totals() == (250, Decimal("1525.80") * 250)
    said = bench.metadata(key)
    assert (said["fetch-records"], said["fetched-from"]) == ("250", bench.source.url)
    assert json.loads(said["fetch-totals"]) == {
        "total_revenue": "381450.00",
        "total_cost": "243600.00",
        "total_profit": "137850.00",
    }


def test_a_late_commit_and_a_change_are_in_the_next_file(bench: TableBench) -> None:
    with bench.shop.transaction() as late:
        bench.shop.order(1, connection=late)
        bench.shop.order(2, 3)
        bench.fetch()
        late.commit()
    bench.shop.run("update {orders} set units = 20, revenue = 3051.60 where id = 2")
    bench.fetch()
    assert [len(records) for records in bench.files().values()] == [2, 3]
    assert bench.totals() == bench.shop.totals()


def test_the_database_can_say_later_what_an_extract_saw(bench: TableBench) -> None:
    with bench.shop.transaction() as late:
        [(written_late,)] = late.execute("select pg_current_xact_id()::text").fetchall()
        bench.shop.order(1, connection=late)
        with bench.shop.transaction() as early:
            [(written,)] = early.execute("select pg_current_xact_id()::text").fetchall()
            bench.shop.order(2, connection=early)
            early.commit()
        bench.fetch()
        late.commit()
    [snapshot] = bench.snapshots()
    visible = "select pg_visible_in_snapshot(%s::text::xid8, %s::pg_snapshot)"
    assert bench.shop.rows(visible, written, snapshot) == [(True,)]
    assert bench.shop.rows(visible, written_late, snapshot) == [(False,)]


def test_a_table_in_which_nothing_changed_gives_no_file(bench: TableBench) -> None:
    bench.shop.order(1)
    bench.fetch()
    answer = bench.fetch()
    assert (answer["status"], answer["detail"]) == ("empty", "nothing has changed")
    assert len(bench.files()) == 1


def test_values_are_written_as_the_contract_reads_them(bench: TableBench) -> None:
    bench.shop.order(1)
    odd = 'a "quoted", \\. text\nwith ünïcode, NULL and \\N'
    bench.shop.run("update {orders} set region = %s, country = '', revenue = 0.10", odd)
    bench.fetch()
    [record] = bench.merged().values()
    assert (record["region"], record["country"]) == (odd, "")
    assert (record["order_date"], record["ship_date"]) == ("07/01/2004", "08/03/2004")
    assert (record["total_revenue"], record["order_priority"]) == ("0.10", "C")


def test_a_carriage_return_is_refused_unless_breaks_become_spaces(bench: TableBench) -> None:
    bench.shop.order(1)
    bench.shop.run("update {orders} set region = E'one\\r\\ntwo\\rthree\\nfour'")
    with pytest.raises(SourceFailed, match="has a carriage return, which a file cannot hold; set"):
        bench.fetch()
    bench.source = dataclasses.replace(bench.source, line_breaks="spaces")
    bench.fetch()
    assert bench.merged()["1"]["region"] == "one two three four"


def test_a_large_table_is_read_in_calls_and_files_that_are_one_extract(bench: TableBench) -> None:
    bench.shop.order(*range(1, 501))
    bench.most_bytes = 30_000  # 200 rows are more than half of it
    left = itertools.cycle([PLENTY, PLENTY, 0.0])
    bench.millis = lambda: next(left)
    answer = bench.fetch()
    assert (answer["status"], answer["records"]) == ("delivered", 500)
    assert bench.calls > 2
    assert 1 < len(bench.snapshots()) <= bench.calls
    files = bench.files()
    assert [key.rpartition("/")[2].count("_") for key in files] == [2, 3, 3]
    assert sum(len(records) for records in files.values()) == 500
    assert sum(int(bench.metadata(key)["fetch-records"]) for key in files) == 500
    assert bench.totals() == bench.shop.totals()


def test_a_row_that_changes_between_two_calls_is_read_again_by_the_next_extract(
    bench: TableBench,
) -> None:
    bench.shop.order(*range(1, 301))
    left = iter([PLENTY, 0.0])
    bench.millis = lambda: next(left, PLENTY)
    assert bench.call("one")["status"] == "more"
    bench.shop.run("update {orders} set revenue = revenue + 1 where id in (1, 299)")
    assert bench.call("one")["status"] == "delivered"
    assert bench.totals() != bench.shop.totals()
    bench.fetch()
    assert bench.totals() == bench.shop.totals()


def test_killed_at_any_write_nothing_is_lost_and_nothing_is_doubled(bench: TableBench) -> None:
    bench.shop.order(*range(1, 101))
    bench.most_bytes = 8_000
    describe(bench, chunk_rows=40)
    for number in itertools.count(1):
        execution, bench.fuse = f"killed-{number}", Fuse(writes=number)
        try:
            bench.fetch(FOREVER, execution)
        except Crash:
            bench.fuse = Fuse()
            answer = bench.fetch(FOREVER, execution)
            assert answer["records"] == 100
            assert bench.totals() == bench.shop.totals()
            continue
        break
    assert number > 10


def test_memory_does_not_grow_with_the_table(
    bench: TableBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(Landing, "keep", lambda _self, _key, content: sizes.append(len(content)))
    monkeypatch.setattr(Landing, "was_delivered", lambda _self, _key: True)
    monkeypatch.setattr(extract, "PART_BYTES", 100_000)
    bench.most_bytes = 50_000_000
    describe(bench, chunk_rows=1_000_000)
    peaks = []
    for rows in (5_000, 50_000):
        bench.shop.run(
            "insert into {orders} (id) select g from generate_series("
            "(select count(*) + 1 from {orders}), %s) g",
            rows,
        )
        tracemalloc.start()
        assert bench.fetch(since=FOREVER)["records"] == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(sizes) < 200_000
    assert sum(sizes) > 4_000_000
    assert peaks[1] < peaks[0] + 1_000_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("rename channel to sales_channel", "'channel', which is 'sales_channel' of the contract; was it renamed to"),
        ("drop column units", "it has no column 'units', which is 'units_sold' of the contract; is it gone?"),
        ("alter revenue type float8", "'revenue' is double precision, and 'total_revenue' of the contract is decimal"),
        ("alter ordered_on type timestamptz", "'ordered_on' is timestamp with time zone, and 'order_date' of the"),
        ("drop constraint orders_pkey", "it has no unique index on 'id', the key of the contract"),
        ("drop column updated_at", "it has no column 'updated_at', the watermark"),
        ("alter updated_at type timestamp", "the watermark 'updated_at' has no time zone; say in watermark.zone"),
        ("alter updated_at type text", "the watermark 'updated_at' is text; a timestamp with time zone is needed"),
        ("enable row level security", "would be affected by row-level security policy"),
        ("rename to other", "there is no table shop"),
        ("owner to postgres; revoke select on {orders} from {reader}", "a chunk: the reader may not read it"),
    ],
)  # fmt: skip
def test_a_table_that_is_not_as_described_is_refused_before_anything_lands(
    bench: TableBench, change: str, message: str
) -> None:
    bench.shop.order(1)
    bench.shop.run(f"alter table {{orders}} {change}")
    with pytest.raises(SourceFailed) as refused:
        bench.fetch()
    assert message in str(refused.value)
    assert bench.files() == {}
    assert bench.noted()[0] == ("failed", str(refused.value))


def test_all_that_changed_is_said_at_once(bench: TableBench) -> None:
    bench.shop.run("alter table {orders} drop column region, drop column units")
    with pytest.raises(SourceFailed, match=r"'region'.*'units'"):
        bench.fetch()


def test_a_new_column_is_told_and_delivered_is_the_rest(bench: TableBench) -> None:
    bench.shop.run("alter table {orders} add column discount numeric")
    bench.shop.order(1)
    answer = bench.fetch()
    assert answer["status"] == "delivered"
    assert "has columns that the description does not name: 'discount'" in answer["detail"]
    bench.source = dataclasses.replace(bench.source, ignored_columns=("discount",))
    assert "discount" not in bench.fetch()["detail"]


def test_a_table_without_an_index_for_its_changes_is_told(bench: TableBench) -> None:
    bench.shop.run("drop index {schema}.orders_updated_at_idx")
    assert "no index begins with 'updated_at', so each extract reads" in bench.fetch()["detail"]


def test_a_query_that_takes_too_long_is_ended_with_what_to_do(bench: TableBench) -> None:
    bench.shop.order(*range(1, 10))
    describe(bench, statement_seconds=1)
    with bench.shop.transaction() as other:
        other.execute(bench.shop.sql("lock table {orders} in access exclusive mode"))
        with pytest.raises(SourceFailed, match=r"took longer than 1 s and was ended; see to an"):
            bench.fetch()


def test_a_wrong_password_is_one_message(bench: TableBench) -> None:
    bench.secret = bench.shop.secret(password="wrong")
    with pytest.raises(CredentialsRefused, match="renew the secret 'slipway/shop_orders'"):
        bench.fetch()
    bench.secret = bench.shop.secret(dbname="nowhere")
    with pytest.raises(CredentialsRefused, match='database "nowhere" does not exist'):
        bench.fetch()
    bench.secret = json.dumps({"host": "127.0.0.1", "password": "hush"})
    with pytest.raises(SourceFailed, match="must be a JSON object with the texts host, dbname") as refused:  # fmt: skip
        bench.fetch()
    assert "hush" not in str(refused.value)


def test_a_server_that_cannot_be_reached_is_asked_again_and_then_given_up(
    bench: TableBench,
) -> None:
    bench.secret = bench.shop.secret(port=1)
    with pytest.raises(SourceFailed, match=r"gave up after 9 tries in a row; .*127.0.0.1:1 cannot"):
        bench.fetch()
    assert bench.pauses[:3] == [2.0, 4.0, 8.0]


@dataclasses.dataclass
class Interrupted:
    """An open table whose first snapshot ends its own connection after some pieces."""

    inner: Any
    kill: Callable[[], None]

    def low_watermark(self, before: str | None) -> LowWatermark:
        low: LowWatermark = self.inner.low_watermark(before)
        return low

    @contextmanager
    def snapshot(self, since: str | None) -> Iterator[Snapshot]:
        with self.inner.snapshot(since) as snapshot:
            read, kill = snapshot.read, self.kill

            class Cut:
                columns, notes, identity = snapshot.columns, snapshot.notes, snapshot.identity

                def read(self, position: str | None, take: Callable[[bytes], None]) -> Any:
                    piece = read(position, take)
                    kill()
                    return piece

            yield Cut()  # type: ignore[misc]


def test_a_server_that_dies_in_the_middle_is_read_on_once_it_is_back(bench: TableBench) -> None:
    bench.shop.order(*range(1, 351))
    deaths = iter([True, False, True])

    def kill() -> None:
        if next(deaths, False):
            bench.shop.run(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'slipway_reader'"
            )

    def interrupted(inner: AbstractContextManager[OpenTable]) -> AbstractContextManager[OpenTable]:
        @contextmanager
        def opened() -> Iterator[OpenTable]:
            with inner as table:
                yield Interrupted(table, kill)

        return opened()

    bench.wrap = interrupted
    assert bench.fetch()["status"] == "delivered"
    assert bench.totals() == bench.shop.totals()
    assert len(bench.pauses) == 2


def test_since_a_later_moment_nothing_is_skipped_by_the_next_extract(bench: TableBench) -> None:
    bench.shop.order(1)
    bench.fetch()
    bench.shop.order(2)
    bench.fetch(since="2100-01-01T00:00:00.000000Z")
    bench.fetch()
    assert set(bench.merged()) == {"1", "2"}
