"""The comparison of an extract with COPY: it reads all rows in both ways, and one more day alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import table_extract


def test_an_extract_is_measured_beside_a_copy_of_the_same_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table_extract, "RESULT", tmp_path / "figures.json")
    table_extract.main(["--rows", "2190", "--repeats", "1"])
    figures = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert (figures["rows"], figures["one_more_day_rows"]) == (2190, 3)
    assert 0 < figures["longest_query_seconds"] <= figures["extract_seconds"]
    assert "2,190 rows" in capsys.readouterr().out
