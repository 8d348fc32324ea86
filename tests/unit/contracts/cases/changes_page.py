"""docs/contract_changes.md, generated from the cases: `python -m tests.unit.contracts.cases.changes_page` writes it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from contracts.authoring.changes import IMPACTS, Change
from contracts.authoring.diff import diff
from contracts.model import Contract
from tests.unit.contracts.cases.changes import CHANGES, M
from tests.unit.contracts.cases.other_changes import OTHER_CHANGES

PAGE = Path(__file__).resolve().parents[4] / "docs" / "contract_changes.md"
COMMAND = "python -m tests.unit.contracts.cases.changes_page"
PAIRS: dict[str, tuple[Contract, Contract]] = {
    **{name: (M, changed) for name, (changed, _) in CHANGES.items()},
    **OTHER_CHANGES,
}
TITLES = {"breaking": "Breaking", "needs backfill": "Needs a backfill", "safe": "Safe"}
EFFECTS = {
    "none": "nothing to do",
    "recompute": "recomputed by itself: {}",
    "backfill": "`slipway backfill`",
    "rebuild": "a new table in place of {}",
}
HEAD = f"""# What a change of a contract means

{len(PAIRS)} changes, each made alone to the contract `members` (below `tests/unit/contracts/fixtures`), and what
`slipway contract diff` says of it: the field, its values before and after, what brings the tables in line, and why.
Written by `{COMMAND}`; do not edit.
"""


def page() -> str:
    """The whole page, the gravest changes first."""
    found = {name: diff(*pair) for name, pair in PAIRS.items()}
    sections = []
    for impact in IMPACTS:
        rows = [
            _row(name, change) for name, changes in found.items() for change in _of(changes, impact)
        ]
        head = "| change | field | before | after | tables | why |\n|---|---|---|---|---|---|\n"
        sections.append(f"\n## {TITLES[impact]}\n\n{head}{''.join(rows)}")
    return HEAD + "".join(sections)


def _of(changes: Iterable[Change], impact: str) -> list[Change]:
    return [change for change in changes if change.impact == impact]


def _row(name: str, change: Change) -> str:
    tables = EFFECTS[change.effect].format(f"`{change.table}`")
    raw = "; files in raw are refused" if change.closes_raw else ""
    before, after = (
        "" if value is None else f"`{_cell(value)}`" for value in (change.old, change.new)
    )
    return f"| {name} | `{change.field}` | {before} | {after} | {tables}{raw} | {change.why} |\n"


def _cell(text: str) -> str:
    """Text for a cell of a table, between backticks; what is long, such as SQL, is cut."""
    line = " ".join(text.split()).replace("|", "\\|").replace("`", "'")
    return line if len(line) <= 80 else line[:77] + "..."


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
