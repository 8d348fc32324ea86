"""The reference says what the code says, and people can read it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.reference_pages import COMMAND, FUNCTIONS, PARTS, REFERENCE, ROOT, with_part

MOST_WORDS = 90  # of a paragraph: what is longer is a list, a table or two paragraphs
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "datasets").glob("*.md")]
)
BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def paragraphs(page: Path) -> Iterator[str]:
    """The prose of a page: neither code nor tables; each item of a list stands alone."""
    prose = re.sub(
        r"^#+ .*$", "", BLOCK.sub("", page.read_text(encoding="utf-8")), flags=re.MULTILINE
    )
    text = re.sub(r"^(?=[-*] |\d+\. |\|)", "\n", prose, flags=re.MULTILINE)
    yield from (part for part in re.split(r"\n\s*\n", text) if not part.lstrip().startswith("|"))


@pytest.mark.parametrize("file", PARTS)
def test_the_generated_part_of_a_page_is_what_the_code_says(file: str) -> None:
    page = (REFERENCE / file).read_text(encoding="utf-8")
    assert page == with_part(page, PARTS[file]()), f"{file} is stale; run: {COMMAND}"


def test_every_function_has_a_row_of_what_it_may_do() -> None:
    page = (REFERENCE / "functions.md").read_text(encoding="utf-8")
    permissions = page.partition("## What the functions may do")[2].partition("\n## ")[0]
    assert (
        sorted(re.findall(r"^\| (\w+_\w+|forecast|gate|intake) \|", permissions, re.MULTILINE))
        == FUNCTIONS
    )


def test_the_floors_of_the_architecture_page_are_those_of_the_import_rules() -> None:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]["contracts"]
    [layers] = [
        rule["layers"] for rule in rules if rule["name"].startswith("Rooms stand on floors")
    ]
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \d \| ([^|]+) \|", page, re.MULTILINE)
    floors = [set(re.findall(r"`(\w+)/`", rooms)) for rooms in rows]
    assert floors == [set(layer.split(" | ")) for layer in layers]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_paragraph_is_too_long_to_read(page: Path) -> None:
    lengths = {" ".join(part.split()[:6]): len(part.split()) for part in paragraphs(page)}
    assert {first: words for first, words in lengths.items() if words > MOST_WORDS} == {}
