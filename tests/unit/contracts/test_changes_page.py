"""The published table of changes is what the diff says today, to the word."""

from __future__ import annotations

from tests.unit.contracts.cases.changes import CHANGES
from tests.unit.contracts.cases.changes_page import COMMAND, PAGE, PAIRS, page
from tests.unit.contracts.cases.other_changes import OTHER_CHANGES


def test_the_page_of_changes_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), f"{PAGE.name} is stale; run: {COMMAND}"


def test_no_change_is_named_twice() -> None:
    assert len(PAIRS) == len(CHANGES) + len(OTHER_CHANGES)
