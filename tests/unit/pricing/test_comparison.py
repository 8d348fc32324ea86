"""The difference of two templates as a comment: what changed, the sums, and what nobody has priced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pricing import comparison, price_list
from pricing.estimate import Estimate
from pricing.estimating import estimate
from tests.unit.pricing.small import templates

PRICES = price_list.load()


def priced(folder: Path, **more: Any) -> Estimate:
    return estimate(templates(folder, **more), PRICES)


def test_what_changed_is_a_row_and_the_rest_is_not(tmp_path: Path) -> None:
    server = {"Type": "AWS::Transfer::Server", "Properties": {"Protocols": ["SFTP"]}}
    before, after = priced(tmp_path / "a"), priced(tmp_path / "b", Server=server)
    text = comparison.as_markdown(before, after)
    assert "| Transfer Family | SFTP server, used or not | 0.00 | 219.00 |" in text
    assert "keys" not in text
    assert "| **all** | | **1.0" in text


def test_no_change_is_said_in_a_sentence(tmp_path: Path) -> None:
    text = comparison.as_markdown(priced(tmp_path), priced(tmp_path))
    assert "No change: 1.0" in text
    assert "|" not in text


def test_a_type_without_a_price_is_named(tmp_path: Path) -> None:
    thing = {"Type": "AWS::New::Thing", "Properties": {}}
    text = comparison.as_markdown(priced(tmp_path / "a"), priced(tmp_path / "b", Thing=thing))
    assert "**No price is known of AWS::New::Thing.**" in text
