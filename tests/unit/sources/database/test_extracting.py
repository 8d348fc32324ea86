"""What an extract reads of a real PostgreSQL while others write to it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.shop_database import Shop, connect
from tests.unit.sources.database.reading import Extracts


@pytest.fixture
def extracts(shop: Shop) -> Extracts:
    return Extracts(shop=shop, source=shop.source())


def read(extracts: Extracts) -> list[int]:
    """Keys of one more extract."""
    return sorted(int(row[6]) for row in extracts.extract())


def test_everything_is_read_first_and_then_what_changed(shop: Shop, extracts: Extracts) -> None:
    shop.order(*range(1, 251))
    assert read(extracts) == list(range(1, 251))
    shop.order(251)
    shop.run("update {orders} set units = 11 where id = 7")
    assert read(extracts) == [7, 251]
    assert extracts.rows["7"][8] == "11"


def test_a_row_that_is_committed_late_is_not_lost(shop: Shop, extracts: Extracts) -> None:
    with shop.transaction() as late:
        shop.order(1001, connection=late)
        shop.order(1002)
        assert read(extracts) == [1002]
        late.commit()
    assert 1001 in read(extracts)


def test_a_transaction_that_has_only_read_so_far_writes_with_the_time_it_began(
    shop: Shop, extracts: Extracts
) -> None:
    with shop.transaction() as late:
        late.execute("select 1")
        shop.order(1)
        read(extracts)
        shop.order(2, connection=late)  # updated_at is now(): before the extract
        late.commit()
    assert 2 in read(extracts)


def test_rows_of_one_moment_that_are_seen_one_after_the_other_are_all_read(
    shop: Shop, extracts: Extracts
) -> None:
    tie = "insert into {orders} (id, updated_at) values (%s, %s)"
    with shop.transaction() as late:
        [(moment,)] = shop.rows("select now()")
        late.execute(shop.sql(tie), (1, moment))
        shop.run(tie, 2, moment)
        assert read(extracts) == [2]
        late.commit()
    assert read(extracts) == [1, 2]


def test_who_commits_between_the_watermark_and_the_snapshot_is_seen_in_the_snapshot(
    shop: Shop, extracts: Extracts
) -> None:
    with shop.transaction() as writer:
        shop.order(1, connection=writer)
        extracts.extract(before_snapshot=writer.commit)
    assert extracts.ids() == {1}


def test_who_begins_between_the_watermark_and_the_snapshot_is_read_next(
    shop: Shop, extracts: Extracts
) -> None:
    with shop.transaction() as writer:
        writer.rollback()

        def begin() -> None:
            writer.execute("begin")
            shop.order(1, connection=writer)

        assert extracts.extract(before_snapshot=begin) == []
        writer.commit()
    assert read(extracts) == [1]


def test_a_prepared_transaction_keeps_the_watermark_until_it_has_ended(
    shop: Shop, extracts: Extracts
) -> None:
    shop.order(1)
    read(extracts)
    with shop.transaction() as late:
        shop.order(2, connection=late)
        late.execute("prepare transaction 'two databases'")
    before = extracts.watermark
    shop.order(3)
    try:
        read(extracts)
        assert extracts.watermark == before
        [note] = extracts.notes
        assert note.startswith("the prepared transaction 'two databases' of 20")
    finally:
        with connect(shop.server) as other:
            other.execute("commit prepared 'two databases'")
    assert read(extracts) == [2, 3]
    assert (extracts.notes, str(extracts.watermark) > str(before)) == ((), True)


def test_a_first_extract_under_a_prepared_transaction_is_followed_by_another_first_one(
    shop: Shop, extracts: Extracts
) -> None:
    with shop.transaction() as late:
        shop.order(1, connection=late)
        late.execute("prepare transaction 'p'")
    assert (read(extracts), extracts.watermark) == ([], None)
    with connect(shop.server) as other:
        other.execute("commit prepared 'p'")
    assert read(extracts) == [1]


def test_chunks_are_of_one_snapshot(shop: Shop, extracts: Extracts) -> None:
    shop.order(*range(1, 301))
    changes = iter(
        [
            "update {orders} set revenue = revenue + 1 where id in (1, 250)",
            "delete from {orders} where id > 290",
        ]
    )

    def change() -> None:
        if query := next(changes, None):
            shop.run(query)

    rows = extracts.extract(between_chunks=change)
    assert len(rows) == 300
    assert sum(Decimal(row[11]) for row in rows) == Decimal("1525.80") * 300


def test_rows_without_a_stamp_are_read_each_time(shop: Shop, extracts: Extracts) -> None:
    shop.run("alter table {orders} alter updated_at drop not null")
    shop.order(*range(1, 6))
    shop.run("alter table {orders} disable trigger touch")
    shop.run("update {orders} set updated_at = null where id in (2, 4)")
    assert read(extracts) == [1, 2, 3, 4, 5]
    shop.order(6)
    assert read(extracts) == [2, 4, 6]


def test_a_reader_that_sees_nobody_else_says_so_and_relies_on_the_overlap(
    shop: Shop, extracts: Extracts
) -> None:
    shop.run("revoke pg_read_all_stats from {reader}")
    try:
        extracts.extract()
    finally:
        shop.run("grant pg_read_all_stats to {reader}")
    [note] = extracts.notes
    assert "may be missed; grant pg_read_all_stats to it" in note


def test_a_connection_that_hides_since_when_it_is_at_work_is_told(
    shop: Shop, extracts: Extracts
) -> None:
    with shop.transaction() as hidden:
        hidden.execute("rollback; set track_activities = off; begin")
        extracts.extract()
    [note] = extracts.notes
    assert note.endswith("may be missed; switch track_activities on for its role")
