"""A marketplace's database that keeps writing, read three times: whoever holds its tables says what the shop says."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway import __main__ as command_line


@pytest.mark.deep
def test_files_tables_silver_and_marts_are_what_the_shop_s_database_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_STATE", str(tmp_path))
    assert command_line.main(["demo", "--story", "marketplace", "--rows", "8000"]) == 0
