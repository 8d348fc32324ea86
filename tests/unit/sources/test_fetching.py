"""What a fetch asks for and delivers: every way to page, to be let in and to ask for less; and in several calls."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from contracts.errors import PermanentError
from lambdas.fetch_source import landing, service
from sources.errors import SourceFailed
from sources.fetches import FetchLedger, SourceBusy
from sources.model import (
    ApiKey,
    Authentication,
    Basic,
    ByLink,
    ByOffset,
    CsvFormat,
    JsonFormat,
    JsonLinesFormat,
    OnePage,
    Watermark,
)
from tests.source_server import LOOPBACK, TOKEN, Asked, Behaviour, Reply, by_cursor
from tests.unit.lambdas.conftest import Crash, Fuse
from tests.unit.sources.fetching import Bench, line, lines, record

ALL = [record(n) for n in range(1, 6)]
KEY = r"partners/source-sales_api/sales_records/sales_api_20261129T023000-"


def test_a_file_is_delivered_as_the_contract_wants_it_and_says_where_it_came_from(
    bench: Bench,
) -> None:
    answer = bench.fetch()
    assert (answer["status"], answer["records"]) == ("delivered", 5)
    [(key, content)] = bench.delivered().items()
    assert key == answer["detail"]
    assert key.startswith(KEY)
    assert key.endswith(".csv")
    assert content == lines(1, 2, 3, 4, 5)
    metadata = bench.s3.head_object(Bucket="landing", Key=key)["Metadata"]
    assert metadata.pop("fetch-id").startswith("20261129T023000-")
    assert metadata == {
        "source": "sales_api",
        "fetched-from": bench.server.url,
        "fetch-started": "2026-11-29T02:30:00.000000Z",
        "fetch-since": "2010-01-01T00:00:00+00:00",
        "fetch-pages": "3",
        "fetch-records": "5",
    }


def test_requests_say_who_asks_and_what_for(bench: Bench) -> None:
    bench.http(parameters=(("status", "paid"),), headers=(("X-Shop", "north"),))
    bench.fetch()
    first, second, third = bench.server.asked
    assert first.headers["authorization"] == f"Bearer {TOKEN}"
    assert (first.headers["x-shop"], first.headers["user-agent"]) == ("north", "Slipway")
    assert first.headers["host"] == f"{LOOPBACK}:{bench.server.port}"
    always = {"status": "paid", "changed_since": "2010-01-01T00:00:00Z"}
    assert [each.parameters for each in (first, second, third)] == [
        always, {**always, "after": "2"}, {**always, "after": "4"}
    ]  # fmt: skip


def by_link(asked: Asked) -> Reply:
    start = int(asked.parameters.get("from", 1))
    more = start + 2 <= 5
    link = '</v1/other>; rel="prev first", </v1/orders?from=%d&x=%%2C>; title="a"; rel="last next"'
    return Reply(
        {"data": ALL[start - 1 : start + 1], "next": f"?from={start + 2}" if more else None},
        headers={"Link": link % (start + 2)} if more else {},
    )


def by_offset(asked: Asked) -> Reply:
    start, size = int(asked.parameters["skip"]), int(asked.parameters["take"])
    return Reply({"data": ALL[start : start + size]})


def by_page_number(asked: Asked) -> Reply:
    number = int(asked.parameters["page"])
    return Reply({"data": ALL[(number - 1) * 3 : number * 3], "n": {"all": 5}})


def at_once(_asked: Asked) -> Reply:
    return Reply(json.dumps(ALL).encode())


PAGED: dict[str, tuple[Behaviour, dict[str, Any], int]] = {
    "by the header Link": (by_link, {"paging": ByLink(next=None)}, 3),
    "by a link in the answer": (by_link, {"paging": ByLink(next=("next",))}, 3),
    "by offset": (
        by_offset,
        {"paging": ByOffset(parameter="skip", counts="records", first=0, size_parameter="take", size=2)},
        4,
    ),
    "by number of the page, to a total": (
        by_page_number,
        {
            "paging": ByOffset(parameter="page", counts="pages", first=1, size_parameter=None, size=None),
            "format": JsonFormat(records=("data",), total=("n", "all")),
        },
        2,
    ),
    "at once, the list being all": (
        at_once, {"paging": OnePage(), "format": JsonFormat(records=(), total=None)}, 1
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PAGED)
def test_every_way_to_page_gives_every_record_once(bench: Bench, name: str) -> None:
    bench.server.always, changes, requests = PAGED[name]
    bench.http(**{"format": JsonFormat(records=("data",), total=None), **changes})
    bench.fetch()
    assert bench.only() == lines(1, 2, 3, 4, 5)
    assert len(bench.server.asked) == requests


LOGINS: list[tuple[Authentication | None, str, dict[str, str]]] = [
    (None, "", {}),
    (
        Basic(secret="s"),
        '{"username": "me", "password": "p:w"}',
        {"authorization": "Basic bWU6cDp3"},
    ),
    (ApiKey(secret="s", header="X-Key", parameter=None), '{"key": "abc"}', {"x-key": "abc"}),
    (ApiKey(secret="s", header=None, parameter="key"), '{"key": "a&c"}', {"?key": "a&c"}),
]


@pytest.mark.parametrize(("login", "secret", "expected"), LOGINS)
def test_every_way_to_be_let_in(
    bench: Bench, login: Authentication | None, secret: str, expected: dict[str, str]
) -> None:
    bench.server.always, changes, _ = PAGED["at once, the list being all"]
    bench.secret = secret
    bench.http(authentication=login, **changes)
    bench.fetch()
    [asked] = bench.server.asked
    shown = {**asked.headers, **{f"?{name}": value for name, value in asked.parameters.items()}}
    assert expected.items() <= shown.items()
    assert ("authorization" in shown) == ("authorization" in expected)


def test_csv_is_taken_by_its_header_on_every_page(bench: Bench) -> None:
    pages = [
        '\ufeffid;channel;note\n1;Online;"a;b"\n\n2;Offline;\n',
        "channel;note;id\nOnline;x;3\n",
        "id;channel;note\n",
    ]
    fields = (("sales_channel", ("channel",)), ("order_id", ("id",)), ("region", ("where",)))
    bench.source = dataclasses.replace(bench.source, fields=fields, ignored_fields=(("note",),))
    bench.http(
        format=CsvFormat(delimiter=";"),
        paging=ByOffset(parameter="page", counts="pages", first=0, size_parameter=None, size=None),
    )
    bench.server.always = lambda asked: Reply(pages[int(asked.parameters["page"])].encode())
    bench.fetch()
    assert bench.only() == "sales_channel,order_id,region\nOnline,1,\nOffline,2,\nOnline,3,\n"


def test_json_lines_are_records_on_every_page(bench: Bench) -> None:
    pages = [
        json.dumps(ALL[0]) + "\r\n\n" + json.dumps({**ALL[1], "channel": "On\u2028line"}),
        json.dumps(ALL[2]) + "\n",
        "\n",
    ]
    bench.http(
        format=JsonLinesFormat(),
        paging=ByOffset(parameter="page", counts="pages", first=0, size_parameter=None, size=None),
    )
    bench.server.always = lambda asked: Reply(pages[int(asked.parameters["page"])].encode())
    bench.fetch()
    assert bench.only().replace("On\u2028line", "Online") == lines(1, 2, 3)
    assert bench.server.asked[0].headers["accept"] == "application/x-ndjson, application/jsonl"


def test_what_a_value_holds_is_quoted_as_csv_wants_it(bench: Bench) -> None:
    bench.server.always = by_cursor(
        [record(1, channel='say "a, b"', priority="two\nlines", ordered_on=" ")], size=2
    )
    bench.fetch()
    assert '"say ""a, b""","two\nlines", ,1,' in bench.only()


def test_line_breaks_become_spaces_where_the_description_says_so(bench: Bench) -> None:
    bench.source = dataclasses.replace(bench.source, line_breaks="spaces")
    bench.server.always = by_cursor([record(1, channel="a\r\nb\rc\nd")], size=2)
    bench.fetch()
    assert ",a b c d," in bench.only()


def test_unknown_fields_are_left_out_where_the_description_says_so(bench: Bench) -> None:
    bench.source = dataclasses.replace(bench.source, unknown_fields="ignore")
    bench.server.always = by_cursor([record(1, lines=[1], colour="red")], size=2)
    bench.fetch()
    assert bench.only() == lines(1)


def test_the_next_fetch_asks_for_what_changed_since_the_last_one_began_and_for_the_overlap(
    bench: Bench,
) -> None:
    bench.behave(lambda _asked: Reply(status=429, headers={"Retry-After": "900"}))
    bench.fetch()
    bench.moment -= timedelta(seconds=900)  # the first fetch took a quarter of an hour
    bench.fetch()
    bench.fetch(since="2026-11-01T00:00:00+00:00")
    bench.fetch()
    asked = [each.parameters["changed_since"] for each in bench.server.asked[1::3]]
    assert asked == [
        "2010-01-01T00:00:00Z",
        "2026-11-29T00:30:00Z",  # two hours before the first fetch began
        "2026-11-01T00:00:00Z",
        "2026-12-01T00:30:00Z",
    ]


@pytest.mark.parametrize(
    ("form", "expected"),
    [("iso8601", "2026-11-29T02:00:00Z"), ("date", "2026-11-29"), ("epoch_seconds", "1795917600")],
)
def test_a_watermark_is_written_as_the_source_wants_it(
    bench: Bench, form: Any, expected: str
) -> None:
    bench.http(watermark=Watermark(parameter="from", format=form, start=None, overlap_minutes=30))
    bench.fetch()
    bench.fetch()
    assert "from" not in bench.server.asked[0].parameters
    assert bench.server.asked[3].parameters["from"] == expected


def test_a_source_without_a_watermark_cannot_be_asked_since(bench: Bench) -> None:
    bench.http(watermark=None)
    with pytest.raises(PermanentError, match=r"has no watermark, .*; leave out --since"):
        bench.fetch(since="2026-11-01T00:00:00+00:00")


def test_a_list_without_records_delivers_no_file_and_moves_the_watermark(bench: Bench) -> None:
    bench.server.always = by_cursor([], size=2)
    assert bench.fetch()["status"] == "empty"
    assert bench.delivered() == {}
    bench.fetch()
    assert bench.server.asked[1].parameters["changed_since"] == "2026-11-29T00:30:00Z"
    assert [status for status, _ in bench.noted()] == ["empty", "empty"]


def test_what_has_not_changed_is_not_fetched_again(bench: Bench) -> None:
    def behave(asked: Asked) -> Reply:
        if asked.headers.get("if-none-match") == '"v1"':
            assert asked.headers["if-modified-since"] == "Sun, 29 Nov 2026 00:00:00 GMT"
            return Reply(status=304)
        headers = {"ETag": '"v1"', "Last-Modified": "Sun, 29 Nov 2026 00:00:00 GMT"}
        return Reply(json.dumps(ALL).encode(), headers=headers)

    bench.server.always = behave
    bench.http(conditional=True, paging=OnePage(), format=JsonFormat(records=(), total=None))
    assert [bench.fetch()["status"] for _ in range(3)] == ["delivered", "unchanged", "unchanged"]
    assert len(bench.delivered()) == 1


def test_no_more_requests_a_minute_than_the_description_allows(bench: Bench) -> None:
    bench.http(requests_per_minute=2)
    service_ = bench.service()
    waited: list[float] = []
    service_.client.pause = waited.append
    service_.client.monotonic = iter(range(0, 1000, 10)).__next__
    service_.step(service.Request(execution="one", since=None))
    assert waited == [20, 20]  # 10 seconds have passed, a request may be sent every 30


def short_calls() -> Callable[[], float]:
    """Each call has time for one page."""
    left: Iterator[float] = iter([600_000.0, 0.0] * 100)
    return lambda: next(left)


def test_a_long_list_goes_on_in_the_next_call(bench: Bench) -> None:
    bench.millis = short_calls()
    assert bench.fetch()["records"] == 5
    assert bench.waits == [0, 0]
    assert bench.only() == lines(1, 2, 3, 4, 5)
    assert len(bench.server.asked) == 3


def test_a_large_file_is_uploaded_in_parts(bench: Bench) -> None:
    many, long = 5_000, "x" * 2_000  # more than the 8 MiB of a part
    orders = [record(n, customer={"region": long, "country": "Portugal"}) for n in range(many)]
    bench.server.always = by_cursor(orders, size=1_000)
    bench.fetch()
    content = bench.only()
    assert len(content) > landing.PART_BYTES
    assert content.splitlines()[1:] == [line(n).replace("Europe", long) for n in range(many)]


def test_a_list_beyond_what_the_contract_takes_is_refused(bench: Bench) -> None:
    bench.most_bytes = 200
    with pytest.raises(SourceFailed, match=r"more than the 200 bytes that the contract takes"):
        bench.fetch()
    assert bench.delivered() == {}


WRITES = 13  # of three calls with a page each


@pytest.mark.parametrize("writes", range(1, WRITES + 2))
def test_a_call_that_is_killed_after_any_write_loses_nothing_and_delivers_once(
    bench: Bench, writes: int
) -> None:
    bench.millis = short_calls()
    bench.fuse.writes = writes
    crashed = 0
    while True:
        try:
            answer = bench.call("one")
        except Crash:
            crashed += 1
            bench.fuse.writes = None
            bench.millis = short_calls()
            _move_on(bench)
            continue
        if answer["status"] != "more":
            break
    assert crashed == int(writes <= WRITES)
    assert answer["status"] == "delivered"
    contents = bench.versions()
    assert contents == [lines(1, 2, 3, 4, 5)]
    assert bench.call("one") == answer  # asked once more, it does nothing
    assert bench.versions() == contents


def test_a_file_that_intake_has_not_taken_yet_is_not_delivered_again(bench: Bench) -> None:
    bench.fuse.writes = 5  # of one call: the fetch noted and held, the part, its position, the file
    with pytest.raises(Crash):
        bench.call("one")
    assert len(bench.versions()) == 1
    bench.fuse.writes = None
    assert bench.call("one")["status"] == "delivered"
    assert len(bench.versions()) == 1


def _move_on(bench: Bench) -> None:
    """What intake does with what has landed: the object leaves a delete marker."""
    for key in bench.delivered():
        bench.s3.delete_object(Bucket="landing", Key=key)


def test_a_fetch_waits_for_nobody_while_another_is_under_way(bench: Bench) -> None:
    bench.millis = short_calls()
    assert bench.call("one")["status"] == "more"
    assert bench.call("two")["status"] == "busy"
    bench.fetch(execution="one")
    bench.fetch(execution="two")
    assert len(bench.delivered()) == 2


def test_a_fetch_that_nobody_goes_on_with_is_replaced(bench: Bench) -> None:
    bench.millis = short_calls()
    assert bench.call("dead")["status"] == "more"
    bench._pass(3601)
    bench.fetch()
    assert bench.only() == lines(1, 2, 3, 4, 5)
    assert ("failed", "nobody went on with it") in bench.noted()
    assert bench.call("dead")["status"] != "busy"


def test_of_two_calls_at_once_the_second_to_write_loses(bench: Bench) -> None:
    bench.millis = short_calls()
    bench.fuse = Fuse(writes=3, action=lambda: bench.call("one"))
    with pytest.raises(SourceBusy, match=r"another call of source 'sales_api'"):
        bench.call("one")
    bench.fetch(execution="one")
    assert bench.only() == lines(1, 2, 3, 4, 5)


def test_a_failure_of_another_execution_ends_no_fetch(bench: Bench) -> None:
    bench.millis = short_calls()
    bench.call("one")
    assert bench.service().give_up("two", "no") is None
    assert FetchLedger(table=bench.table, source="sales_api").read().fetch is not None
