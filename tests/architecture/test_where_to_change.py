"""Adding a kind of table rule, a step or a table format stays a matter of few files, and the page says which."""

from __future__ import annotations

import re

import pytest

from tests.architecture.test_documents import ROOT

MOST_FILES = 6
PAGE = (ROOT / "docs" / "where_to_change.md").read_text(encoding="utf-8")
TRIED = PAGE.partition("\n## Tried\n")[2].partition("\n## ")[0]
LISTS = dict(re.findall(r"^### (.+)\n((?:(?!### ).*\n?)*)", TRIED, re.MULTILINE))


def files(section: str) -> list[str]:
    """The file that each item of the numbered list begins with."""
    return re.findall(r"^\d+\. `([^`]+)`", section, re.MULTILINE)


def test_the_page_has_the_three_kinds_that_were_tried() -> None:
    assert list(LISTS) == ["A kind of table rule", "A step of a run", "A table format"]


@pytest.mark.parametrize("kind", LISTS)
def test_a_new_one_takes_few_existing_files_each_named_once(kind: str) -> None:
    named = files(LISTS[kind])
    items = re.findall(r"^\d+\. ", LISTS[kind], re.MULTILINE)
    assert 0 < len(named) <= MOST_FILES
    assert len(set(named)) == len(items)
    assert [name for name in named if not (ROOT / name).is_file()] == []
