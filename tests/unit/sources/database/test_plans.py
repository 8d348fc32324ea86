"""A plan says what the next extract will do, reads no row and writes nothing; an extract can be held to it."""

from __future__ import annotations

import dataclasses
import json

import pytest

from contracts.errors import PermanentError
from lambdas.fetch_source.service import Request
from sources import model
from sources.errors import SourceFailed
from sources.plans import Plan, plan_of
from tests.unit.sources.database.fetching import TableBench

HOUR = "2026-11-29T22:00:00.000000Z"


def planned(bench: TableBench, since: str | None = None) -> Plan:
    return bench.service().plan(Request(execution="plan", since=since))


def held_to(bench: TableBench, seal: str, name: str) -> dict[str, object]:
    """One fetch that must follow a plan."""
    service = bench.service()
    try:
        return service.step(Request(execution=name, since=None, plan=seal))
    except SourceFailed as error:
        service.give_up(name, str(error))
        raise


def described(bench: TableBench, **changes: object) -> None:
    """The source with another description from now on."""
    postgres = dataclasses.replace(bench.source.postgres, **changes)  # type: ignore[arg-type]
    bench.source = dataclasses.replace(bench.source, postgres=postgres)


def test_a_first_extract_reads_everything_in_as_many_chunks_as_the_rows_need(
    bench: TableBench,
) -> None:
    bench.shop.order(*range(1, 251))
    bench.shop.run("analyze {orders}")
    plan = planned(bench)
    assert (plan.since, plan.chunk_rows, plan.statement_seconds) == (None, 100, 10)
    outlook = plan.outlook
    assert (outlook.refusals, outlook.additions) == ((), ())
    assert (outlook.table_rows, outlook.table_bytes > 0) == (250, True)
    [part] = outlook.parts
    assert (part.part, part.rows, part.chunks) == ("all", 250, 3)
    assert part.row_bytes > 0
    assert ("order_id", "id", "bigint") in outlook.columns


def test_the_queries_are_those_that_the_extract_sends(bench: TableBench) -> None:
    bench.shop.order(*range(1, 4))
    [part] = planned(bench).outlook.parts
    purposes = {query.purpose: query.text for query in part.queries}
    [(count, *_)] = bench.shop.connection.execute(purposes["rows and totals of a chunk"]).fetchall()  # type: ignore[call-overload]
    assert count == 3
    style = purposes["how dates are written"].replace("true)", "false)")
    bench.shop.connection.execute(style)  # type: ignore[call-overload]
    with (
        bench.shop.connection.cursor() as cursor,
        cursor.copy(purposes["the rows themselves"]) as rows,
    ):
        lines = b"".join(bytes(block) for block in rows).decode().splitlines()
    bench.fetch()
    [records] = bench.files().values()
    assert [list(record.values()) for record in records] == [line.split(",") for line in lines]


def test_a_plan_leaves_no_trace(bench: TableBench) -> None:
    bench.shop.order(1, 2)
    bench.fetch()
    before, files = bench.table.scan()["Items"], bench.files()
    bench.shop.order(3)
    planned(bench)
    assert bench.table.scan()["Items"] == before
    assert bench.files() == files
    assert bench.fetch()["records"] == 1


def test_after_an_extract_only_changes_are_planned_and_rows_without_a_stamp(
    bench: TableBench,
) -> None:
    bench.shop.order(1, 2)
    bench.fetch()
    bench.shop.run("alter table {orders} alter updated_at drop not null")
    plan = planned(bench)
    assert plan.since is not None
    assert [part.part for part in plan.outlook.parts] == ["changed", "unstamped"]
    assert "updated_at" in plan.outlook.parts[0].queries[0].text
    assert planned(bench, HOUR).since == HOUR


def test_a_seal_changes_with_what_is_read_and_not_with_how_much_there_is(bench: TableBench) -> None:
    bench.shop.order(1)
    first = planned(bench).seal
    bench.shop.order(*range(2, 300))
    bench.shop.run("analyze {orders}")
    assert planned(bench).seal == first
    described(bench, chunk_rows=7)
    assert planned(bench).seal != first
    described(bench, chunk_rows=100, statement_seconds=9)
    assert planned(bench).seal != first
    described(bench, statement_seconds=10)
    assert planned(bench).seal == first
    bench.shop.run("alter table {orders} alter region type varchar(90)")
    assert planned(bench).seal != first
    bench.shop.run("alter table {orders} alter region type text")
    bench.fetch()  # the watermark moves
    assert planned(bench).seal != first


def test_a_seal_survives_json_and_is_not_believed(bench: TableBench) -> None:
    bench.shop.order(1)
    plan = planned(bench)
    written = json.loads(json.dumps(plan.to_json()))
    assert written["seal"] == plan.seal
    assert plan_of(written) == plan
    assert plan_of({**written, "seal": "0", "chunk_rows": 1}).seal not in ("0", plan.seal)


def test_an_extract_that_is_held_to_a_plan_follows_it_or_reads_nothing(bench: TableBench) -> None:
    bench.shop.order(1, 2)
    seal = planned(bench).seal
    assert held_to(bench, seal, "e-held")["records"] == 2
    stale = planned(bench).seal
    bench.shop.run("alter table {orders} add column gift boolean")
    bench.shop.order(3)
    files = bench.files()
    with pytest.raises(
        SourceFailed, match=rf"plan {stale} is not what would be read now"
    ) as refusal:
        held_to(bench, stale, "e-stale")
    assert "slipway source plan shop_orders" in str(refusal.value)
    assert bench.files() == files
    assert held_to(bench, planned(bench).seal, "e-again")["records"] == 1


def test_changes_of_the_table_are_breaking_or_safe_as_the_extract_takes_them(
    bench: TableBench,
) -> None:
    bench.shop.run("alter table {orders} add column gift boolean")
    outlook = planned(bench).outlook
    assert outlook.refusals == ()
    assert "'gift'" in outlook.additions[0]
    assert outlook.parts
    bench.shop.run("alter table {orders} rename channel to sales_channel")
    bench.shop.run("alter table {orders} alter units type double precision")
    outlook = planned(bench).outlook
    assert any("was it renamed to 'sales_channel'?" in text for text in outlook.refusals)
    assert any("'units' is double precision" in text for text in outlook.refusals)
    assert (outlook.parts, outlook.key_queries) == ((), ())
    with pytest.raises(SourceFailed) as refusal:
        bench.fetch()
    assert all(text in str(refusal.value) for text in outlook.refusals)


def test_the_comparison_of_keys_is_part_of_the_plan(bench: TableBench) -> None:
    assert planned(bench).most_deleted_share is None
    described(bench, max_deleted_share=0.25)
    bench.shop.order(1, 2, 3)
    first = planned(bench)
    assert (first.most_deleted_share, first.known_keys) == (0.25, None)
    [keys] = first.outlook.key_queries
    assert 'select "id" from' in keys.text
    bench.fetch()
    later = planned(bench)
    assert later.known_keys == 3
    assert later.known_keys_of
    assert later.seal != first.seal


def test_a_prepared_view_of_what_others_do_is_told(bench: TableBench) -> None:
    bench.shop.order(1)
    with bench.shop.transaction() as late:
        bench.shop.order(2, connection=late)
        held = planned(bench).outlook.next_watermark
    assert held is not None
    assert held < (planned(bench).outlook.next_watermark or "")


def test_a_source_that_is_no_table_has_no_plan(bench: TableBench) -> None:
    service = bench.service()
    around = dataclasses.replace(service.around, source=model.load("sales_api"))
    with pytest.raises(PermanentError, match="is no table of a database, so it has no plan"):
        dataclasses.replace(service, around=around).plan(Request(execution="plan", since=None))
