"""Which files replace more rows, or contradict themselves more often, than the contract lets them.

Off unless the contract sets a limit, and only of a load: whoever asks for a backfill or replay has decided. Corrections
replace rows on purpose, and a file that a person released after it was set aside is not judged by these limits again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from contracts.model import Contract
from pipeline.run_documents import LoadedFile, LoadResult, Manifest

FEWEST_ROWS = 20  # of a file whose share of bad or replaced rows can set it aside


def files_over(
    manifest: Manifest, result: LoadResult, contract: Contract, of_others: Callable[[str], int]
) -> dict[str, str]:
    """The files above one of the limits, by hash: in how many rows, and what is allowed.

    `of_others`: how many rows of other partners the file of a hash replaced; asked only where a limit needs it.
    """
    exempt = {file.sha256 for file in manifest.files if file.replay_of or file.is_released}
    if manifest.mode != "load":
        return {}
    over = {
        file.sha256: "; ".join(_excesses(file, contract, of_others))
        for file in result.files
        if file.sha256 not in exempt
    }
    return {sha256: how for sha256, how in over.items() if how}


def joined(*over: Mapping[str, str]) -> dict[str, str]:
    """The files of several limits, each with everything that is wrong with it."""
    found: dict[str, str] = {}
    for part in over:
        for sha256, how in part.items():
            found[sha256] = f"{found[sha256]}; {how}" if sha256 in found else how
    return found


def _excesses(
    file: LoadedFile, contract: Contract, of_others: Callable[[str], int]
) -> Iterator[str]:
    limits = contract.replacing
    looks: tuple[tuple[str | None, Callable[[], int], str], ...] = (
        (limits.share, lambda: file.effect.rows_replaced, "replaced rows of the table"),
        (
            limits.others_share,
            lambda: of_others(file.sha256),
            "replaced rows that other partners had delivered",
        ),
        (
            limits.conflicting_repeats_share,
            lambda: file.effect.rows_repeated_different,
            "gave way to a later row of the file with the same key and other values",
        ),
    )
    for limit, count, what in looks:
        if limit is None:
            continue
        rows = count()
        if is_above(rows, file.rows_read, Decimal(limit)):
            yield f"{rows} of {file.rows_read} rows of {file.file_name} {what} (allowed share: {limit})"


def is_above(rows: int, read: int, allowed: Decimal) -> bool:
    """Whether the share of `rows` is above what is allowed.

    A share of a few rows says little: a file below FEWEST_ROWS is only judged where none at all are allowed.
    """
    if not rows or (read < FEWEST_ROWS and allowed):
        return False
    return Decimal(rows) / Decimal(read) > allowed
