"""The list of prices is whole, and a mistake in it is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.errors import ContractInvalid
from pricing import by_volume, price_list

GOOD = """\
as_of: "2026-11-29"
region: us-east-1
prices:
  key: {service: KMS, unit: key, usd: 1, confirmed: yes, source: aws.amazon.com/kms/pricing}
rates: {}
priced_types: {"AWS::KMS::Key": [key]}
free_types: {}
not_estimated_types: {}
"""


def written(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in GOOD
    file = folder / "prices.yaml"
    file.write_text(GOOD.replace(old, new) if old else GOOD, encoding="utf-8")
    return file


def test_every_price_of_the_shipped_list_is_of_some_type() -> None:
    prices = price_list.load()
    used = {name for names in prices.priced_types.values() for name in names}
    assert set(prices.prices) - used == set()


def test_every_rate_of_the_volume_stands_in_the_shipped_list() -> None:
    prices = price_list.load()
    for table in (by_volume.BY_RUN, by_volume.BY_FILE):
        assert set(table) <= set(prices.prices)
        assert set(table.values()) <= set(prices.rates)


def test_a_small_list_is_read(tmp_path: Path) -> None:
    prices = price_list.load(written(tmp_path))
    assert prices.prices["key"].usd == 1
    assert prices.knows("AWS::KMS::Key")
    assert not prices.knows("AWS::KMS::Alias")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("usd: 1,", "usd: -1,", r"prices\.yaml:4: prices\.key\.usd: .*-1"),
        ("usd: 1,", "usd: about 1,", r"prices\.yaml:4: prices\.key\.usd: .*about 1"),
        ("confirmed: yes", "confirmed: perhaps", r"prices\.yaml:4: prices\.key\.confirmed: .*perhaps"),
        (", source: aws.amazon.com/kms/pricing", "", r"prices\.yaml:4: prices\.key\.source: .*missing"),
        ("[key]", "[keys]", r"prices\.yaml:6: .*no price is called 'keys'"),
        (
            "free_types: {}",
            'free_types: {"AWS::KMS::Key": "no"}',
            r"prices\.yaml:7: .*stands in two sections",
        ),
        ("rates: {}", "rates: {x: {low: 2, high: 1, reason: r}}", r"prices\.yaml:5: rates\.x: low is 2"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(ContractInvalid, match=told):
        price_list.load(written(tmp_path, old, new))
