"""What `slipway query` prints and writes: lines that fit, figures that are whole, types that stay."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.cells import cell_len

from slipway.reading import answers
from slipway.reading.answers import Answer, Column
from slipway.showing import terminal_table

COLUMNS = (
    Column(name="region", type="varchar"),
    Column(name="order_year", type="integer"),
    Column(name="orders", type="bigint"),
    Column(name="revenue", type="decimal(18,2)"),
    Column(name="first_day", type="date"),
    Column(name="loaded_at", type="timestamp"),
)
ROWS = [
    (
        "Europe",
        2024,
        21509,
        Decimal("28151753818.07"),
        date(2024, 1, 2),
        datetime(2024, 1, 2, 3, 4, 5),
    ),
    ("Middle East and North Africa", 2024, None, Decimal("-0.10"), None, None),
]
ANSWER = Answer(columns=COLUMNS, rows=ROWS)


def test_a_row_is_a_line_with_figures_to_the_right() -> None:
    assert terminal_table.lay_out(ANSWER, width=120).lines == [
        "region                        order_year  orders            revenue  first_day   loaded_at",
        "Europe                              2024  21,509  28,151,753,818.07  2024-01-02  2024-01-02 03:04:05",
        "Middle East and North Africa        2024    NULL              -0.10  NULL        NULL",
    ]


@pytest.mark.parametrize("width", range(20, 120))
def test_no_line_is_wider_than_the_terminal_and_no_figure_is_cut(width: int) -> None:
    laid_out = terminal_table.lay_out(ANSWER, width=width)
    assert all(cell_len(line) <= width for line in laid_out.lines)
    shown = [column.name for column in COLUMNS if column.name not in laid_out.left_out]
    assert shown == [column.name for column in COLUMNS[: len(shown)]]
    if "revenue" in shown:
        assert "28,151,753,818.07" in laid_out.lines[1]


def test_texts_are_cut_with_a_mark_and_columns_without_room_are_named() -> None:
    laid_out = terminal_table.lay_out(ANSWER, width=60)
    assert laid_out.left_out == ("first_day", "loaded_at")
    assert "Middle East\N{HORIZONTAL ELLIPSIS}" in terminal_table.lay_out(ANSWER, width=51).lines[2]
    assert (
        "Middle East and North Africa" in laid_out.lines[2]
        or "\N{HORIZONTAL ELLIPSIS}" in laid_out.lines[2]
    )


def test_what_would_move_the_cursor_is_spelled_out() -> None:
    hostile = Answer(
        columns=(Column(name="raw_text", type="varchar"),), rows=[("a\x1b[2Jb\nc\td",)]
    )
    assert terminal_table.lay_out(hostile, width=80).lines[1] == r"a\x1b[2Jb\nc\td"


def test_wide_characters_count_twice() -> None:
    columns = (Column(name="name", type="varchar"), Column(name="n", type="bigint"))
    lines = terminal_table.lay_out(
        Answer(columns=columns, rows=[("東京", 1), ("Rome", 2)]), width=40
    ).lines
    assert [cell_len(line) for line in lines] == [7, 7, 7]


def test_an_answer_without_rows_has_a_header() -> None:
    assert len(terminal_table.lay_out(Answer(columns=COLUMNS, rows=[]), width=120).lines) == 1


def test_parquet_keeps_every_type_and_cent(tmp_path: Path) -> None:
    answers.write(ANSWER, tmp_path / "a.parquet")
    written = pq.read_table(tmp_path / "a.parquet")
    assert written.schema.types == [
        pa.string(),
        pa.int32(),
        pa.int64(),
        pa.decimal128(18, 2),
        pa.date32(),
        pa.timestamp("us"),
    ]
    assert [tuple(row.values()) for row in written.to_pylist()] == ROWS


@pytest.mark.parametrize("suffix", answers.SUFFIXES)
def test_a_column_of_nulls_and_an_empty_answer_keep_their_types(
    tmp_path: Path, suffix: str
) -> None:
    for rows in ([], [(None,) * len(COLUMNS)]):
        target = tmp_path / f"a{suffix}"
        answers.write(Answer(columns=COLUMNS, rows=rows), target)
        if suffix == ".parquet":
            assert pq.read_table(target).schema.field("revenue").type == pa.decimal128(18, 2)
        assert [file.name for file in tmp_path.iterdir()] == [target.name]
        target.unlink()


def test_csv_tells_null_from_an_empty_text() -> None:
    columns = (Column(name="a", type="varchar"), Column(name="b", type="varchar"))
    assert answers.to_csv(Answer(columns=columns, rows=[("", None)])) == b'"a","b"\n"",\n'
    header, first, _ = csv.reader(io.StringIO(answers.to_csv(ANSWER).decode()))
    assert header == [column.name for column in COLUMNS]
    assert first[:5] == ["Europe", "2024", "21509", "28151753818.07", "2024-01-02"]


def test_a_decimal_that_does_not_fit_is_no_file(tmp_path: Path) -> None:
    wrong = Answer(columns=(Column(name="a", type="decimal(4,2)"),), rows=[(Decimal("1.234"),)])
    with pytest.raises(pa.ArrowInvalid):
        answers.write(wrong, tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "told"), [("a.xlsx", "neither of .csv and .parquet"), ("no/a.csv", "folder")]
)
def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(answers.NotWritable, match=told):
        answers.check_target(tmp_path / name)
