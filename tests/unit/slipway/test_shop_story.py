"""The comparison of a shop with the lake: whatever differs is named, a row or a cent."""

from __future__ import annotations

from decimal import Decimal

import pytest

from slipway.acting.shop_story import Account, _differences, _sums

ROWS = [("1", "10.00", "4.00", "6.00"), ("2", "0.50", "0.25", "0.25")]
AGREED = _sums(ROWS)


def accounts(
    curated: tuple[int, Decimal, Decimal, Decimal] = AGREED,
) -> tuple[Account, ...]:
    return (Account(label="shop", figures=AGREED), Account(label="curated", figures=curated))


def test_what_agrees_has_no_difference() -> None:
    assert (2, Decimal("10.50"), Decimal("4.25"), Decimal("6.25")) == AGREED
    assert list(_differences(ROWS, list(ROWS), accounts())) == []


@pytest.mark.parametrize(
    ("here", "told"),
    [
        (ROWS[:1], "1 rows are only in the shop, such as [('2', '0.50'"),
        ([*ROWS, ("3", "1.00", "1.00", "0.00")], "1 rows are only in the lake, such as [('3'"),
        ([ROWS[0], ("2", "0.51", "0.25", "0.26")], "1 rows are only in the lake, such as [('2', '0.51'"),
    ],
)  # fmt: skip
def test_a_row_that_is_missing_or_another_is_named(here: list[tuple[str, ...]], told: str) -> None:
    assert any(told in each for each in _differences(ROWS, here, accounts()))


def test_a_cent_of_the_curated_table_is_named() -> None:
    curated = (2, Decimal("10.49"), Decimal("4.25"), Decimal("6.25"))
    [told] = _differences(ROWS, list(ROWS), accounts(curated))
    assert "curated: (2, Decimal('10.49')" in told
