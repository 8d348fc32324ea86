"""A source that misbehaves: each fetch ends complete, after a retry, or with one clear message, and never with less."""

from __future__ import annotations

import dataclasses
import gzip
import json
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from sources import connection, paging
from sources.errors import CredentialsRefused, ListChanged, SourceFailed
from sources.model import (
    ApiKey,
    ByLink,
    ByOffset,
    ClientCredentials,
    CsvFormat,
    JsonLinesFormat,
    OnePage,
)
from tests.source_server import Asked, Behaviour, Reply, by_cursor
from tests.unit.sources.fetching import Bench, lines, record

ALL = [record(n) for n in range(1, 6)]
WELL = by_cursor(ALL, size=2)


def page(*records: Any, total: int | None = 5, following: Any = None) -> dict[str, Any]:
    return {"data": list(records), "meta": {"total": total, "next": following}}


def answers(body: Any, **named: Any) -> Behaviour:
    return lambda _asked: Reply(body, **named)


def nothing(_asked: Asked) -> None:
    """The connection ends without an answer."""


def spoilt(change: Callable[[Reply], Reply]) -> Behaviour:
    """A good answer, changed."""

    def behave(asked: Asked) -> Reply:
        reply = WELL(asked)
        assert reply is not None
        return change(reply)

    return behave


def packed(reply: Reply, content: bytes) -> Reply:
    return Reply(content, headers={"Content-Encoding": "gzip"}, cut=reply.cut)


# What passes by itself: the fetch is complete, and has asked again.
PASSING: dict[str, Behaviour] = {
    "no answer": nothing,
    "cut in the body": spoilt(lambda reply: Reply(reply.body, cut=40)),
    "cut in a chunk": spoilt(lambda reply: Reply(reply.body, cut=40, chunked=True)),
    "cut in a gzip": spoilt(lambda r: Reply(gzip.compress(r.content)[:-9], headers={"Content-Encoding": "gzip"})),
    "not gzip": answers(b"{}", headers={"Content-Encoding": "gzip"}),
    "429": answers(b"slow down", status=429),
    "500": answers(b"oops", status=500),
    "502": answers(b"", status=502),
    "503": answers(b"", status=503),
    "504": answers(b"", status=504),
    "408": answers(b"", status=408),
}  # fmt: skip


@pytest.mark.parametrize("name", PASSING)
@pytest.mark.parametrize("at", [0, 1])
def test_what_passes_by_itself_is_asked_again(bench: Bench, name: str, at: int) -> None:
    bench.behave(*[WELL] * at, PASSING[name])
    assert bench.fetch()["records"] == 5
    assert bench.only() == lines(1, 2, 3, 4, 5)
    assert len(bench.server.asked) >= 4


def test_what_does_not_pass_ends_after_nine_tries_with_the_last_answer(bench: Bench) -> None:
    bench.server.always = answers(b"oops", status=500)
    with pytest.raises(SourceFailed, match=r"gave up after 9 tries in a row; .*status 500"):
        bench.fetch()
    assert bench.pauses == [2, 4, 8, 16]
    assert bench.waits == [32, 64, 128, 256]  # by the state machine, which costs nothing
    assert bench.delivered() == {}


# What no retry mends: one message, nothing delivered.
REFUSED: dict[str, tuple[Behaviour, str]] = {
    "not found": (answers(b"no such list", status=404), r"page 1: .* status 404: no such list"),
    "a bad request": (answers({"error": "since?"}, status=400), r"status 400: .*since\?"),
    "not JSON": (answers(b"<html>maintenance</html>"), r"page 1 is not JSON"),
    "half a JSON": (answers(b'{"data": [', has_length=False), r"page 1 is not JSON"),
    "not UTF-8": (answers(b'{"data": "\xff"}'), r"page 1 is not UTF-8: byte 10 is 0xff"),
    "no list": (answers({"error": "later"}), r"has nothing at 'data' where the list"),
    "a list elsewhere": (answers([1, 2]), r"the top is a list"),
    "no total": (answers({"data": []}), r"has nothing at 'meta.total'"),
    "a total in words": (answers(page(total="many")), r"one value at 'meta.total' where a total"),  # type: ignore[arg-type]
    "records that are none": (answers(page(1)), r"record 1 is one value where an object"),
    "NaN": (answers(b'{"data": [{"units": NaN}]}'), r"has NaN, which is no number of JSON"),
    "a field twice": (answers(b'{"data": [{"id": 1, "id": 2}]}'), r"two fields 'id'"),
    "depth": (answers(b"[" * 200_000), r"is nested too deeply"),
    "an unknown field": (answers(page(record(1, colour="red"))), r"does not know: 'colour'"),
    "an unknown structure": (answers(page(record(1, lines=[{"sku": 1}]))), r"does not know: 'lines'"),
    "an unknown field below": (
        answers(page(record(1, item={"type": "x", "price": 1, "cost": 1, "vat": 2}))),
        r"does not know: 'item.vat'",
    ),
    "a structure for a value": (answers(page(record(1, units={"n": 1}))), r"'units' is an object; name a value in it"),
    "a value for a structure": (
        answers(page(record(1, item="Snacks"))), r"'item' is one value, so there is no 'item.type'"
    ),
    "half a character": (answers(b'{"data": [{"channel": "\\ud800"}], "meta": {"total": 1}}'), r"lone surrogate"),
    "a carriage return": (answers(page(record(1, channel="On\r\nline"))), r"'channel' has a carriage return"),
    "an unknown encoding": (answers(b"", headers={"Content-Encoding": "br"}), r"in encoding 'br'"),
    "bytes after the gzip": (
        answers(gzip.compress(b"{}") + b"more", headers={"Content-Encoding": "gzip"}),
        r"4 bytes after its gzip",
    ),
    "a redirect elsewhere": (
        answers(b"", status=302, headers={"Location": "http://169.254.169.254/latest/meta-data"}),
        r"leads to http://169.254.169.254:80; only what the description names is asked",
    ),
    "a redirect to another port": (answers(b"", status=307, headers={"Location": "http://127.0.0.1:9/"}), r"leads to http://127.0.0.1:9;"),
    "a redirect in circles": (
        answers(b"", status=301, headers={"Location": "/v1/orders"}), r"redirects more than 3 times"
    ),
    "a wait of a day": (
        answers(b"", status=429, headers={"Retry-After": "86400"}), r"asks to wait 86400 s; at most 3600"
    ),
    "a wait until next year": (
        answers(b"", status=503, headers={"Retry-After": "Fri, 01 Jan 2027 00:00:00 GMT"}),
        r"asks to wait \d{7} s",
    ),
    "an expired token": (answers(b"", status=401), r"refuses the credentials; renew the secret 'slipway/sales_api'"),
    "a forbidden list": (answers(b"", status=403), r"status 403: it refuses the credentials"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_retry_mends_ends_with_one_message_and_no_file(bench: Bench, name: str) -> None:
    bench.server.always, message = REFUSED[name]
    with pytest.raises(SourceFailed, match=message) as refusal:
        bench.fetch()
    assert bench.delivered() == {}
    assert bench.noted() == [("failed", str(refusal.value))]
    assert "\n" not in str(refusal.value)


def test_after_a_failure_the_next_fetch_begins_where_the_failed_one_did(bench: Bench) -> None:
    bench.behave(WELL, answers(b"", status=403))
    with pytest.raises(CredentialsRefused):
        bench.fetch()
    assert bench.fetch()["status"] == "delivered"
    assert bench.only() == lines(1, 2, 3, 4, 5)
    since = [asked.parameters["changed_since"] for asked in bench.server.asked]
    assert set(since) == {"2010-01-01T00:00:00Z"}


@pytest.mark.parametrize("status", [429, 503])
def test_a_source_that_asks_for_patience_is_given_it(bench: Bench, status: int) -> None:
    bench.behave(
        answers(b"", status=status, headers={"Retry-After": "7"}),
        answers(b"", status=status, headers={"Retry-After": "900"}),
        answers(b"", status=status, headers={"Retry-After": "soon"}),
    )
    assert bench.fetch()["records"] == 5
    assert bench.pauses == [7, 8]  # the last by our own measure: the third failure in a row
    assert bench.waits == [900]


def test_endless_pages_by_cursor_end(bench: Bench) -> None:
    bench.server.always = lambda asked: Reply(
        page(record(1), total=None, following=str(int(asked.parameters.get("after", 0)) + 1))
    )
    bench.http(format=_without_total(bench))
    with pytest.raises(SourceFailed, match=r"page 2 repeats page 1: .* would never end"):
        bench.fetch()


def test_a_circle_of_many_pages_ends(bench: Bench) -> None:
    bench.server.always = lambda asked: Reply(
        page(
            record(int(asked.parameters.get("after", 0))),
            following=str((int(asked.parameters.get("after", 0)) + 1) % 23),
        )
    )
    bench.http(format=_without_total(bench))
    with pytest.raises(SourceFailed, match=r"page 55 repeats page 32"):
        bench.fetch()


def test_empty_pages_that_never_end_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_PAGES", 40)
    bench.http(format=_without_total(bench))
    bench.server.always = lambda asked: Reply(
        page(following=str(int(asked.parameters.get("after", 0)) + 1))
    )
    with pytest.raises(SourceFailed, match=r"more than 40 pages"):
        bench.fetch()


def test_a_cursor_that_stands_still_ends(bench: Bench) -> None:
    bench.http(format=_without_total(bench))
    bench.behave(answers(page(record(1), following="a")), answers(page(record(2), following="a")))
    with pytest.raises(SourceFailed, match=r"page 2 gives its own cursor 'a'"):
        bench.fetch()


def test_an_offset_that_the_source_ignores_ends(bench: Bench) -> None:
    bench.http(
        format=_without_total(bench),
        paging=ByOffset(
            parameter="offset", counts="records", first=0, size_parameter=None, size=None
        ),
    )
    bench.server.always = answers({"data": ALL})
    with pytest.raises(SourceFailed, match=r"page 2 repeats page 1"):
        bench.fetch()


def test_a_list_that_grows_while_it_is_paged_is_fetched_anew(bench: Bench) -> None:
    bench.behave(WELL)
    bench.server.always = by_cursor([*ALL, record(6)], size=2)
    assert bench.fetch()["records"] == 6
    assert bench.only() == lines(1, 2, 3, 4, 5, 6)
    assert bench.waits == [60]


def test_a_wrong_total_ends_after_three_attempts(bench: Bench) -> None:
    bench.server.always = answers(page(record(1), total=2))
    with pytest.raises(ListChanged, match=r"said 2 records and gave 1, in 3 attempts"):
        bench.fetch()
    assert len(bench.server.asked) == 3


def test_a_page_that_is_missing_once_is_made_good(bench: Bench) -> None:
    bench.behave(WELL, answers(page(following="4")))
    assert bench.fetch()["records"] == 5
    assert bench.only() == lines(1, 2, 3, 4, 5)


def test_a_gzip_bomb_is_not_unpacked(bench: Bench) -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    content = bomb.compress(b" " * (64 * 1024 * 1024)) + bomb.flush()
    assert len(content) < 70_000
    bench.server.always = answers(content, headers={"Content-Encoding": "gzip"})
    with pytest.raises(SourceFailed, match=r"more than 16777216 bytes; ask for smaller pages"):
        bench.fetch()


def test_gzip_is_read(bench: Bench) -> None:
    bench.server.always = spoilt(lambda reply: packed(reply, gzip.compress(reply.content)))
    assert bench.fetch()["records"] == 5


def test_numbers_stay_the_text_that_the_source_wrote(bench: Bench) -> None:
    huge = "9" * 6000
    content = json.dumps(page(record(1), total=1)).replace("152.58", "0.10").replace("974.4", huge)
    content = content.replace("551.4", "-1E+2").replace("1525.8", "12345678901234567890.10")
    bench.server.always = answers(content.encode())
    bench.fetch()
    row = bench.only().splitlines()[1].split(",")
    assert row[9:] == ["0.10", "97.44", "12345678901234567890.10", huge, "-1E+2"]


def test_what_a_record_lacks_is_empty_and_nothing_else_is_changed(bench: Bench) -> None:
    bench.server.always = answers(
        page(record(1, channel=None, customer=None, priority=True, units="", item={}), total=1)
    )
    bench.fetch()
    assert bench.only().splitlines()[1] == ",,,,true,5/17/2012,1,6/3/2012,,,,1525.8,974.4,551.4"


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "fe80::1", "fc00::1", "fd00:ec2::254", "::", "ff02::1"),
        *("::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"),
    ],
)
@pytest.mark.parametrize("loopback", [True, False])
def test_no_private_address_is_asked(address: str, loopback: bool) -> None:
    asked = connection.Connection(
        origin=connection.origin_of("https://api.example.com/"),
        loopback=loopback,
        resolve=lambda *_a, **_n: [
            (0, 0, 0, "", ("93.184.215.14", 443)),
            (0, 0, 0, "", (address, 443)),
        ],
    )
    with pytest.raises(SourceFailed, match=r"^'api.example.com' is at .*; only public addresses"):
        asked.request("GET", "https://api.example.com/", {})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_for_the_embedded_aws_alone(bench: Bench, host: str) -> None:
    bench.loopback = False
    bench.url = bench.server.url.replace("127.0.0.1", host)
    with pytest.raises(SourceFailed, match=r"is this machine's own; only public addresses"):
        bench.fetch()
    assert bench.server.asked == []


def test_the_next_page_on_another_host_is_not_asked(bench: Bench) -> None:
    bench.http(paging=ByLink(next=("meta", "next")))
    bench.server.always = answers(page(record(1), following="https://evil.example/?after=2"))
    with pytest.raises(SourceFailed, match=r"leads to https://evil.example:443; only what"):
        bench.fetch()


def test_a_token_that_expires_half_way_is_fetched_anew(bench: Bench) -> None:
    login = ClientCredentials(secret="slipway/sales_api", token_url="/token", scope="orders")
    bench.http(authentication=login)
    bench.secret = json.dumps({"client_id": "me", "client_secret": "s3:cret"})
    tokens = iter(["first", "second", "third"])
    valid: list[str] = []

    def behave(asked: Asked) -> Reply:
        if asked.path == "/token":
            valid[:] = [next(tokens)]
            return Reply({"access_token": valid[0], "expires_in": 60})
        reply = by_cursor(ALL, size=2, token=valid[0])(asked)
        assert reply is not None
        if asked.parameters.get("after") == "2":
            valid[:] = ["none"] if valid == ["first"] else valid
            return by_cursor(ALL, size=2, token=valid[0])(asked) or reply
        return reply

    bench.server.always = behave
    assert bench.fetch()["records"] == 5
    assert bench.only() == lines(1, 2, 3, 4, 5)
    [first, *_] = bench.server.asked
    assert first.body == b"grant_type=client_credentials&scope=orders"
    assert first.headers["authorization"] == "Basic bWU6czMlM0FjcmV0"  # me:s3%3Acret


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"error": "invalid_client"}, 401, "token URL refuses the credentials with status 401"),
        ({"token": "x"}, 200, "without an access_token"),
        (b"hello", 200, "without an access_token"),
        ({"access_token": "a\nb"}, 200, "characters that no header may have"),
    ],
)
def test_a_token_url_that_gives_no_token(
    bench: Bench, body: Any, status: int, message: str
) -> None:
    login = ClientCredentials(secret="slipway/sales_api", token_url="/token", scope=None)
    bench.http(authentication=login)
    bench.secret = json.dumps({"client_id": "me", "client_secret": "s3cret"})
    bench.server.always = answers(body, status=status)
    with pytest.raises(SourceFailed, match=message):
        bench.fetch()


@pytest.mark.parametrize(
    "secret", ["", "a token", "[]", '{"Token": "x"}', '{"token": 5}', '{"token": ""}']
)
def test_a_secret_without_its_field_is_named_and_not_shown(bench: Bench, secret: str) -> None:
    bench.secret = secret
    with pytest.raises(SourceFailed, match=r"has no text 'token'; it must be a JSON object") as no:
        bench.fetch()
    assert no.value.__cause__ is None
    assert "a token" not in str(no.value)


@pytest.mark.parametrize(
    ("body", "has_length", "message"),
    [
        (json.dumps(ALL[0]) + "\n", False, "page 1 is JSON lines without a length: whether it is"),
        (json.dumps(ALL[0]) + '\n{"id": 2', True, "page 1 line 2 is not JSON: "),
        (json.dumps(ALL[0]) + json.dumps(ALL[1]), True, "page 1 line 1 is not JSON: Extra data"),
        (json.dumps(ALL[:2]), True, "page 1 record 1 is a list where an object was expected"),
        ("[" * 100_000, True, "page 1 line 1 is nested too deeply"),
    ],
)
def test_json_lines_that_are_not_whole_are_refused(
    bench: Bench, body: str, has_length: bool, message: str
) -> None:
    bench.http(format=JsonLinesFormat(), paging=OnePage())
    bench.server.always = answers(body.encode(), has_length=has_length)
    with pytest.raises(SourceFailed, match=message):
        bench.fetch()
    assert bench.delivered() == {}


def test_csv_that_may_be_cut_is_refused(bench: Bench) -> None:
    bench.http(format=CsvFormat(delimiter=","), paging=OnePage())
    bench.server.always = answers(b"id\n1\n", has_length=False)
    with pytest.raises(SourceFailed, match=r"is CSV without a length: whether it is whole"):
        bench.fetch()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "is empty; a header was expected"),
        (b"id,id\n1,1\n", "more than one column 'id'"),
        (b"id,colour\n1,red\n", "header has fields that the description does not know: 'colour'"),
        (b"id,channel\n1\n", "record 1 has 1 fields where the header has 2"),
        (b'id,channel\n1,"On\n', "is not CSV"),
    ],
)
def test_csv_that_is_broken_is_refused(bench: Bench, body: bytes, message: str) -> None:
    bench.http(format=CsvFormat(delimiter=","), paging=OnePage())
    bench.server.always = answers(body)
    with pytest.raises(SourceFailed, match=message):
        bench.fetch()


def test_a_key_in_the_url_is_in_no_message(bench: Bench) -> None:
    bench.http(authentication=ApiKey(secret="slipway/x", header=None, parameter="key"))
    bench.secret = json.dumps({"key": "very-secret"})
    for status in (500, 404, 403, 302):
        bench.server.always = answers(b"", status=status, headers={"Location": "http://a.b/c"})
        with pytest.raises(SourceFailed) as no:
            bench.fetch()
        assert "very-secret" not in str(no.value)
    assert bench.server.asked[0].parameters["key"] == "very-secret"


def test_where_records_hold_personal_data_no_answer_is_quoted(bench: Bench) -> None:
    bench.shows_answers = False
    bench.server.always = answers({"error": "no customer Jane Doe"}, status=404)
    with pytest.raises(SourceFailed, match=r"status 404; what it said is not shown, because") as no:
        bench.fetch()
    assert "Jane" not in str(no.value)


def test_an_answer_that_drips_is_ended(bench: Bench) -> None:
    def slow(asked: Asked) -> Reply | None:
        time.sleep(0.5)
        return WELL(asked)

    bench.server.always = slow
    asked = connection.Connection(
        origin=connection.origin_of(bench.server.url),
        loopback=True,
        limits=connection.Limits(request_seconds=0.1),
    )
    with pytest.raises(connection.TryLater, match=r"took more than 0.1 s for one answer"):
        asked.request("GET", bench.server.url, {})


def _without_total(bench: Bench) -> Any:
    return dataclasses.replace(bench.source.http.format, total=None)  # type: ignore[type-var]
