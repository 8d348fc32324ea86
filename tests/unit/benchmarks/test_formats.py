"""The comparison of table formats: it stops where they differ, and says ratios of Iceberg's figures."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from benchmarks.formats import differences, table

SEEN = ["3", "6", "1.50"]
FOUND: dict[str, Any] = {
    **{"merged": SEEN, "travelled": SEEN, "rolled back": SEEN, "erased": SEEN, "other_reader": None},
    **{"seconds": {"load": 2.0, "merge": 4.0}, "processor_seconds": 10.0},
    **{"state": {"files": 12, "bytes": 2_000_000}, "bytes_on_disk": 4_000_000, "bytes_left": 1_000_000},
}  # fmt: skip


def both() -> dict[str, dict[str, Any]]:
    delta = {**deepcopy(FOUND), "other_reader": SEEN, "seconds": {"load": 3.0, "merge": 2.0}}
    return {"iceberg": deepcopy(FOUND), "delta": delta}


def test_formats_that_agree_have_no_difference() -> None:
    assert list(differences(both())) == []


@pytest.mark.parametrize("what", ["merged", "travelled", "rolled back", "erased"])
def test_a_row_that_only_one_format_has_is_told(what: str) -> None:
    found = both()
    found["delta"][what] = ["4", "6", "1.50"]
    told = list(differences(found))
    assert any(sentence.startswith(f"{what}: iceberg has {SEEN}") for sentence in told)


def test_what_an_independent_reader_sees_is_compared_too() -> None:
    found = both()
    found["delta"]["other_reader"] = ["3", "6", "1.51"]
    [told] = differences(found)
    assert told.startswith("deltalake sees ['3', '6', '1.51']")


def test_ratios_are_deltas_by_icebergs() -> None:
    lines = list(table({"rows": 3, "load_average": 0.5, "formats": both()}))
    assert lines[0] == "3 rows, load of the machine 0.5"
    ratios = {line[:28].strip(): line.split()[-2] for line in lines[2:]}
    assert (ratios["load, s"], ratios["merge, s"]) == ("1.50", "0.50")
    assert ratios["MB of the merged table"] == "1.00"
    assert ratios["files of the merged table"] == "1.00"
