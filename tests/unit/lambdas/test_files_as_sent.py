"""Files as people really send them (tests/cases): what intake accepts, and what it says about the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts import headers, model
from contracts.errors import FileRejected
from contracts.model import Contract
from lambdas.intake.headers import HeaderRule
from lambdas.intake.inspection import Inspection, inspect
from tests.cases.payouts import PAYOUTS

CASES = Path(__file__).parents[2] / "cases"
SALES = model.load("sales_records")


def inspected(case: str, contract: Contract = SALES) -> Inspection:
    body = (CASES / case).read_bytes()
    return inspect([body], HeaderRule(contract=contract, change="evolve"), gzipped=False)


def refusal(case: str, contract: Contract = SALES) -> str:
    with pytest.raises(FileRejected) as caught:
        inspected(case, contract)
    assert caught.value.reason == "header_mismatch"
    return caught.value.detail


@pytest.mark.parametrize(
    ("case", "rows", "nameless", "notes"),
    [
        (
            "14_trailing_empty_columns/c14_trailing_empty_columns.csv",
            12,
            3,
            ("columns 15 to 17 without a name, empty in every record: skipped",),
        ),
        (
            "17_trailing_delimiter/c17_trailing_delimiter.csv",
            12,
            1,
            ("every record ends with an empty field more than the header has names: skipped",),
        ),
        ("48_header_renamed/c48b_header_case.csv", 12, 0, ()),
        ("12_header_repeated/c12_header_repeated.csv", 61, 0, ()),
        ("12_header_repeated/c12b_bom_mid_file.csv", 60, 0, ()),
        ("22_space_before_quote/c22_space_before_quote.csv", 30, 0, ()),
    ],
)
def test_nameless_fields_that_hold_nothing_are_skipped_and_told_once(
    case: str, rows: int, nameless: int, notes: tuple[str, ...]
) -> None:
    found = inspected(case)
    assert (found.row_count, found.notes) == (rows, notes)
    columns = headers.columns_of(SALES, found.header)
    assert columns == (*(column.name for column in SALES.columns), *[None] * nameless)


def test_a_currency_is_part_of_a_name() -> None:
    detail = refusal("48_header_renamed/c48e_euro_headers.csv")
    assert (
        "missing: 'unit_price', 'unit_cost', 'total_revenue', 'total_cost', 'total_profit'"
        in detail
    )
    assert "unknown: 'Unit Price (€)' (is it 'unit_price'?), 'Unit Cost (€)'" in detail


def test_a_percent_sign_a_currency_and_nothing_are_three_names() -> None:
    percent = inspected("62_payouts/payouts_percent.csv", PAYOUTS)
    assert headers.columns_of(PAYOUTS, percent.header)[-1] == "fee_percent"
    assert percent.notes == ()
    assert refusal("62_payouts/payouts_dollar.csv", PAYOUTS).endswith("; unknown: '$'")
    assert refusal("62_payouts/payouts_unnamed.csv", PAYOUTS) == (
        "column 8 has no name in the header, but record 1 has '777.00' in it; name the column, or leave it empty in "
        "every record"
    )
