"""Documents name what is there: links lead somewhere, paths exist, and the index of decisions lists every record."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs" / "decisions"
LINK = re.compile(r"\]\(([^()\s]+)\)")
CODE = re.compile(r"`([^`\s]+)`")
A_PATH = re.compile(r"\.{0,2}/?[\w.-]+(/[\w.-]+)+/?")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
RECORD = re.compile(
    r"# (?P<number>\d+)\. (?P<title>.+)\n\n\*\*Status:\*\* (?P<status>.+?), (?P<date>\d{4}-\d\d-\d\d)\."
)


def tracked() -> list[str]:
    """Every file that git knows or would add, from the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [name for name in names if (ROOT / name).exists()]


FILES = tracked()
PLACES = {str(parent) for name in FILES for parent in Path(name).parents} | set(FILES)
TOP = {name.partition("/")[0] for name in FILES if "/" in name}
DOCUMENTS = [name for name in FILES if name.endswith(".md")]


def anchors(document: Path) -> set[str]:
    """The fragments that a Markdown page answers to, as the common renderers make them of its headings."""
    headings = HEADING.findall(document.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(name: str) -> list[str]:
    document = ROOT / name
    targets = [
        link for link in LINK.findall(document.read_text(encoding="utf-8")) if "://" not in link
    ]
    return [link for link in targets if not leads_somewhere(document, link)]


def leads_somewhere(document: Path, link: str) -> bool:
    place, _, fragment = link.partition("#")
    target = (document.parent / place).resolve() if place else document
    if not target.exists():
        return False
    return not fragment or fragment in anchors(target)


def missing_paths(name: str) -> list[str]:
    """Paths from the root in backticks that are not in the repository; those with a placeholder are not looked at."""
    text = (ROOT / name).read_text(encoding="utf-8")
    paths = {path.removeprefix("./") for path in CODE.findall(text) if A_PATH.fullmatch(path)}
    from_root = {path for path in paths if path.partition("/")[0] in TOP}
    return sorted(path for path in from_root if path.rstrip("/") not in PLACES)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_of_a_document_leads_somewhere(name: str) -> None:
    assert broken_links(name) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_that_a_document_names_is_in_the_repository(name: str) -> None:
    assert missing_paths(name) == []


def test_the_index_lists_every_decision_with_its_title_status_and_date() -> None:
    records = {
        path.name: RECORD.match(path.read_text(encoding="utf-8"))
        for path in DECISIONS.glob("[0-9]*.md")
    }
    rows = {
        f"| {record['number']} | [{record['title']}]({name}) | {record['status']} | {record['date']} |"
        for name, record in records.items()
        if record
    }
    index = (DECISIONS / "README.md").read_text(encoding="utf-8").splitlines()
    assert [name for name, record in records.items() if not record] == []
    assert rows == {line for line in index if re.match(r"\| \d", line)}
