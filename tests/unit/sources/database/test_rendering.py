"""Values of every type as a file has them, and pairs of types that could lose something."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterator

import pytest
from psycopg import sql

from contracts import model
from contracts.model import Column
from rows import grammar
from sources.database.rendering import TableColumn, date_style, mismatch, rendered
from sources.database.sessions import Session, connected, login_of
from sources.model import LineBreaks
from tests.shop_database import Shop

SALES = model.load("sales_records")


@pytest.fixture
def session(shop: Shop) -> Iterator[Session]:
    """Settings are those of an extract."""
    with connected(shop.source(), login_of(shop.secret(), secret="s"), needs_tls=False) as made:
        yield made


def column(type_: str, format_: str | None = None) -> Column:
    return dataclasses.replace(SALES.column("region"), type=type_, format=format_)


def given(type_: str, shown: str = "", digits: int = 6) -> TableColumn:
    return TableColumn(name="v", type=type_, shown=shown or type_, not_null=False, digits=digits)


UUID = "6f9619ff-8b86-d011-b42d-00cf4fc964ff"
SECONDS = column("timestamp", "yyyy-MM-dd HH:mm:ss")
MILLIS = column("timestamp", "M/d/yyyy H:m:s.SSS")
MICROS = column("timestamp", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS")
INSTANT = given("timestamptz", digits=0)


def written(
    session: Session, value: str, target: Column, source: TableColumn, breaks: LineBreaks = "keep"
) -> str | None:
    """What becomes of a literal of SQL."""
    style = date_style([(target, source)])
    query = sql.SQL("copy (select {} from (select {} as v) t) to stdout with (format csv)").format(
        rendered(target, source, breaks, style),
        sql.SQL(value),  # type: ignore[arg-type]  # literals of this file
    )
    content = bytearray()
    session.run("begin")
    session.set_local("datestyle", style)
    session.copy(query, content.extend)
    session.run("rollback")
    line = content.decode().removesuffix("\n")
    if not line:
        return None
    [[text]] = csv.reader([line] if "\n" not in line else line.splitlines(keepends=True))
    return text


@pytest.mark.parametrize(
    ("value", "target", "source", "text"),
    [
        ("1234567890123456789.10::numeric(38,2)", column("decimal(38,2)"), given("numeric"), "1234567890123456789.10"),
        ("0.00000001::numeric", column("decimal(18,8)"), given("numeric"), "0.00000001"),
        ("'-0.50'::numeric", column("decimal(14,2)"), given("numeric"), "-0.50"),
        ("7::int2", column("decimal(14,2)"), given("int2"), "7"),
        ("(-9223372036854775808)::int8", column("bigint"), given("int8"), "-9223372036854775808"),
        ("true", column("boolean"), given("bool"), "true"),
        ("null::bool", column("boolean"), given("bool"), None),
        ("''::text", column("string"), given("text"), ""),
        ("null::text", column("string"), given("text"), None),
        ("'a'::char(3)", column("string"), given("bpchar"), "a"),
        ("0.1::float8", column("string"), given("float8"), "0.1"),
        (f"'{UUID}'::uuid", column("string"), given("uuid"), UUID),
        ("'{\"a\": 1.50}'::json", column("string"), given("json"), '{"a": 1.50}'),
        ("'2024-02-29'::date", column("date", "M/d/yyyy"), given("date"), "02/29/2024"),
        ("'2024-02-09'::date", column("date", "dd.MM.yyyy"), given("date"), "09.02.2024"),
        ("'2024-02-09'::date", column("date", "yyyyMMdd"), given("date"), "20240209"),
        ("'0999-12-31'::date", column("date", "yyyy-MM-dd"), given("date"), "0999-12-31"),
        ("'infinity'::date", column("date", "yyyy-MM-dd"), given("date"), "infinity"),
        ("'0044-03-15 BC'::date", column("date", "yyyy-MM-dd"), given("date"), "0044-03-15 BC"),
        ("null::date", column("date", "yyyy-MM-dd"), given("date"), None),
        ("'2024-07-01 00:30:00+02'::timestamptz", SECONDS, INSTANT, "2024-06-30 22:30:00"),
        ("'2024-07-01 13:05:07.000001+00'::timestamptz", MICROS, given("timestamptz"), "2024-07-01T13:05:07.000001"),
        ("'2024-07-01 03:05:07.25'::timestamp", MILLIS, given("timestamp", digits=3), "7/1/2024 3:5:7.250"),
        ("'-infinity'::timestamptz", SECONDS, INSTANT, "-infinity"),
        (r"E'a\r\nb\nc'", column("string"), given("text"), "a\r\nb\nc"),
    ],
)  # fmt: skip
def test_a_value_is_written_exactly(
    session: Session, value: str, target: Column, source: TableColumn, text: str | None
) -> None:
    assert mismatch(target, source) is None
    assert written(session, value, target, source) == text
    shape = grammar.shape(target)
    reads = text is None or shape is None or grammar.fits(shape, text)
    assert reads is not any(odd in str(text) for odd in ("infinity", "BC"))


def test_line_breaks_become_spaces_in_texts_only(session: Session) -> None:
    assert written(session, r"E'a\r\nb\rc\nd'", column("string"), given("text"), "spaces") == "a b c d"  # fmt: skip
    assert written(session, "5::int4", column("string"), given("int4"), "spaces") == "5"


@pytest.mark.parametrize(
    ("target", "source", "why"),
    [
        (column("decimal(14,2)"), given("float8", "double precision"), "'v' is double precision, and 'region' of"),
        (column("decimal(14,2)"), given("money"), "'v' is money, and 'region' of the contract is decimal(14,2)"),
        (column("bigint"), given("text"), "'v' is text, and 'region' of the contract is bigint"),
        (column("boolean"), given("int4", "integer"), "'v' is integer, and 'region' of the contract is boolean"),
        (column("string"), given("bytea"), "'v' is bytea, and 'region' of the contract is string"),
        (column("string"), given("_text", "text[]"), "'v' is text[], and 'region' of the contract is string"),
        (column("date", "yyyy-MM-dd"), given("timestamptz"), "'v' is timestamptz, and 'region' of the contract"),
        (column("date", "M/d/yy"), given("date"), "'yy' of it cannot be written exactly; write years as yyyy"),
        (column("timestamp", "yyyy-MM-dd HH:mm:ss"), given("timestamptz"), "keeps 6 digits of a second, and the"),
        (column("timestamp", "HH:mm:ss.SSS yyyy-MM-dd"), given("timestamp"), "has 3; end it with .SSSSSS"),
    ],
)  # fmt: skip
def test_types_that_could_lose_something_are_refused(
    target: Column, source: TableColumn, why: str
) -> None:
    assert why in str(mismatch(target, source))
