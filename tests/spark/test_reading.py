"""Records of files in every form that partners send, each with its number, against Python's csv module."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from glue_jobs import reading, session
from pipeline.run_documents import Manifest
from rows import layout
from rows.columns import DAMAGED, SOURCE_SHA256, SPLIT_ROW, SPLIT_START
from tests import run_samples
from tests.spark.lake import Lake, lines
from tests.spark.orders import HEADER, ORDERS


def manifest(*files: dict[str, Any]) -> Manifest:
    """A manifest of these files."""
    return Manifest.from_json(run_samples.manifest(*files))


def records(
    lake: Lake, *files: dict[str, Any], split_bytes: int = 1 << 20
) -> list[tuple[str, int, str]]:
    """(file, record number, note) of every record."""
    found = manifest(*files)
    rows: list[tuple[str, int, int, str]] = []
    for shape, members in layout.by_layout(ORDERS, found.files, "strict").items():
        note = shape.field_names[shape.columns.index("note")]
        frame: DataFrame = reading.text_fields(lake.spark, ORDERS, shape, members)
        with reading.one_split_per_partition(lake.spark, split_bytes):
            rows += [
                tuple(row)
                for row in frame.select(
                    SOURCE_SHA256, SPLIT_START, SPLIT_ROW, F.col(note)
                ).collect()
            ]
    in_split = Counter((source, start) for source, start, _, _ in rows)
    numbered = []
    for source, start, row, text in sorted(rows):
        earlier = sum(
            count for (other, at), count in in_split.items() if other == source and at < start
        )
        numbered.append((source, earlier + row + 1, text))
    return numbered


def notes(content: bytes) -> list[str]:
    """Last field of every record as Python's csv module reads it; a line break in a field is \\n."""
    rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    return [row[-1].replace("\r\n", "\n") for row in list(rows)[1:] if row]


def test_records_of_many_files_and_splits_keep_their_number(lake: Lake) -> None:
    plain = [
        lines(*(f"{n},1/2/2024,open,1,1.00,note {chr(97 + f)}{n}" for n in range(400)))
        for f in range(3)
    ]
    quoted = lines(*(f'{n},1/2/2024,open,1,1.00,"line\nof, ""{n}"""' for n in range(300)))
    contents = [*plain, quoted]
    files = [
        lake.put(content, f"{position}.csv", position) for position, content in enumerate(contents)
    ]
    expected = {
        (file["sha256"], number, text)
        for file, content in zip(files, contents, strict=True)
        for number, text in enumerate(notes(content), start=1)
    }
    assert len(expected) == 1500
    for split_bytes in (
        2000,
        64 << 20,
    ):  # many splits of a file; so large that Spark would pack files together
        assert set(records(lake, *files, split_bytes=split_bytes)) == expected


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "crlf.csv",
            b"\r\n".join(
                [HEADER.encode(), b"1,1/2/2024,open,1,1.00,a", b"2,1/2/2024,open,1,1.00,b", b""]
            ),
        ),
        (
            "cr.csv",
            b"\r".join(
                [HEADER.encode(), b"1,1/2/2024,open,1,1.00,a", b"2,1/2/2024,open,1,1.00,b", b""]
            ),
        ),
        (
            "cr_quoted.csv",
            b"\r".join(
                [HEADER.encode(), b'1,1/2/2024,open,1,1.00,"a, b"', b"2,1/2/2024,open,1,1.00,b"]
            ),
        ),
        (
            "crlf_quoted.csv",
            b"\r\n".join([HEADER.encode(), b'1,1/2/2024,open,1,1.00,"a\r\nb"', b'2,,,,,"c"', b""]),
        ),
        ("bom.csv", b"\xef\xbb\xbf" + lines("1,1/2/2024,open,1,1.00,a")),
        ("bom_quoted.csv", b'\xef\xbb\xbf"Order ID"' + lines('1,1/2/2024,open,1,1.00,"a"')[8:]),
        (
            "blank_lines.csv",
            lines("", "1,1/2/2024,open,1,1.00,a", "", "2,1/2/2024,open,1,1.00,b", "", ""),
        ),
        (
            "blank_lines_quoted.csv",
            lines("", '1,1/2/2024,open,1,1.00,"a"', "", "2,1/2/2024,open,1,1.00,b", ""),
        ),
        ("no_final_newline.csv", lines("1,1/2/2024,open,1,1.00,a").rstrip()),
        ("stray_quote.csv", lines('1,1/2/2024,open,1,1.00,5" pipe', "2,1/2/2024,open,1,1.00,b")),
        ("unicode.csv", lines("1,1/2/2024,open,1,1.00,Côte d'Ivoire – 東京")),
        ("a [1] {b} *?,%20 é.csv", lines("1,1/2/2024,open,1,1.00,a")),
        ("header_only.csv", lines()),
    ],
)
def test_a_form_of_file_is_read_like_python_reads_it(lake: Lake, name: str, content: bytes) -> None:
    file = lake.put(content, name)
    expected = [
        (file["sha256"], number, text) for number, text in enumerate(notes(content), start=1)
    ]
    for has_quotes in {
        True,
        file["has_quotes"],
    }:  # the quote-aware reader must agree with the splitting one
        assert records(lake, file | {"has_quotes": has_quotes}) == expected


def test_a_gzip_file_is_read_like_the_file_inside(lake: Lake) -> None:
    content = lines("1,1/2/2024,open,1,1.00,a", "2,1/2/2024,open,1,1.00,b")
    file = lake.put(gzip.compress(content, mtime=0), "orders.csv.gz")
    assert [(number, text) for _, number, text in records(lake, file)] == [(1, "a"), (2, "b")]


def test_a_record_with_another_number_of_fields_is_kept_as_written(lake: Lake) -> None:
    short, long = "1,1/2/2024,open", "2,1/2/2024,open,1,1.00,a,b"
    (found,) = manifest(lake.put(lines(short, long, "3,1/2/2024,open,1,1.00,c"))).files
    ((shape, _),) = layout.by_layout(ORDERS, [found], "strict").items()
    rows = reading.text_fields(lake.spark, ORDERS, shape, [found]).orderBy(SPLIT_ROW).collect()
    assert [row[DAMAGED] for row in rows] == [short, long, None]


def test_headers_are_matched_in_any_order_and_spelling_and_ignored_ones_are_skipped(
    lake: Lake,
) -> None:
    header = "row-id,NOTE,amount,Quantity,status,order_date,Order Id"
    file = lake.put(lines("9,a,1.00,1,open,1/2/2024,1", header=header))
    (shape,) = layout.by_layout(ORDERS, manifest(file).files, "strict")
    assert shape.columns == (None, "note", "amount", "quantity", "status", "order_date", "order_id")
    assert [text for _, _, text in records(lake, file)] == ["a"]


def test_spark_does_not_warn_of_every_header_that_the_manifest_has_checked(
    spark: SparkSession,
) -> None:
    session.prepare(spark, 0)
    log4j: Any = spark.sparkContext._jvm.org.apache.logging.log4j  # type: ignore[union-attr]
    logger = (
        log4j.LogManager.getContext(False).getConfiguration().getLoggerConfig(session.HEADER_LOGGER)
    )
    assert (logger.getName(), logger.getLevel().toString()) == (session.HEADER_LOGGER, "ERROR")
