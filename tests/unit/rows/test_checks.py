"""Every check of a row, alone, in DuckDB; tests/spark/test_one_definition.py holds Spark to the same."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pytest

from rows.columns import DAMAGED, IS_HEADER, kept_name, text_name
from rows.duckdb_dialect import DuckDBDialect
from rows.expressions import checks, values
from tests.unit.rows.rows_that_break import BREAKS, CHECKED, FIELDS, Row

DUCKDB = DuckDBDialect()
ERASED = ("erased@x", "other@x")


def judged(row: Row, every: Sequence[checks.Check]) -> tuple[list[str], list[str], bool]:
    """Ids and sentences of the checks that a row breaks, and whether it breaks any; one text alone is damaged."""
    columns = CHECKED.columns
    texts = (None, *row) if len(row) > 1 else (row[0], *(None for _ in columns))
    names = (DAMAGED, *(text_name(one.name) for one in columns))
    given = ", ".join(f"CAST(? AS varchar) AS {name}" for name in names)
    typed = [f"{values.value(DUCKDB, one, text_name(one.name))} AS {one.name}" for one in columns]
    parsed = (
        f"SELECT *, {', '.join(typed)}, _text_mail AS {kept_name('mail')} FROM (SELECT {given})"
    )
    headed = f"SELECT *, {checks.is_header(DUCKDB, columns)} AS {IS_HEADER} FROM ({parsed})"
    found = (
        checks.broken_ids(DUCKDB, every),
        checks.reasons(DUCKDB, every),
        checks.any_broken(every),
    )
    (result,) = duckdb.execute(f"SELECT {', '.join(found)} FROM ({headed})", texts).fetchall()
    return result


@pytest.mark.parametrize(("row", "broken"), BREAKS)
def test_each_row_breaks_exactly_these_checks_with_these_sentences(
    row: Row, broken: list[tuple[str, str]]
) -> None:
    every = checks.of_contract(DUCKDB, CHECKED, len(CHECKED.columns), ERASED)
    ids, reasons, is_broken = judged(row, every)
    assert list(zip(ids, reasons, strict=True)) == broken
    assert is_broken == bool(broken)


def test_without_erased_persons_nobody_is_refused_and_without_checks_nothing_is_broken() -> None:
    every = checks.of_contract(DUCKDB, CHECKED, len(CHECKED.columns))
    (erased,) = (check for check in every if check.rule_id == checks.ERASED)
    for row, _ in BREAKS:
        assert judged(row, [erased]) == ([], [], False)
        assert judged(row, []) == ([], [], False)


def test_each_check_names_what_it_needs_and_what_it_does_in_the_order_of_the_contract() -> None:
    every = checks.of_contract(DUCKDB, CHECKED, len(CHECKED.columns))
    again, by_id = "row.repeated_header", {check.rule_id: check for check in every}
    assert [check.rule_id for check in every][:7] == [
        "row.field_count", again, "subject.erased", "number.required", "number.type", "number.minimum", "day.required",
    ]  # fmt: skip
    assert by_id["row.field_count"].needs == ()
    assert by_id[again].needs == FIELDS
    assert by_id["number.minimum"].needs == (*FIELDS, "number.required", "number.type", again)
    assert by_id["first_is_open"].needs == (
        *FIELDS, "number.required", "number.type", "status.required", "status.type", again,
    )  # fmt: skip
    assert {check.action for check in every if "." in check.rule_id} == {"quarantine"}
    rules = [(check.rule_id, check.action) for check in every[-3:]]
    assert rules == [
        ("paid_is_positive", "warn"),
        ("first_is_open", "halt"),
        ("mail_is_short", "quarantine"),
    ]
