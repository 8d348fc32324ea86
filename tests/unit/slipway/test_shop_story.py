"""The comparison of a shop with the lake: whatever differs is named, a row or a cent."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest

from slipway import __main__ as command_line
from slipway.acting.shop_story import Account, Ending, _differences, _sums
from slipway.commands import stories

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


@pytest.mark.parametrize(
    ("differences", "code", "told"),
    [
        ((), 0, "every row and cent of the shop is in the lake"),
        (("2 rows [gone]",), 1, "does not agree: 2 rows [gone]"),
    ],
)  # fmt: skip
def test_the_demonstration_shows_each_account_and_ends_as_they_agree(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    differences: tuple[str, ...],
    code: int,
    told: str,
) -> None:
    stopped: list[bool] = []
    cloud = SimpleNamespace(stop=lambda: stopped.append(True))
    ending = Ending(accounts=accounts(), differences=differences)
    monkeypatch.setattr(stories.up, "bring_up", lambda *_: cloud)
    monkeypatch.setattr(stories, "connect", lambda _environment: None)
    monkeypatch.setattr(stories.shop_story, "tell", lambda *_, **_given: ending)
    assert command_line.main(["demo", "--story", "shop", "--rows", "10"]) == code
    shown = " ".join(capsys.readouterr().out.split())
    assert told in shown
    assert "10.50" in shown
    assert stopped == [True]
