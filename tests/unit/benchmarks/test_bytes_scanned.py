"""Counted bytes are those of the file: nothing is left out, and only what a question names is in."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.bytes_scanned import Question, questions, scanned_bytes

MAGIC_BYTES = 4  # at the beginning of a Parquet file; no reader that knows the footer needs it


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = range(5000)
    table = pa.table(
        {
            "a": [n * 7919 % 5000 for n in rows],
            "b": [f"text {n}" for n in rows],
            "c": [n % 2 for n in rows],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=1000)
    return tmp_path / "a.parquet"


def test_all_columns_are_the_whole_file(file: Path) -> None:
    assert scanned_bytes(file, ["a", "b", "c"]) == file.stat().st_size - MAGIC_BYTES


def test_columns_add_up_over_all_row_groups(file: Path) -> None:
    footer = scanned_bytes(file, [])
    parts = [scanned_bytes(file, [name]) - footer for name in ("a", "b", "c")]
    assert min(parts) > 0
    assert sum(parts) + footer == scanned_bytes(file, ["a", "b", "c"])


def test_a_question_needs_the_columns_of_its_filter_and_no_alias() -> None:
    question = Question(
        name="q",
        where="order_date >= '2023-01-01'",
        sql="SELECT country, sum(total_revenue) AS revenue FROM {orders} WHERE {where} GROUP BY 1 ORDER BY revenue",
    )
    assert question.columns == ["country", "order_date", "total_revenue"]


def test_the_three_questions_are_asked() -> None:
    names = [question.name for question in questions(1000)]
    assert names[:3] == ["one month by region", "top ten countries in a year", "one order"]
