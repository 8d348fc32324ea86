"""What the rows of a file did to the table is explained by counts alone, for every engine alike."""

from __future__ import annotations

from pipeline.run_documents import ReplacedFile, TableEffect
from rows.effects import KEPT, OUTDATED, REPEATED, REPLACING, FateCount, by_file

NOTHING = TableEffect(
    rows_new=0, rows_replaced=0, rows_unchanged=0, rows_kept=0, rows_repeated_equal=0,
    rows_repeated_different=0, rows_outdated=0, replaced_files=(),
)  # fmt: skip


def count(fate: str, rows: int, same: bool | None = None, held: str | None = None) -> FateCount:
    return FateCount(sha256="b", fate=fate, rows=rows, has_same_values=same, held_sha256=held)  # type: ignore[arg-type]


def test_rows_without_a_fate_are_new_and_every_other_one_is_told_by_its_values() -> None:
    counts = [
        count(REPEATED, 1, same=True), count(REPEATED, 2, same=False), count(OUTDATED, 3), count(KEPT, 4),
        count(REPLACING, 5, same=True, held="x"), count(REPLACING, 6, same=False, held="x"),
        count(REPLACING, 7, same=False, held="y"),
    ]  # fmt: skip
    found = by_file({"a": 9, "b": 30}, counts, {})
    assert found["a"].rows_new == 9
    assert found["b"] == TableEffect(
        rows_new=2, rows_replaced=13, rows_unchanged=5, rows_kept=4, rows_repeated_equal=1,
        rows_repeated_different=2, rows_outdated=3,
        replaced_files=(
            ReplacedFile(sha256="y", rows_replaced=7, rows_unchanged=0),
            ReplacedFile(sha256="x", rows_replaced=6, rows_unchanged=5),
        ),
    )  # fmt: skip


def test_rows_that_a_backfill_loads_anew_are_kept_and_not_new() -> None:
    assert by_file({"b": 5}, [count(OUTDATED, 1)], {"b": 3})["b"].rows_new == 1
    assert by_file({"b": 5}, [], {"b": 3})["b"].rows_kept == 3


def test_a_reloaded_row_that_replaces_another_one_under_a_changed_key_counts_once() -> None:
    replacing = count(REPLACING, 2, same=False, held="x")
    found = by_file({"b": 5}, [replacing], {"b": 5})["b"]
    assert (found.rows_new, found.rows_replaced, found.rows_kept) == (0, 2, 3)


def test_a_file_without_valid_rows_did_nothing() -> None:
    assert by_file({"b": 0}, [], {}) == {"b": NOTHING}
