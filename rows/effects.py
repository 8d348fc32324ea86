"""What the rows of each file did to the table, from counts that an engine takes.

An engine says what became of every valid row that was not simply new (`Fate`), and whose row it met.
A row is judged first among those of its own file, then against newer files of the batch and the
table, so that a file's repeats are its own, whatever came in the same batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.run_documents import ReplacedFile, TableEffect

Fate = Literal["repeated", "outdated", "kept", "replacing"]
REPEATED: Fate = "repeated"  # a later row of its own file has its key
OUTDATED: Fate = "outdated"  # the last of its file with the key; a newer file, or the table, has it
KEPT: Fate = "kept"  # the table holds this very row: an earlier attempt loaded it
REPLACING: Fate = "replacing"  # the table holds an older row with the same key
DROPPED: tuple[Fate, ...] = (REPEATED, OUTDATED)  # deduplicated; the others are in the table


@dataclass(frozen=True, kw_only=True)
class FateCount:
    """How many rows of a file had one fate.

    `has_same_values`: of a repeated row, as the last one of its file with that key; of a replacing
    row, as the row that the table held, which came from the file `held_sha256`. None for other fates.
    """

    sha256: str
    fate: Fate
    rows: int
    has_same_values: bool | None = None
    held_sha256: str | None = None


def by_file(
    valid_rows: Mapping[str, int], counts: Iterable[FateCount], reloaded: Mapping[str, int]
) -> dict[str, TableEffect]:
    """The effect of each file in `valid_rows`, which has its valid rows by hash.

    `reloaded`: rows by file that the run took off the table first and loaded anew, in a backfill.
    """
    of_file: dict[str, list[FateCount]] = {sha256: [] for sha256 in valid_rows}
    for count in counts:
        of_file[count.sha256].append(count)
    return {
        sha256: _effect(rows, of_file[sha256], reloaded.get(sha256, 0))
        for sha256, rows in valid_rows.items()
    }


def _effect(valid_rows: int, counts: list[FateCount], reloaded: int) -> TableEffect:
    def rows(fate: Fate, same: bool | None = None) -> int:
        return sum(
            count.rows
            for count in counts
            if count.fate == fate and (same is None or count.has_same_values is same)
        )

    without_fate = valid_rows - sum(count.rows for count in counts)
    # A row that was reloaded under a changed key may replace another one: it is counted there.
    kept = min(reloaded, without_fate)
    return TableEffect(
        rows_new=without_fate - kept,
        rows_replaced=rows(REPLACING, same=False),
        rows_unchanged=rows(REPLACING, same=True),
        rows_kept=rows(KEPT) + kept,
        rows_repeated_equal=rows(REPEATED, same=True),
        rows_repeated_different=rows(REPEATED, same=False),
        rows_outdated=rows(OUTDATED),
        replaced_files=_replaced_files(counts),
    )


def _replaced_files(counts: list[FateCount]) -> tuple[ReplacedFile, ...]:
    found: dict[str, dict[bool | None, int]] = {}
    for count in counts:
        if count.held_sha256 is not None:
            by_values = found.setdefault(count.held_sha256, {})
            by_values[count.has_same_values] = by_values.get(count.has_same_values, 0) + count.rows
    files = (
        ReplacedFile(sha256=sha256, rows_replaced=by.get(False, 0), rows_unchanged=by.get(True, 0))
        for sha256, by in found.items()
    )
    return tuple(
        sorted(files, key=lambda file: (-file.rows_replaced, -file.rows_unchanged, file.sha256))
    )
