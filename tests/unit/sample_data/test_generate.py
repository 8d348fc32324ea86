"""The fates and totals that the generator promises are those of the files it writes.

The files are read back here with csv and Decimal and checked against the compiled contract, by nothing that the
generator uses.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import time
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest

from contracts import headers, model
from sample_data.broken import FAULTS, break_rows
from sample_data.generate import (
    BROKEN_FILE_ROWS,
    HERE,
    SampleSet,
    generate,
    write_big_file,
    write_samples,
)
from sample_data.sales_rows import order_number

ROOT = Path(__file__).resolve().parents[3]
REAL_FILE = ROOT / "tests" / "real" / "sales_records_500.csv"
SALES = model.load("sales_records")
TOTALS = ("total_revenue", "total_cost", "total_profit")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SampleSet:
    """A set of nine months."""
    return generate(tmp_path_factory.mktemp("sample"), seed=3, months=9, rows=1000)


def text_of(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")


def records(path: Path) -> list[dict[str, str]]:
    """Records by normalized header, values trimmed; a short record lacks its last names."""
    reader = csv.reader(io.StringIO(text_of(path), newline=""))
    header = [headers.normalized_header(name) for name in next(reader)]
    return [
        dict(zip(header, (value.strip() for value in values), strict=False)) for values in reader
    ]


def typed(record: dict[str, str], column: model.Column) -> Any:
    text = record[headers.normalized_header(column.source_name)]
    if column.type == "date":
        return datetime.strptime(text, "%m/%d/%Y").date()
    if column.type in ("int", "bigint"):
        return int(text)
    return Decimal(text) if column.type.startswith("decimal") else text


def complaints(record: dict[str, str]) -> Iterator[str]:
    """What the contract says against a record, each as column.kind or rule id."""
    values: dict[str, Any] = {}
    for column in SALES.columns:
        if not record.get(headers.normalized_header(column.source_name)):
            yield f"{column.name}.required"
            continue
        try:
            values[column.name] = typed(record, column)
        except (ValueError, InvalidOperation):
            yield f"{column.name}.type"
            continue
        yield from (f"{column.name}.{kind}" for kind in limits_broken(column, values[column.name]))
    yield from rules_broken(values)


def limits_broken(column: model.Column, value: Any) -> Iterator[str]:
    parse = date.fromisoformat if column.type == "date" else type(value)
    if column.minimum is not None and value < parse(column.minimum):
        yield "minimum"
    if column.maximum is not None and value > parse(column.maximum):
        yield "maximum"
    if column.allowed and value not in column.allowed:
        yield "allowed"
    if column.max_length is not None and len(value) > column.max_length:
        yield "max_length"


def rules_broken(values: dict[str, Any]) -> Iterator[str]:
    """The cross-column rules, written down a second time."""
    cent = Decimal("0.01")
    rules = {
        "revenue_is_units_times_price": lambda v: (
            abs(v["units_sold"] * v["unit_price"] - v["total_revenue"]) <= cent
        ),
        "cost_is_units_times_cost": lambda v: (
            abs(v["units_sold"] * v["unit_cost"] - v["total_cost"]) <= cent
        ),
        "profit_is_revenue_minus_cost": lambda v: (
            abs(v["total_revenue"] - v["total_cost"] - v["total_profit"]) <= cent
        ),
        "shipped_on_or_after_order": lambda v: v["ship_date"] >= v["order_date"],
    }
    for rule in SALES.rules:
        if (
            rule.action == "quarantine"
            and set(rule.columns) <= set(values)
            and not rules[rule.id](values)
        ):
            yield rule.id


def money(rows: list[dict[str, str]]) -> dict[str, Decimal]:
    zero = Decimal("0.00")
    return {
        name: sum((Decimal(row[name.replace("_", "")]) for row in rows), zero) for name in TOTALS
    }


def surviving(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The last good record of each order."""
    good = [row for row in rows if not list(complaints(row))]
    return list({row["orderid"]: row for row in good}.values())


def test_every_loaded_file_holds_what_it_promises(sample: SampleSet) -> None:
    for file in sample.files:
        if file.fate != "loaded":
            continue
        rows = records(file.path)
        bad = [row for row in rows if list(complaints(row))]
        kept = surviving(rows)
        assert (len(rows), len(bad), len(kept)) == (file.rows, file.quarantined, file.loaded), (
            file.name
        )
        assert len(rows) - len(bad) - len(kept) == file.deduplicated
        assert money(kept) == file.totals, file.name


def test_the_set_adds_up_and_no_order_is_in_two_files(sample: SampleSet) -> None:
    loaded = [file for file in sample.files if file.fate == "loaded"]
    orders = [row["orderid"] for file in loaded for row in surviving(records(file.path))]
    assert len(orders) == len(set(orders)) == sum(file.loaded for file in sample.files)
    assert sample.totals == money([row for file in loaded for row in surviving(records(file.path))])
    assert sum(file.rows for file in loaded) == 1000 + BROKEN_FILE_ROWS
    assert sum(file.deduplicated for file in loaded) > 0


def test_a_month_holds_only_orders_of_that_month(sample: SampleSet) -> None:
    for file in sample.files[:9]:
        year, month = int(file.name[6:10]), int(file.name[11:13])
        days = [typed(row, SALES.column("order_date")) for row in records(file.path)]
        assert {(day.year, day.month) for day in days} == {(year, month)}


def test_the_dialects_that_partners_use_are_all_there(sample: SampleSet) -> None:
    monthly = {file.name: text_of(file.path) for file in sample.files[:9]}
    headers = {name: text.splitlines()[0] for name, text in monthly.items()}
    assert headers["sales_2023_01.csv"].startswith("Region,Country,Item Type")
    assert headers["sales_2023_02.csv"].startswith("ID,Region,Country,Item_Type")
    assert "\r\n" in monthly["sales_2023_02.csv"]
    assert headers["sales_2023_03.csv"].startswith("\ufeffRegion")
    assert headers["sales_2023_05.csv"].startswith('"Region","Country"')
    assert headers["sales_2023_06.csv"].startswith("Total_Profit,Total_Cost")
    assert "sales_2023_07.csv.gz" in monthly
    assert any(
        '"Bahamas, The"' in text for name, text in monthly.items() if name != "sales_2023_05.csv"
    )
    assert any("Tunisia ," in text for text in monthly.values())


def test_one_file_is_sent_twice_and_one_is_a_picture(sample: SampleSet) -> None:
    by_fate = {
        fate: [file for file in sample.files if file.fate == fate]
        for fate in ("duplicate", "rejected")
    }
    (again,), (picture,) = by_fate["duplicate"], by_fate["rejected"]
    hashes = [hashlib.sha256(file.path.read_bytes()).hexdigest() for file in sample.files]
    assert hashes.count(hashlib.sha256(again.path.read_bytes()).hexdigest()) == 2
    assert sample.files.index(again) > 0, "the original must be uploaded first"
    assert (picture.path.suffix, picture.path.read_bytes()[:8]) == (".csv", b"\x89PNG\r\n\x1a\n")
    assert again.rows == picture.rows == 0


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    def hashes(folder: str, seed: int) -> dict[str, str]:
        files = generate(tmp_path / folder, seed=seed, months=7, rows=140).files
        return {file.name: hashlib.sha256(file.path.read_bytes()).hexdigest() for file in files}

    first, again, other = hashes("a", 1), hashes("b", 1), hashes("c", 2)
    assert first == again
    assert first["sales_2023_01.csv"] != other["sales_2023_01.csv"]


def test_order_numbers_have_nine_digits_and_do_not_repeat() -> None:
    numbers = {order_number(serial) for serial in range(200_000)}
    assert len(numbers) == 200_000
    assert min(numbers) >= 100_000_000
    assert max(numbers) <= 999_999_999


def test_too_few_rows_for_the_months_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="months=24, rows=100: at least one month and 10 rows a month"
    ):
        generate(tmp_path, seed=1, months=24, rows=100)


@pytest.mark.parametrize("source", [None, REAL_FILE])
def test_ten_rows_broken_in_ten_ways_give_ten_reasons_and_touch_no_other_row(
    source: Path | None, sample: SampleSet, tmp_path: Path
) -> None:
    source = source or sample.files[1].path  # with ID column and CRLF
    target = tmp_path / "broken.csv"
    broken = break_rows(source, target)
    assert [row.fault for row in broken] == [name for name, _ in FAULTS]
    rows, before = records(target), records(source)
    reasons = {
        number: frozenset(complaints(row))
        for number, row in enumerate(rows, start=1)
        if list(complaints(row))
    }
    assert list(reasons) == [row.row for row in broken]
    assert len(set(reasons.values())) == 10
    assert [sorted(reasons[row.row]) for row in broken[:9]] == [
        ["order_date.type"],
        ["order_id.type"],
        ["country.required"],
        ["sales_channel.allowed"],
        ["units_sold.minimum"],
        ["revenue_is_units_times_price"],
        ["cost_is_units_times_cost"],
        ["profit_is_revenue_minus_cost"],
        ["shipped_on_or_after_order"],
    ]
    assert [row.order_id for row in broken] == [before[row.row - 1]["orderid"] for row in broken]
    changed = {
        number
        for number, (old, new) in enumerate(zip(lines(source), lines(target), strict=True))
        if old != new
    }
    assert changed == {row.row for row in broken}


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_breaking_more_rows_than_there_are_ways_is_refused(
    sample: SampleSet, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="n=11"):
        break_rows(sample.files[0].path, tmp_path / "x.csv", n=11)


def test_committed_samples_are_those_that_the_generator_writes(tmp_path: Path) -> None:
    broken = write_samples(tmp_path)
    assert len(broken) == 10
    for file in sorted(tmp_path.iterdir()):
        fresh, committed = file.read_bytes(), (HERE / file.name).read_bytes()
        assert committed == fresh, "stale; run: python -m sample_data.generate --samples"
    valid = records(HERE / "sales_records_valid.csv")
    assert (len(valid), len(surviving(valid))) == (20, 20)
    mixed = records(HERE / "sales_records_broken.csv")
    assert (len(mixed), len(surviving(mixed))) == (200, 190)


def test_the_file_of_broken_rows_stays_below_the_share_that_halts_a_run(sample: SampleSet) -> None:
    (broken,) = (file for file in sample.files if file.quarantined)
    assert Decimal(broken.quarantined) / broken.rows < Decimal(SALES.max_quarantined_share)
    assert Decimal(10) / 200 < Decimal(SALES.max_quarantined_share)


def test_a_hundred_thousand_rows_take_less_than_three_seconds(tmp_path: Path) -> None:
    start = time.perf_counter()
    written = write_big_file(tmp_path / "big.csv", rows=100_000, seed=5)
    assert time.perf_counter() - start < 3.0
    rows = records(tmp_path / "big.csv")
    assert written.rows == len(rows) == 100_000
    assert money(rows) == written.totals
