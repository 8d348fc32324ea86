"""CSV tables as Athena reads them: by position, line by line, and types only where a query asks for the column."""

from __future__ import annotations

import gzip
from typing import Any

import duckdb
import pytest

from local_cloud.adapters.athena import text_tables
from local_cloud.adapters.athena.sql import QueryRefused
from local_cloud.adapters.athena.text_tables import LAZY, OPEN_CSV, Place


def rows(
    content: bytes, *, library: str = OPEN_CSV, ask: str = "*", name: str = "a.csv"
) -> list[Any]:
    table = text_tables.described("db.t", described(library))
    assert table is not None
    with duckdb.connect() as connection:
        connection.register("data", table.read([Place(files={name: content}, values=("2026",))]))
        projection = table.projection(lambda column: f'"{column}"')
        connection.execute(f"CREATE VIEW t AS FROM data SELECT {projection}")
        return connection.execute(f"SELECT {ask} FROM t").fetchall()


def described(library: str, **columns: str) -> dict[str, Any]:
    kinds = columns or {"item type": "string", "units": "bigint"}
    delimiter = "field.delim" if library == LAZY else "separatorChar"
    return {
        "StorageDescriptor": {
            "Columns": [{"Name": name, "Type": kind} for name, kind in kinds.items()],
            "SerdeInfo": {"SerializationLibrary": library, "Parameters": {delimiter: ","}},
        },
        "PartitionKeys": [{"Name": "ingest_date", "Type": "string"}],
        "Parameters": {"skip.header.line.count": "1"},
    }


def test_quotes_belong_to_open_csv_and_not_to_the_lazy_serde() -> None:
    content = b'Item,Units\n"Fruit, dried",7\n'
    assert rows(content) == [("Fruit, dried", 7, "2026")]
    assert rows(content, library=LAZY) == [('"Fruit', None, "2026")]


def test_fields_go_by_position_whatever_the_heading_says() -> None:
    assert rows(b"Units,Item\n7,Fruit\n", ask='"item type"') == [("7",)]


def test_what_a_line_lacks_is_null_and_more_fields_are_left_out() -> None:
    assert rows(b"h\nFruit\nSnacks,8,more\r\n") == [("Fruit", None, "2026"), ("Snacks", 8, "2026")]


def test_a_quoted_line_break_ends_the_row() -> None:
    assert len(rows(b'h\n"two\nlines",1\n', ask='"item type"')) == 2


def test_what_is_no_number_is_null_or_fails_the_query_that_asks_for_it() -> None:
    content = b"h\nFruit,n/a\n"
    assert rows(content, library=LAZY, ask="units") == [(None,)]
    assert rows(content, ask='"item type"') == [("Fruit",)]
    with pytest.raises(duckdb.ConversionException):
        rows(content, ask="units")


def test_compressed_files_are_read() -> None:
    assert rows(gzip.compress(b"h\nFruit,7\n"), name="a.csv.gz") == [("Fruit", 7, "2026")]


def test_other_tables_and_types_are_no_text_table() -> None:
    assert text_tables.described("db.t", {"StorageDescriptor": {"Columns": [{}]}}) is None
    with pytest.raises(QueryRefused, match=r"db\.t: columns of text of this type: b map"):
        text_tables.described("db.t", described(OPEN_CSV, a="string", b="map"))
