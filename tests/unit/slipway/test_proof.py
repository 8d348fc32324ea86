"""The independent account counts what was delivered, whatever the layout of the file."""

import gzip
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from contracts import model
from slipway.reading import independent_count

HEADER = (
    "Region,Country,Item Type,Sales Channel,Order Priority,Order Date,Order ID,Ship Date,"
    "Units Sold,Unit Price,Unit Cost,Total Revenue,Total Cost,Total Profit"
)
ROW = 'Asia,"Korea, Republic of",Snacks,Online,H,7/5/2010,{order},7/26/2010,1,2.00,1.00,{revenue},1.00,1.00'


def file(folder: Path, name: str, *rows: str, header: str = HEADER) -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_rows_and_money_add_up_over_files_of_different_layouts(tmp_path: Path) -> None:
    plain = file(tmp_path, "a.csv", ROW.format(order=1, revenue="2.10"))
    underscored = file(
        tmp_path,
        "b.csv",
        ROW.format(order=2, revenue="0.05"),
        header="\ufeff" + HEADER.replace(" ", "_"),
    )
    packed = tmp_path / "c.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    account = independent_count.delivered([plain, underscored, packed], model.load("sales_records"))
    assert account.rows == 3
    assert account.totals["total_revenue"] == Decimal("4.25")
    assert account.totals["total_profit"] == Decimal("3.00")


def test_a_value_that_is_no_plain_amount_counts_as_nothing(tmp_path: Path) -> None:
    odd = ["1e3", "NaN", "1,5", "٣", "12.345", "", "abc", ".", "12345678901234567.00", "1\u00a02"]
    rows = [ROW.format(order=n, revenue=f'"{text}"') for n, text in enumerate(odd)]
    account = independent_count.delivered(
        [file(tmp_path, "odd.csv", *rows)], model.load("sales_records")
    )
    assert account.rows == len(odd)
    assert account.totals["total_revenue"] == 0


def test_an_amount_of_38_digits_is_judged_by_all_of_them(tmp_path: Path) -> None:
    contract = model.load("sales_records")
    wide = [replace(column, type="decimal(38,2)") for column in contract.columns]
    contract = replace(contract, columns=tuple(wide))
    rows = [ROW.format(order=1, revenue="9" * 36 + ".99"), ROW.format(order=2, revenue="9" * 37)]
    for row, expected in zip(rows, (Decimal("9" * 36 + ".99"), Decimal(0)), strict=True):
        account = independent_count.delivered([file(tmp_path, "wide.csv", row)], contract)
        assert account.totals["total_revenue"] == expected


def test_a_row_of_the_wrong_length_counts_as_a_row_without_money(tmp_path: Path) -> None:
    whole = ROW.format(order=1, revenue="2.00")
    short, long = whole.removesuffix(",1.00,1.00"), whole + ",9.00"
    account = independent_count.delivered(
        [file(tmp_path, "lengths.csv", whole, short, long)], model.load("sales_records")
    )
    assert (account.rows, account.totals["total_revenue"]) == (3, Decimal("2.00"))


def test_an_amount_written_without_loss_counts_whatever_its_zeros_and_blanks(
    tmp_path: Path,
) -> None:
    odd = ["47.4500", "0000000000000000238", ".99", "5.", "\u200b+1.0\u202f"]
    rows = [ROW.format(order=n, revenue=text) for n, text in enumerate(odd)]
    account = independent_count.delivered(
        [file(tmp_path, "odd.csv", *rows)], model.load("sales_records")
    )
    assert account.totals["total_revenue"] == Decimal("292.44")


def test_a_delimiter_at_the_end_of_every_row_is_no_field(tmp_path: Path) -> None:
    whole = ROW.format(order=1, revenue="2.00")
    both = [
        file(tmp_path, "ends.csv", whole + ",", whole[:-5] + ","),
        file(tmp_path, "mixed.csv", whole, whole + ","),
    ]
    contract = model.load("sales_records")
    assert independent_count.delivered(both[:1], contract).totals["total_revenue"] == Decimal(
        "2.00"
    )
    assert independent_count.delivered(both[1:], contract).totals["total_revenue"] == Decimal(
        "2.00"
    )
