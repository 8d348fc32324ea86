"""The published table of mistakes has every case once; what its rows say is held by test_broken_contracts."""

from __future__ import annotations

from tests.unit.contracts.cases.page import ALL_CASES, COMMAND, PAGE, SECTIONS, page


def test_the_page_has_exactly_the_rows_of_all_cases() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = {
        line.split(" | ", 1)[0]: line
        for line in text.splitlines(keepends=True)
        if line.startswith("| ")
    }
    expected = page(
        {name: rows.get(f"| {name.replace('_', ' ')}", "no row\n") for name in ALL_CASES}
    )
    assert text == expected, f"{PAGE.name} is stale; run: {COMMAND}"


def test_every_case_is_on_the_page_once() -> None:
    assert len(ALL_CASES) == sum(
        len(cases) for cases in SECTIONS.values()
    )  # no name used in two sections
    assert len(ALL_CASES) >= 40
