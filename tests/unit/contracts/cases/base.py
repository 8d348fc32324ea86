"""A mistake as data: what is replaced in a contract without mistakes, and the message that must follow."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

FIXTURES = Path(__file__).parents[1] / "fixtures"
VISITS = Path("visits") / "contract.yaml"
MEMBERS = Path("members") / "contract.yaml"
SQL = Path("visits") / "curated" / "visits_by_month.sql"
MEMBERS_SQL = Path("members") / "curated" / "members_by_month.sql"


@dataclass(frozen=True)
class Case:
    """Replace `old` by `new`; the message must appear at the line of `at` (by default of `new`)."""

    old: str
    new: str
    field: str
    message: str
    at: str | None = None
    file: Path = VISITS

    def apply(self, datasets: Path) -> int:
        """Make the mistake, and give the line at which it must be reported."""
        text = edit(datasets / self.file, self.old, self.new)
        return line_of(text, self.at or next(line for line in self.new.splitlines() if line))


C = Case


def allowed(values: str) -> str:
    """A list of allowed values in YAML, as it stands below `quality:` of a column."""
    return f"""\
          - metric: invalidValues
            arguments: {{validValues: {values}}}
            mustBe: 0
"""


def copy_fixtures(target: Path) -> Path:
    """A workspace of both fixture datasets, to be broken."""
    for fixture in ("tiny", "people"):
        shutil.copytree(FIXTURES / fixture / "datasets", target, dirs_exist_ok=True)
    return target


def edit(file: Path, old: str, new: str) -> str:
    """Replace the first `old` of a file, and give the new text."""
    text = file.read_text(encoding="utf-8")
    assert old in text, f"the case is stale: {old!r} is not in {file.name}"
    changed = text.replace(old, new, 1)
    file.write_text(changed, encoding="utf-8")
    return changed


def line_of(text: str, marker: str) -> int:
    """Line, counted from 1, on which `marker` starts."""
    return text[: text.index(marker)].count("\n") + 1
