"""What one pass over a file finds, and where it says that a file is bad."""

from __future__ import annotations

import gzip
import hashlib
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import pytest

from contracts import model, records
from contracts.errors import FileRejected
from lambdas.intake import inspection
from lambdas.intake.headers import HeaderRule
from lambdas.intake.inspection import Inspection, inspect

COLUMNS = ("Region", "Item Type", "Order ID")
GOOD = b"Region,Item Type,Order ID\nAsia,Snacks,1\n"


@pytest.fixture
def small(contract: model.Contract) -> model.Contract:
    column = contract.columns[0]
    intake = replace(contract.intake, ignored_headers=("Internal Note",), max_bytes=10_000)
    return replace(
        contract,
        intake=intake,
        columns=tuple(replace(column, name=name, source_name=name) for name in COLUMNS),
    )


def pieces(body: bytes, size: int) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


def look(body: bytes, contract: model.Contract, *, gzipped: bool = False) -> Inspection:
    """The finding, which must not depend on where the stream is cut."""
    findings = [
        inspect(pieces(body, size), HeaderRule(contract=contract, change="evolve"), gzipped=gzipped)
        for size in (1, 2, 7, 1_000_000)
    ]
    assert len(set(findings)) == 1
    return findings[0]


def refusal(body: bytes, contract: model.Contract, *, gzipped: bool = False) -> FileRejected:
    found = set()
    for size in (2, 3, 1_000_000):
        with pytest.raises(FileRejected) as caught:
            inspect(
                pieces(body, size), HeaderRule(contract=contract, change="evolve"), gzipped=gzipped
            )
        found.add((caught.value.reason, caught.value.detail))
    assert len(found) == 1, found
    return caught.value


def test_a_good_file_gives_hash_size_count_and_header(small: model.Contract) -> None:
    found = look(GOOD, small)
    assert found == Inspection(
        sha256=hashlib.sha256(GOOD).hexdigest(),
        size_bytes=len(GOOD),
        row_count=1,
        header=COLUMNS,
        spans_lines=False,
    )


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ("a,b,1\nc,d,2", 2),  # no line break at the end
        ("\n\na,b,1\r\n\r\n   \nc,d,2\n\t\n", 2),  # blank lines do not count
        ('"a, ""x""",b,1\nc,d,2\n', 2),
        ("a,b,1\rc,d,2\r", 2),  # old Macintosh line ends
        ("a,b,x\ry\nc,d,2\n", 3),  # as Spark's line reader splits it
        ('a,b,1\n""\nc,d,2\n', 3),  # a record of one empty value is a record, if a bad one
        ("a,b\u2028c,1\na\u0085,b,2\n", 2),  # these break no line
        ("ragged\na,b,c,d,e\n", 2),  # the number of fields is for the rules to judge
    ],
)
def test_records_are_counted_as_spark_reads_them(
    small: model.Contract, rows: str, count: int
) -> None:
    found = look(b"Region,Item Type,Order ID\n" + rows.encode(), small)
    assert (found.row_count, found.spans_lines) == (count, False)


@pytest.mark.parametrize(
    "body",
    [
        'Region,Item Type,Order ID\n"a\nb",x,1\n',
        'Region,Item Type,Order ID\r\n"a\nb",x,1\r\n',  # what Excel writes
        'Region,Item Type,Order ID\n"a\rb",x,1\n',
        'Region,Item Type,"Order\nID"\na,b,1\n',
    ],
)
def test_a_value_that_spans_lines_is_noticed_and_is_one_record(
    small: model.Contract, body: str
) -> None:
    found = look(body.encode(), small)
    assert (found.row_count, found.spans_lines) == (1, True)


@pytest.mark.parametrize(
    ("tail", "line"),
    [("a,b,1\r\n", "line 4"), ("   \na,b,1\n", "line 4"), ("a,b,x\ry\n", "line 4")],
)
def test_spanning_values_beside_lines_that_parsers_split_differently_are_refused(
    small: model.Contract, tail: str, line: str
) -> None:
    why = refusal(b'Region,Item Type,Order ID\n"a\nb",x,1\n' + tail.encode(), small)
    assert why.reason == "malformed_csv"
    assert line in why.detail


@pytest.mark.parametrize(
    "header",
    [
        "Region,Item Type,Order ID",
        "order_id,REGION,item-type",
        "\ufeffRegion,Item Type,Order ID",
        '\ufeff"Region","Item Type","Order ID"',
        "Region,Item Type,Order ID,Internal Note",
    ],
)
def test_header_variants_are_the_same_header(small: model.Contract, header: str) -> None:
    found = look(f"{header}\na,b,1,x\n".encode(), small)
    assert not found.header[0].startswith(("\ufeff", '"'))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("sep=;", "the first line is Excel's `sep=`: remove it"),
        ("SEP=,", "the first line is Excel's `sep=`: remove it"),
        (
            "Region;Item Type;Order ID",
            "separated by semicolons, the contract says commas: save it with commas",
        ),
        ("Region\tItem Type\tOrder ID\tNote", "separated by tabs"),
        ("Asia,Snacks,1", "the first line looks like a record: put a line with the names"),
        ("<html><body>", "it begins like HTML or XML"),
        ("[{'Region': 1}", "it begins like JSON"),
    ],
)
def test_what_stands_in_the_place_of_a_header_is_named(
    small: model.Contract, line: str, told: str
) -> None:
    why = refusal(f"{line}\na,b,1\n".encode(), small)
    assert why.reason == "header_mismatch"
    assert told in why.detail


@pytest.mark.parametrize(
    "line", ["Region,Item Type,Number 7", "Region,Item Type,2024", "Colour,Size,Shape"]
)
def test_a_header_of_other_names_is_taken_for_nothing_else(
    small: model.Contract, line: str
) -> None:
    detail = refusal(f"{line}\na,b,1\n".encode(), small).detail
    assert "looks like" not in detail
    assert "begins like" not in detail
    assert "separated" not in detail


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            "Région,Item Type".encode("cp1252"),
            "Windows-1252, where this byte is 'é'; save it as CSV UTF-8",
        ),
        ("Region,5 \u20ac".encode("cp1252"), "Windows-1252, where this byte is '\u20ac'"),
        (b"PAR1\x15\x04\x15\xe9a", "it begins like a Parquet file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1x", "an Excel or Word file of before 2007"),
        (b"%PDF-1.7 \xe2\xe3\xcf\xd3", "it begins like a PDF"),
    ],
)
def test_bytes_that_are_no_utf8_are_explained(
    small: model.Contract, body: bytes, told: str
) -> None:
    assert told in refusal(body, small).detail


@pytest.mark.parametrize("body", [b"\x01\x02\x03\xe9abc", b"abc\x8d", GOOD + b"\xe2\x82"])
def test_bytes_that_are_no_text_of_windows_are_not_called_one(
    small: model.Contract, body: bytes
) -> None:
    assert "Windows" not in refusal(body, small).detail


def test_a_wrong_header_names_everything_that_is_wrong_at_once(small: model.Contract) -> None:
    why = refusal(b"Region,region,Colour,Size\na,b,c,d\n", small)
    assert why.reason == "header_mismatch"
    assert "missing: 'Item Type', 'Order ID'" in why.detail
    assert "unknown: 'Colour', 'Size'" in why.detail
    assert "repeated: 'Region', 'region'" in why.detail


@pytest.mark.parametrize(
    ("body", "reason", "told"),
    [
        (b"", "empty_file", "0 bytes"),
        (b"\n \n", "empty_file", "blank lines"),
        (b"Region,Item Type,Order ID\n", "no_rows", "no rows"),
        (GOOD + b"caf\xe9,x,2\n", "not_utf8", f"byte {len(GOOD) + 3} (0xe9)"),
        (GOOD + b"\xe2\x82", "not_utf8", f"byte {len(GOOD)} (0xe2)"),
        (GOOD + b"a\0b", "nul_byte", f"byte {len(GOOD) + 1} "),
        ("Region,Item Type\n".encode("utf-16"), "not_utf8", "UTF-16"),
        (b"PK\x03\x04\x14\x00\x06", "nul_byte", "Excel"),
        (gzip.compress(GOOD, mtime=1), "not_utf8", ".csv.gz"),
        (GOOD + b'a,"b,1\nc,d,2\n', "malformed_csv", "line 3"),
        (GOOD + b'a,"b"x,1\n', "malformed_csv", "line 3"),
        (GOOD + b"x" * 10_000, "too_large", "10000 bytes"),
    ],
)
def test_a_bad_file_is_refused_with_the_place(
    small: model.Contract, body: bytes, reason: str, told: str
) -> None:
    why = refusal(body, small)
    assert why.reason == reason
    assert told in why.detail


def test_gzip_is_looked_into_also_when_it_has_several_members(small: model.Contract) -> None:
    body = gzip.compress(GOOD) + gzip.compress(b"Europe,Snacks,2\n")
    found = look(body, small, gzipped=True)
    assert (found.row_count, found.sha256) == (2, hashlib.sha256(body).hexdigest())


@pytest.mark.parametrize(
    ("body", "reason", "told"),
    [
        (gzip.compress(GOOD, mtime=0)[:-12], "bad_gzip", "breaks off after"),
        (GOOD, "bad_gzip", "not gzip after 0"),
        (GOOD, "bad_gzip", "a text that is not compressed; its name should end with .csv"),
        (
            b"PK\x03\x04\x14\x00\x06\x00\x08",
            "bad_gzip",
            "not compressed by gzip; it begins like a zip or Excel file",
        ),
        (
            gzip.compress(GOOD, mtime=0) + b"tail",
            "bad_gzip",
            "other bytes follow the end of the compressed data",
        ),
        (gzip.compress(GOOD, mtime=0) + b"tail", "bad_gzip", f"not gzip after {len(GOOD)}"),
        (b"", "empty_file", "0 bytes"),
        (gzip.compress(b"", mtime=0), "empty_file", "0 bytes"),
        (gzip.compress(b"x" * 20_000, mtime=0), "too_large", "once decompressed"),
    ],
)
def test_bad_gzip_is_refused(small: model.Contract, body: bytes, reason: str, told: str) -> None:
    why = refusal(body, small, gzipped=True)
    assert why.reason == reason
    assert told in why.detail


def test_memory_does_not_grow_with_the_file_nor_with_what_a_gzip_bomb_unpacks_to(
    small: model.Contract,
) -> None:
    large = replace(small, intake=replace(small.intake, max_bytes=64 * 1024 * 1024))
    bomb = gzip.compress(b"Region,Item Type,Order ID\n" + (b"a" * 40 + b",b,1\n") * 400_000)
    tracemalloc.start()
    found = inspect(
        pieces(bomb, inspection.CHUNK_BYTES),
        HeaderRule(contract=large, change="evolve"),
        gzipped=True,
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.row_count == 400_000
    assert peak < 8 * 1024 * 1024


def test_a_file_without_line_breaks_is_refused_before_it_fills_the_memory(
    small: model.Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "LONGEST_LINE", 500)
    why = refusal(b"x" * 600, small)
    assert (why.reason, "line 1 " in why.detail) == ("malformed_csv", True)


def test_a_quote_that_is_never_closed_is_refused_before_it_fills_the_memory(
    small: model.Contract,
) -> None:
    large = replace(small, intake=replace(small.intake, max_bytes=64 * 1024 * 1024))
    body = GOOD + b'Asia,"' + b"x" * 100 + b"\n" + b"a,b,1\n" * 5_000_000
    tracemalloc.start()
    with pytest.raises(
        FileRejected, match="the record at line 3 is not CSV: field larger than field limit"
    ):
        inspect(
            pieces(body, inspection.CHUNK_BYTES),
            HeaderRule(contract=large, change="evolve"),
            gzipped=False,
        )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


def test_a_record_of_many_quoted_lines_is_refused_at_its_limit_with_its_line(
    small: model.Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "LONGEST_RECORD", 60)
    lines = b'"a\n","b\n","c\n"'
    assert (
        look(GOOD + lines + b"\n" + lines + b"\n", small).row_count == 3
    )  # the limit is per record
    why = refusal(GOOD + lines * 9 + b"\n", small)
    assert why.reason == "malformed_csv"
    assert "goes on for more than 60 characters; a quote may not be closed" in why.detail
    assert "the record at line 3 " in why.detail


def test_more_fields_than_spark_reads_are_refused_with_their_line(small: model.Contract) -> None:
    large = replace(small, intake=replace(small.intake, max_bytes=1_000_000))
    why = refusal(GOOD + b"," * records.MOST_FIELDS + b"\n", large)
    assert (why.reason, "the record at line 3 has 20001 fields" in why.detail) == (
        "malformed_csv",
        True,
    )


def test_a_field_of_the_stated_size_is_read_and_one_character_more_is_not(
    small: model.Contract,
) -> None:
    large = replace(small, intake=replace(small.intake, max_bytes=1_000_000))
    longest = b"x" * records.LONGEST_FIELD
    assert look(GOOD + b"a,b," + longest + b"\n", large).row_count == 2
    assert (
        "line 3 is not CSV: field larger"
        in refusal(GOOD + b"a,b,x" + longest + b"\n", large).detail
    )


@pytest.mark.parametrize("first", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("second", ["\n", "\r\n", "\r"])
def test_mixed_line_ends_are_counted_alike_where_no_value_spans_lines(
    small: model.Contract, first: str, second: str
) -> None:
    found = look(f"Region,Item Type,Order ID{first}a,b,1{second}c,d,2{first}".encode(), small)
    assert (found.row_count, found.spans_lines) == (2, False)


def test_a_small_bomb_of_many_members_stops_at_the_limit(small: model.Contract) -> None:
    why = refusal(
        gzip.compress(GOOD, mtime=1) * 500,
        replace(small, intake=replace(small.intake, max_bytes=15_000)),
        gzipped=True,
    )
    assert why.reason == "too_large"


def test_a_file_of_nothing_but_line_ends_is_left_after_so_many(
    small: model.Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MOST_BLANK_LINES", 10)
    assert look(GOOD + b"\n" * 10, small).row_count == 1
    why = refusal(GOOD + b"\n" * 11, small)
    assert why.reason == "malformed_csv"
    assert "line 13 is blank, as are 10 before it" in why.detail
