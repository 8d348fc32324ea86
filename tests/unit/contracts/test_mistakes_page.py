"""The published table of mistakes is what the check says today."""

from __future__ import annotations

from tests.unit.contracts.cases.page import ALL_CASES, COMMAND, PAGE, SECTIONS, page


def test_the_page_of_mistakes_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), f"{PAGE.name} is stale; run: {COMMAND}"


def test_every_case_is_on_the_page_once() -> None:
    assert len(ALL_CASES) == sum(len(cases) for cases in SECTIONS.values())  # no name used in two sections
    assert len(ALL_CASES) >= 40
