"""What each text is and what is said about it, in DuckDB; tests/spark/test_values.py has the same of Spark."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from contracts import texts
from contracts.model import Column
from rows.duckdb_dialect import DuckDBDialect
from rows.expressions import values
from tests.unit.rows.texts_of_values import HIDDEN, PARSES, REFUSED, TEXT

DUCKDB = DuckDBDialect()


def of(sql: str, text: str | None) -> Any:
    """The value of SQL over one row with the text in column `t`."""
    rows = duckdb.execute(f"SELECT {sql} FROM (SELECT CAST(? AS varchar) AS t)", [text]).fetchall()
    return rows[0][0]


@pytest.mark.parametrize(("column", "text", "value"), PARSES)
def test_each_text_gives_exactly_this_value(column: Column, text: str, value: Any) -> None:
    found = of(values.value(DUCKDB, column, "t"), text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(("column", "text", "reason"), REFUSED)
def test_each_other_text_is_refused_with_its_reason(column: Column, text: str, reason: str) -> None:
    assert of(values.value(DUCKDB, column, "t"), text) is None
    assert of(values.complaint(DUCKDB, column, "t"), text) == reason


@pytest.mark.parametrize("text", ["", " \t\u00a0 ", *(f"{b}{b}a{b}b{b}" for b in texts.BLANKS)])
def test_blanks_around_a_text_do_not_count_and_nothing_but_blanks_is_null(text: str) -> None:
    trimmed = of(values.trimmed(DUCKDB, "t"), text)
    assert trimmed == texts.cleaned(text)
    assert of(values.present("t"), trimmed) == (trimmed or None)
    assert of(values.present("t"), None) is None


@pytest.mark.parametrize("text", ['"', '""', '" a "', 'a"', '"a', "a", '"\u00a0"', '"a" "b"'])
def test_quotes_are_taken_off_as_tools_take_them_off(text: str) -> None:
    assert of(values.unquoted(DUCKDB, "t"), text) == texts.unquoted(text)


@pytest.mark.parametrize(
    "text",
    [
        "abc",
        "x" * 60,
        "On\u200bline",
        "\u00a0😀\u2028\x1fé",
        "\ufeffa'\\\U0001f468\u200d\U0001f469",
    ],
)
def test_a_shown_value_is_quoted_and_what_nobody_sees_is_escaped(text: str) -> None:
    assert of(values.shown(DUCKDB, TEXT, "t"), text) == f"'{texts.escaped(text)}'"


def test_a_shown_value_is_shortened_and_personal_data_is_hidden() -> None:
    assert of(values.shown(DUCKDB, TEXT, "t"), "😀" * 61) == f"'{'😀' * 60}...'"
    assert of(values.shown(DUCKDB, HIDDEN, "t"), "a@b.c") == "the value (personal data, not shown)"
