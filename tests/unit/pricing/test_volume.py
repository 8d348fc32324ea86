"""A volume file is read, and a mistake in it is told with its line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from contracts.errors import ContractInvalid
from pricing import volume
from pricing.price_list import FILE

EXAMPLE = FILE.with_name("example_volume.yaml")
DATASETS = ("sales_records", "superstore")


def test_the_example_is_valid() -> None:
    found = volume.load(EXAMPLE, DATASETS)
    assert set(found.datasets) == set(DATASETS)
    assert found.datasets["superstore"].stored_gigabytes == Decimal("0.5")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("  superstore:", "  superstores:", r":9: datasets\.superstores: .*did you mean 'superstore'"),
        ("    runs: 4\n", "    runs: 0\n", r":10: datasets\.superstore\.runs: .*0"),
        ("    files: 4\n", "", r":9: datasets\.superstore\.files: .*missing"),
        ("    files: 4\n", "    file: 4\n", r":11: datasets\.superstore\.file: .*did you mean 'files'"),
        ("megabytes: 9", "megabytes: many", r":13: datasets\.superstore\.megabytes: .*many"),
        ("scanned_gigabytes: 50", "scanned_gigabytes: -1", r":15: scanned_gigabytes: .*-1"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "volume.yaml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ContractInvalid, match=told):
        volume.load(file, DATASETS)


def test_a_missing_file_is_told() -> None:
    with pytest.raises(ContractInvalid, match=r"no volume file nowhere\.yaml; .*example"):
        volume.load(Path("nowhere.yaml"), DATASETS)
