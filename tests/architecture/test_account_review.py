"""Every finding of the review of the templates has a row that answers it, and what a row names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "account_review.md"
# As the review of November 2026 numbered them: (a) errors, (b) probable faults, (c) security, what was missing of D9
# in the order of its sentence, (f) what a serious team asks for. F5 is D9.
FINDINGS = (
    *(f"A{number}" for number in range(1, 7)),
    *(f"B{number}" for number in range(1, 14)),
    *(f"C{number}" for number in range(1, 7)),
    *(f"D9.{number}" for number in range(1, 11)),
    *(f"F{number}" for number in range(1, 12) if number != 5),
)
NUMBER = r"[A-F]\d+(?:\.\d+)?"
ANSWER = re.compile(r"built(, off as shipped| in part)?|yours|refused( for partitions)?")


def rows() -> list[list[str]]:
    """Cells of every row that begins with the number of a finding."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and re.match(rf"{NUMBER}\b", cells[0]):
            found.append(cells)
    return found


def numbers(cell: str) -> list[str]:
    """`D9.9, F4 Roles for people` is about two findings."""
    leading = re.match(rf"(?:{NUMBER},? )+", cell + " ")
    return re.findall(NUMBER, leading.group()) if leading else []


def test_every_finding_has_a_row_and_every_row_a_finding() -> None:
    answered = {number for cells in rows() for number in numbers(cells[0])}
    assert answered == set(FINDINGS)


def test_every_row_says_what_became_of_it_and_where_or_why() -> None:
    for finding, answer, reason in rows():
        assert ANSWER.fullmatch(answer), finding
        assert reason, finding


def test_what_is_built_names_what_is_there() -> None:
    """Files by their path; settings, commands and documents are held to the code by tests of their own."""
    for finding, answer, reason in rows():
        paths = re.findall(r"`((?:stacks|lambdas|tests|docs|state_machines)/[\w./]+)`", reason)
        assert [path for path in paths if not (ROOT / path).is_file()] == [], finding
        if answer.startswith("built"):
            assert re.search(r"`[^`]+`|\]\(|the alarm \w+", reason), finding
