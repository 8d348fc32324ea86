"""Superstore files: what is generated has the shape and wrinkles of the published file, and totals that are true."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from contracts import headers, model
from sample_data import superstore
from sample_data.superstore import MonthFile, generate, split
from tests.unit.sample_data.superstore_figures import REAL_FILE, money, read, records

CONTRACT = model.load("superstore")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[MonthFile]:
    """A quarter with 1,200 lines."""
    return generate(tmp_path_factory.mktemp("superstore"), seed=3, months=3, rows=1200)


def test_each_month_lies_in_the_folder_of_its_date_and_holds_only_its_orders(
    files: list[MonthFile],
) -> None:
    assert [file.folder for file in files] == ["2016/01", "2016/02", "2016/03"]
    for file in files:
        assert file.path.parts[-3:-1] == tuple(file.folder.split("/"))
        assert {f"{line.month:%Y/%m}" for line in read([file.path], str)} == {file.folder}


def test_the_figures_of_a_file_are_those_that_it_holds(files: list[MonthFile]) -> None:
    assert sum(file.rows for file in files) == 1200
    for file in files:
        lines = read([file.path], str)
        assert (file.rows, file.sales, file.profit) == (len(lines), *money(lines))


def test_equal_seeds_give_equal_bytes_and_other_seeds_others(
    files: list[MonthFile], tmp_path: Path
) -> None:
    same = generate(tmp_path / "same", seed=3, months=3, rows=1200)
    other = generate(tmp_path / "other", seed=4, months=3, rows=1200)
    assert [file.path.read_bytes() for file in same] == [file.path.read_bytes() for file in files]
    assert other[0].path.read_bytes() != files[0].path.read_bytes()


def wrinkles(paths: list[Path]) -> set[str]:
    """Which peculiarities of the published file occur."""
    text = b"".join(path.read_bytes() for path in paths).decode("utf-8")
    found = records(paths)
    pairs = [(one["Order ID"], one["Product ID"]) for one in found]
    decimals = {len(one["Sales"].partition(".")[2]) for one in found}
    seen = {
        "byte order mark": text.startswith("\ufeff"),
        "CRLF": "\r\n" in text,
        "quoted commas": any("," in one["Product Name"] for one in found),
        "quoted quotes": '""' in text,
        "no-break spaces": "\u00a0" in text,
        "postal codes missing": any(not one["Postal Code"] for one in found),
        "leading zeros lost": any(len(one["Postal Code"]) == 4 for one in found),
        "orders of many lines": len({order for order, _ in pairs}) < len(pairs) / 2 + 1,
        "a product twice in an order": len(set(pairs)) < len(pairs),
        "no to three decimals and more": {0, 1, 2, 3} <= decimals <= {0, 1, 2, 3, 4},
        "losses": any(one["Profit"].startswith("-") for one in found),
        "a name of several letters of other alphabets": any(
            not one["Customer Name"].isascii() for one in found
        ),
    }
    return {name for name, is_there in seen.items() if is_there}


def test_the_generated_files_have_the_wrinkles_of_the_published_one(files: list[MonthFile]) -> None:
    assert len(wrinkles([file.path for file in files])) == 12


def test_the_header_is_the_contracts_and_every_line_can_be_cut_up_again(
    files: list[MonthFile], tmp_path: Path
) -> None:
    names = [headers.normalized_header(column.source_name) for column in CONTRACT.columns]
    with files[0].path.open(encoding="utf-8-sig", newline="") as lines:
        assert [headers.normalized_header(name) for name in next(csv.reader(lines))] == names
    again = split(files[1].path, tmp_path)
    assert [file.path.read_bytes() for file in again] == [files[1].path.read_bytes()]


def test_a_month_without_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="months=4, rows=3"):
        generate(tmp_path, seed=1, months=4, rows=3)


def test_the_command_writes_and_tells_each_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert superstore.main(["--out", str(tmp_path), "--rows", "20", "--months", "2"]) == 0
    assert "2016/02/superstore_2016_02.csv  rows     10" in capsys.readouterr().out


def test_the_published_lines_have_every_wrinkle() -> None:
    assert len(wrinkles([REAL_FILE])) == 12


def test_the_published_lines_are_cut_into_months_that_add_up(tmp_path: Path) -> None:
    months = split(REAL_FILE, tmp_path)
    assert (len(months), sum(month.rows for month in months)) == (47, 519)
    assert sum(month.sales for month in months) == Decimal("160484.4323")
    assert sum(month.profit for month in months) == Decimal("8740.7267")
    assert sorted(
        records([month.path for month in months]), key=lambda one: int(one["Row ID"])
    ) == records([REAL_FILE])
