"""A difference in any account, in rows or in a cent, is told."""

from decimal import Decimal

import pytest

from slipway.reading import reconciliation
from slipway.reading.reconciliation import Line

NAMES = ("revenue",)


def line(rows: int | None, revenue: str | None, label: str = "x") -> Line:
    return Line(label=label, rows=rows, totals=(Decimal(revenue) if revenue is not None else None,))


def differences(files: Line, parts: list[Line], tables: list[Line]) -> list[str]:
    return list(reconciliation._differences(NAMES, files, parts, tables))


FILES = line(10, "100.00")
PARTS = [
    line(7, "70.00", "loaded"),
    line(2, "20.00", "quarantined"),
    line(1, "10.00", "deduplicated"),
]
TABLES = [
    line(7, "70.00", "processed"),
    line(None, "70.00", "curated a"),
    line(None, None, "curated b"),
]


def test_equal_accounts_have_no_difference() -> None:
    assert differences(FILES, PARTS, TABLES) == []


@pytest.mark.parametrize(
    ("files", "tables", "told"),
    [
        (line(11, "100.00"), TABLES, "11 rows were delivered, the ledger accounts for 10"),
        (
            line(10, "100.01"),
            TABLES,
            "revenue: 100.01 was delivered, the ledger accounts for 100.00",
        ),
        (FILES, [line(6, "70.00", "processed")], "the ledger says 7 rows loaded, processed has 6"),
        (
            FILES,
            [line(None, "69.99", "curated a")],
            "revenue: the ledger says 70.00, curated a has 69.99",
        ),
    ],
)
def test_one_row_or_one_cent_is_told(files: Line, tables: list[Line], told: str) -> None:
    assert differences(files, PARTS, tables) == [told]
