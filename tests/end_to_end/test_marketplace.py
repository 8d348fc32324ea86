"""Six related datasets and three marts, deployed from a copy of this project, are what the files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway import __main__ as command_line


@pytest.mark.deep
def test_every_mart_is_what_the_files_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_STATE", str(tmp_path))
    assert command_line.main(["demo", "--story", "marketplace"]) == 0
