"""The hostile files are distinct, repeatable, deliverable, and cover what they promise to cover."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io

import pytest

from sample_data.hostile import KINDS, HostileFile, hostile_files
from sample_data.hostile_draw import LOADED, QUARANTINED, Draw, text
from sample_data.hostile_keys import LONGEST_KEY_BYTES
from sample_data.sales_rows import COLUMNS

COUNT = 1_000


@pytest.fixture(scope="module")
def files() -> list[HostileFile]:
    return list(hostile_files(7, COUNT))


def test_a_thousand_files_have_a_thousand_contents_and_keys(files: list[HostileFile]) -> None:
    assert len({hashlib.sha256(file.body).hexdigest() for file in files}) == COUNT
    assert len({file.key for file in files}) == COUNT


def test_the_same_seed_gives_the_same_files_and_another_seed_others(
    files: list[HostileFile],
) -> None:
    few = [(file.key, file.body) for file in files[: len(KINDS)]]
    assert [(file.key, file.body) for file in hostile_files(7, len(KINDS))] == few
    assert [(file.key, file.body) for file in hostile_files(8, len(KINDS))] != few


def test_every_kind_comes_up_in_the_short_set(files: list[HostileFile]) -> None:
    assert {file.kind for file in files[: len(KINDS)]} == set(KINDS)


def test_s3_takes_every_key(files: list[HostileFile]) -> None:
    lengths = [len(file.key.encode()) for file in files]
    assert min(lengths) > 0
    assert max(lengths) == LONGEST_KEY_BYTES


def test_a_file_that_must_be_loaded_in_whole_or_part_says_which_rows_are_bad(
    files: list[HostileFile],
) -> None:
    for file in files:
        if file.made.fates == LOADED:
            assert file.made.bad_rows == (), file.kind
        if file.made.fates == QUARANTINED:
            assert 0 < len(file.made.bad_rows) <= file.made.rows, file.kind
            assert max(file.made.bad_rows) <= file.made.rows, file.kind


def test_the_promised_number_of_records_is_in_the_files_that_any_reader_takes(
    files: list[HostileFile],
) -> None:
    checked = 0
    for file in files:
        plain = (
            gzip.decompress(file.body)
            if file.key.endswith(".gz") and file.made.fates == LOADED
            else file.body
        )
        if file.made.fates in (LOADED, QUARANTINED) and b"\x1a" not in plain:
            records = list(csv.reader(io.StringIO(plain.decode("utf-8-sig"), newline="")))
            assert len(
                [record for record in records if any(map(str.strip, record)) or len(record) > 1]
            ) - 1 == (file.made.rows), file.kind
            checked += 1
    assert checked > COUNT // 3


def test_bad_rows_stay_far_below_the_share_that_halts_a_run(files: list[HostileFile]) -> None:
    accepted = [file.made for file in files if "rejected" not in file.made.fates]
    bad, rows = sum(len(made.bad_rows) for made in accepted), sum(made.rows for made in accepted)
    assert bad / rows < 0.05


def test_two_files_share_no_order() -> None:
    first, second = (Draw(seed=7, number=number, turn=0).records() for number in (3, 4))
    order = COLUMNS.index("Order ID")
    assert not {record[order] for record in first} & {record[order] for record in second}
    assert text(first) != text(second)
