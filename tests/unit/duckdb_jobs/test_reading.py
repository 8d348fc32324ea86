"""Records of files in every form that partners send, each with its number, against Python's csv module."""

from __future__ import annotations

import csv
import gzip
import io
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from contracts.errors import NeedsSpark
from duckdb_jobs import reading
from pipeline.run_documents import ManifestFile
from rows.columns import DAMAGED, SOURCE_ROW, SOURCE_SHA256
from rows.layout import Layout
from tests.run_samples import manifest_file

HEADER = "id,note"
Record = tuple[Any, ...]


def records(
    folder: Path, content: bytes, *, spans: bool = False, delimiter: str = ","
) -> list[Record]:
    """Number, fields and the damaged record of every record of a file."""
    file = ManifestFile.from_json(manifest_file("a" * 64, has_quotes=spans))
    layout = Layout(columns=("id", "note"), has_quotes=spans)
    with duckdb.connect() as database:
        reading.create_records(
            database, "records", [file], lambda _: content, layout, delimiter, folder
        )
        names = ", ".join((SOURCE_ROW, *layout.field_names, DAMAGED))
        found = database.execute(f"SELECT {names} FROM records ORDER BY {SOURCE_ROW}").fetchall()
        ((sources,),) = database.execute(
            f"SELECT count(DISTINCT {SOURCE_SHA256}) FROM records"
        ).fetchall()
    assert sources == bool(found)
    assert not list(folder.iterdir())  # nothing of a file stays on the disk
    return found


def as_python_reads(content: bytes, delimiter: str = ",") -> list[Record]:
    """The same records as Python's csv module has them."""
    text = io.StringIO(content.decode("utf-8-sig"), newline="")
    rows = [row for row in csv.reader(text, delimiter=delimiter) if "".join(row).strip()][1:]
    return [
        (number, row[0] or None, row[1] or None, None) for number, row in enumerate(rows, start=1)
    ]


PLAIN = {
    "lf": b"id,note\n1,a\n2,b\n",
    "crlf": b"id,note\r\n1,a\r\n2,b\r\n",
    "cr": b"id,note\r1,a\r2,b\r",
    "mixed ends": b"id,note\n1,a\r\n2,b\r3,c\n",
    "no final end": b"id,note\n1,a\n2,b",
    "blank lines": b"\n\nid,note\n\n1,a\n \t\x1f\n2,b\n\n\n",
    "byte order mark": b"\xef\xbb\xbfid,note\n1,a\n",
    "quotes": b'"id",note\n"1","a, ""b"""\n2,"c"\n',
    "quote within": b'id,note\n1,5" pipe\n2,"b"\n',
    "blanks kept": b"id,note\n 1 , a \n2,\xc2\xa0\n",
    "unicode": "id,note\n1,Côte d'Ivoire – 東京 😀\n".encode(),
    "empty fields": b"id,note\n,a\n2,\n",
    "header only": b"id,note\n",
    "nothing": b"",
    "like SQL": b"id,note\n1,NULL\n2,\\N\n3,'; --\n",
    "control characters": bytes([*b"id,note\n1,", *(c for c in range(1, 28) if c not in (9, 10, 13)), *b"\n"]),
}  # fmt: skip
SPANNING = {
    "lf": b'id,note\n1,"a\nb"\n2,c\n',
    "crlf": b'id,note\r\n1,"a ""x""\n\nb"\r\n2,c\r\n',
    "cr": b'id,note\r1,"a"\r2,"b"\r',
    "other end within": b'id,note\n1,"a\r\nb\rc"\n2,c',
    "quoted header": b'"id","note"\n1,"\n"\n',
    "empty lines": b'id,note\n\n1,"a\nb"\n\n2,c\n\n',
    "delimiter within": b'id,note\n1,"a,\n""b"",c"\n2,"x"',
}


@pytest.mark.parametrize("content", PLAIN.values(), ids=PLAIN.keys())
def test_a_form_of_file_is_read_like_python_reads_it(tmp_path: Path, content: bytes) -> None:
    assert records(tmp_path, content) == as_python_reads(content)


@pytest.mark.parametrize("content", SPANNING.values(), ids=SPANNING.keys())
def test_values_that_span_lines_are_read_like_python_reads_them(
    tmp_path: Path, content: bytes
) -> None:
    assert with_line_feeds(records(tmp_path, content, spans=True)) == with_line_feeds(
        as_python_reads(content)
    )


def with_line_feeds(rows: list[Record]) -> list[Record]:
    """The records with \\n for every line end in their notes."""
    return [(*row[:2], re.sub("\r\n?", "\n", row[2] or ""), *row[3:]) for row in rows]


def test_the_first_line_end_of_a_file_that_spans_lines_becomes_a_line_feed_and_others_stay(
    tmp_path: Path,
) -> None:
    assert records(tmp_path, SPANNING["other end within"], spans=True)[0][2] == "a\r\nb\rc"
    assert records(tmp_path, b'id,note\r\n1,"a\r\nb"', spans=True)[0][2] == "a\nb"


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t", "^", "]", "-", "\\", ".", "$"])
def test_every_delimiter_is_a_character_and_no_pattern(tmp_path: Path, delimiter: str) -> None:
    text = 'id,note\n1,"a""b"\n2,"x,y"\n3,c\n'.replace(",", delimiter)
    for spans in (False, True):
        found = records(tmp_path, text.encode(), spans=spans, delimiter=delimiter)
        assert [row[2] for row in found] == ['a"b', f"x{delimiter}y", "c"]


@pytest.mark.parametrize("spans", [False, True])
def test_a_record_with_another_number_of_fields_is_kept_as_written(
    tmp_path: Path, spans: bool
) -> None:
    content = b'id,note\n1\n2,"b, ""c""",d\n3,e\n'
    assert records(tmp_path, content, spans=spans) == [
        (1, None, None, "1"),
        (2, None, None, '2,"b, ""c""",d'),
        (3, "3", "e", None),
    ]


def test_a_quoted_nothing_is_a_text_and_nothing_is_null(tmp_path: Path) -> None:
    assert records(tmp_path, b'id,note\n"",\n') == [(1, "", None, None)]


def test_a_gzip_file_is_read_like_the_file_inside(tmp_path: Path) -> None:
    assert records(tmp_path, gzip.compress(PLAIN["lf"])) == as_python_reads(PLAIN["lf"])


def test_a_file_with_nearly_every_control_character_is_left_to_spark(tmp_path: Path) -> None:
    with pytest.raises(NeedsSpark, match="control character"):
        records(tmp_path, bytes(range(1, 32)))


def test_many_records_keep_their_order(tmp_path: Path) -> None:
    content = b"id,note\n" + b"".join(b"%d,x\n" % number for number in range(300_000))
    found = records(tmp_path, content)
    assert [row[0] for row in found] == [int(row[1]) + 1 for row in found]
    assert len(found) == 300_000
