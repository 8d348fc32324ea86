# ruff: noqa: S608 - the SQL is made of a validated contract and of literals that the dialect quotes
"""Raw files to a relation of text fields with the number of each record, as glue_jobs/reading.py has Spark read them.

DuckDB's own CSV reader cannot number records around damaged ones. So lines are made here, one per record, and DuckDB
reads each as one text and cuts it into fields; a thousand records cost a few milliseconds.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from contracts.errors import NeedsSpark
from pipeline.run_documents import ManifestFile
from rows.columns import DAMAGED, SOURCE_ROW, SOURCE_SHA256
from rows.duckdb_dialect import DuckDBDialect
from rows.layout import Layout

GZIP = b"\x1f\x8b"  # RFC 1952, section 2.3.1; no UTF-8 begins so
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LONGEST_LINE_BYTES = 20_000_000  # contracts.records.LONGEST_RECORD characters, of four bytes each
SPECIAL_IN_CLASS = r"\^-[]"
SPARE_BYTES = [code for code in range(1, 32) if chr(code) not in "\t\n\r"]
DUCKDB = DuckDBDialect()


@dataclass(frozen=True)
class Lines:
    """A file with one record in each line, ended by a line feed.

    `feed` and `carriage_return` stand for such a character within a record. `never` and `nothing` occur
    nowhere: a delimiter and a text for null that DuckDB's reader must be given.
    """

    content: bytes
    feed: str
    carriage_return: str
    never: str
    nothing: str


def create_records(
    database: duckdb.DuckDBPyConnection,
    table: str,
    files: Iterable[ManifestFile],
    content: Callable[[str], bytes],
    layout: Layout,
    delimiter: str,
    folder: Path,
) -> None:
    """Create `table` with every record of files of one layout: its fields as text, DAMAGED, and its place.

    A record is damaged when it has another number of fields than the header; its fields are null then. `content` gives
    the bytes at a URI; each file is on the disk in `folder` while it is read.
    """
    names = (SOURCE_SHA256, *layout.field_names, DAMAGED)
    columns = ", ".join(f"{name} varchar" for name in names)
    database.execute(f"CREATE OR REPLACE TABLE {table} ({SOURCE_ROW} bigint, {columns})")
    for file in files:
        lines = as_lines(content(file.raw_uri), delimiter, has_quotes=layout.has_quotes)
        place = folder / f"{file.sha256}.records"
        place.write_bytes(lines.content)
        try:
            query = _records(place, lines, file.sha256, layout, delimiter)
            database.execute(f"INSERT INTO {table} BY NAME {query}")
        finally:
            place.unlink()


def as_lines(raw: bytes, delimiter: str, *, has_quotes: bool) -> Lines:
    """The file with one record per line. Raises NeedsSpark when it uses nearly every control character.

    Where values span lines, the first line end is the only one, as Spark's reader has it.
    """
    content = gzip.decompress(raw) if raw.startswith(GZIP) else raw
    content = content.removeprefix(BYTE_ORDER_MARK)
    spare = [code for code in SPARE_BYTES if bytes([code]) not in content]
    if len(spare) < 4:
        raise NeedsSpark("a file uses nearly every control character as data")
    feed, carriage_return, never, nothing = map(chr, spare[:4])
    if has_quotes:
        content = content.replace(_first_line_end(content), b"\n")
        content = content.replace(b"\r", carriage_return.encode())
        content = b"\n".join(_joined(content, delimiter, feed.encode()))
    else:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return Lines(content, feed, carriage_return, never, nothing)


def _first_line_end(content: bytes) -> bytes:
    found = re.search(rb"\r\n|\n|\r", content)
    return found[0] if found else b"\n"


def _joined(content: bytes, delimiter: str, feed: bytes) -> Iterator[bytes]:
    """The records, each in one line; a quote that begins a field ends before a delimiter or a line end."""
    end = re.escape(delimiter.encode())
    field = rb'(?:"(?:[^"]|"")*"(?=' + end + rb"|\n|\Z)|[^" + end + rb"\n]*)"
    record = re.compile(field + rb"(?:" + end + field + rb")*(?:\n|\Z)")
    for found in record.finditer(content):
        yield found[0].removesuffix(b"\n").replace(b"\n", feed)


def _records(place: Path, lines: Lines, sha256: str, layout: Layout, delimiter: str) -> str:
    """A query for the records of a file of lines."""
    feed, carriage_return = DUCKDB.text(lines.feed), DUCKDB.text(lines.carriage_return)
    inner = f"replace(replace(line, {feed}, chr(10)), {carriage_return}, chr(13))"
    line = inner if layout.has_quotes else "line"
    # What Java's trim leaves empty is a blank line, but where values span lines: contracts.records
    # refuses white lines there.
    is_record = "line <> ''" if layout.has_quotes else r"regexp_matches(line, '[^\x00-\x20]')"
    count = len(layout.field_names)
    fields = [
        f"CASE WHEN len(parts) = {count} THEN {_field(f'parts[{number}]')} END AS {name}"
        for number, name in enumerate(layout.field_names, start=1)
    ]
    return f"""
        WITH lines AS (SELECT row_number() OVER () AS place, line FROM {_reader(place, lines)}),
        records AS (
            SELECT row_number() OVER (ORDER BY place) - 1 AS {SOURCE_ROW}, {line} AS record
            FROM lines WHERE {is_record}
        ),
        cut AS (
            SELECT {SOURCE_ROW}, record, {_parts(delimiter)} AS parts
            FROM records WHERE {SOURCE_ROW} > 0
        )
        SELECT {SOURCE_ROW}, {DUCKDB.text(sha256)} AS {SOURCE_SHA256}, {", ".join(fields)},
            CASE WHEN len(parts) <> {count} THEN record END AS {DAMAGED}
        FROM cut"""


def _reader(place: Path, lines: Lines) -> str:
    """DuckDB's CSV reader, so set that each line is one text."""
    return (
        f"read_csv({DUCKDB.text(str(place))}, header = false, auto_detect = false, quote = '', escape = '', "
        f"delim = {DUCKDB.text(lines.never)}, nullstr = {DUCKDB.text(lines.nothing)}, "
        f"new_line = '\\n', columns = {{'line': 'VARCHAR'}}, parallel = false, "
        f"max_line_size = {LONGEST_LINE_BYTES}, buffer_size = {3 * LONGEST_LINE_BYTES})"
    )


def _parts(delimiter: str) -> str:
    """The fields of a record as written: one is quoted, or runs to the next delimiter.

    A delimiter before the record lets each match take exactly one field with its delimiter.
    """
    mark, one = DUCKDB.text(delimiter), re.escape(delimiter)
    others = f"\\{delimiter}" if delimiter in SPECIAL_IN_CLASS else delimiter
    pattern = DUCKDB.text(f'{one}("(?:[^"]|"")*"|[^{others}]*)')
    return (
        f"CASE WHEN contains(record, '\"') THEN regexp_extract_all({mark} || record, {pattern}, 1) "
        f"ELSE string_split(record, {mark}) END"
    )


def _field(part: str) -> str:
    """A field without its quotes; empty is null, and a quoted nothing is ''."""
    is_quoted = f"{part}[1] = '\"' AND len({part}) > 1 AND {part}[-1] = '\"'"
    inside = f"replace(substring({part}, 2, len({part}) - 2), '\"\"', '\"')"
    return f"CASE WHEN {part} = '' THEN NULL WHEN {is_quoted} THEN {inside} ELSE {part} END"
