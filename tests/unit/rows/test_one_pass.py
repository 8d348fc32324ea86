"""One pass over records, in DuckDB: what leaves it."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from contracts.errors import PermanentError
from contracts.personal_data import token
from rows.columns import DAMAGED
from rows.dialect import INNER_PAD, OUTER_PAD
from rows.duckdb_dialect import DuckDBDialect
from rows.expressions import protection
from rows.expressions.one_pass import OnePass, query
from rows.expressions.raw_text import WITHHELD
from rows.grammar import portable
from tests.unit.rows import golden_texts
from tests.unit.rows.golden_texts import LAYOUT, VISITS

KEY = b"a key that nobody may ever see, at least 32 bytes"
GOOD = ("7", "2/29/2024", "1.2.70 23:59", "Yes", "12.5", "it's x", "+007", "ann@x", "40", "3", None)


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the pads of the key."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TABLE pads ({INNER_PAD} blob, {OUTER_PAD} blob)")
        connection.execute("INSERT INTO pads VALUES (?, ?)", list(protection.pads(KEY)))
        yield connection


def passed(
    database: duckdb.DuckDBPyConnection, *fields: str | None, damaged: str | None = None
) -> dict[str, Any]:
    """What the pass makes of one record."""
    names = (*LAYOUT.field_names, DAMAGED)
    columns = ", ".join(f"{name} varchar" for name in names)
    database.execute(f"CREATE OR REPLACE TABLE raw (n int, {columns})")
    values = [1, *(fields or [None] * len(LAYOUT.columns)), damaged]
    database.execute(f"INSERT INTO raw VALUES ({', '.join('?' for _ in values)})", values)
    erased = [token(KEY, "13")]
    one_pass = OnePass(dialect=DuckDBDialect(), contract=VISITS, layout=LAYOUT, erased=erased)
    found = database.execute(query(one_pass, "raw", ["n"], "pads"))
    names = tuple(column[0] for column in found.description)
    (row,) = found.fetchall()
    return dict(zip(names, row, strict=True))


def but(place: int, text: str | None) -> tuple[str | None, ...]:
    """The good record with another text in one place."""
    return (*GOOD[:place], text, *GOOD[place + 1 :])


def test_a_good_record_leaves_the_pass_typed_protected_and_without_a_verdict(
    database: duckdb.DuckDBPyConnection,
) -> None:
    assert passed(database, *GOOD) == {
        "n": 1, "visit": 7, "day": date(2024, 2, 29), "began": datetime(2070, 2, 1, 23, 59), "is_paid": True,
        "amount": Decimal("12.50"), "note": "it's x", "person": token(KEY, "7"), "mail": "a***", "lacking": None,
        "_origin_row": 3, "_rule_ids": None, "_reasons": None, "_raw_text": None, "_warnings": None,
    }  # fmt: skip


def test_a_broken_record_is_shown_as_written_but_for_personal_data(
    database: duckdb.DuckDBPyConnection,
) -> None:
    row = passed(database, "#x", '2/29/2024 "', "", "", None, "a;\r\nb", '"x"', "", "9", "", None)
    assert row["_rule_ids"] == [
        "visit.type", "day.type", "note.allowed", "note.pattern", "person.type",
    ]  # fmt: skip
    shown = ('"#x"', '"2/29/2024 """', '""', '""', "", '"a;\r\nb"', token(KEY, "x"), "", "", "", "")
    assert row["_raw_text"] == ";".join(shown)
    assert row["_reasons"][0] == "visit: '#x' is not a whole number"


def test_a_damaged_record_and_one_of_an_erased_person_are_withheld(
    database: duckdb.DuckDBPyConnection,
) -> None:
    damaged = passed(database, damaged='1;"2;3"')
    assert damaged["_reasons"] == ["row: 2 fields where the header has 10"]
    erased = passed(database, *but(6, '"13.0"'))
    assert erased["_rule_ids"] == ["subject.erased", "person.type"]
    assert {row["_raw_text"] for row in (damaged, erased)} == {WITHHELD}


def test_a_value_in_a_field_without_a_name_damages_its_record(
    database: duckdb.DuckDBPyConnection,
) -> None:
    assert passed(database, *but(10, " \u00a0"))["_rule_ids"] is None
    row = passed(database, *but(10, "more"))
    assert row["_reasons"] == ["row: 11 fields where the header has 10"]
    assert row["visit"] is None


def test_a_warning_keeps_no_record_out(database: duckdb.DuckDBPyConnection) -> None:
    row = passed(database, *but(4, "0"))
    assert (row["_warnings"], row["_rule_ids"], row["_raw_text"]) == (["paid"], None, None)


def test_the_header_again_is_one_fault(database: duckdb.DuckDBPyConnection) -> None:
    names = (*(f" {name.upper()}" for name in golden_texts.NAMES), "x", None)
    assert passed(database, *names)["_rule_ids"] == ["row.repeated_header"]


@pytest.mark.parametrize("text", ["", "abc", "é😀", "x" * 200])
def test_two_hashes_over_the_pads_are_the_hmac_of_the_standard_library(
    database: duckdb.DuckDBPyConnection, text: str
) -> None:
    sql = DuckDBDialect().token("CAST(? AS varchar)")
    (row,) = database.execute(f"SELECT {sql} FROM pads", [text]).fetchall()
    assert row == (hmac.new(KEY, text.encode(), "sha256").hexdigest(),)


def test_a_key_that_is_too_short_makes_no_tokens() -> None:
    with pytest.raises(PermanentError, match="31 bytes, at least 32") as refused:
        protection.pads(b"guess" + b"x" * 26)
    assert "guess" not in str(refused.value)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (".", "\r", False), (".", "\u2028", False), (".", "\u0085", False), (".", "\u00a0", True), (r"\.", "x", False),
        (r"\s", "\x0b", True), (r"[\sa]", "\x0b", True), (r"\S", "\x0b", False), (r"\s", "\u00a0", False),
        ("[[a]", "[", True), ("[a&&b]", "&", True), ("[]a.]", "]", True), ("[]a.]", "x", False), (r"[\]]", "]", True),
    ],
)  # fmt: skip
def test_a_pattern_means_in_duckdb_what_it_means_in_java(
    pattern: str, text: str, matches: bool
) -> None:
    sql = DuckDBDialect().matches("CAST(? AS varchar)", rf"\A(?:{portable(pattern)})\z")
    assert duckdb.execute(f"SELECT {sql}", [text]).fetchall() == [(matches,)]
