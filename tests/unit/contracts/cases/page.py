"""docs/contract_mistakes.md, generated from the cases: `python -m tests.unit.contracts.cases.page` writes it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from contracts.authoring import check
from tests.unit.contracts.cases import columns, head, models, privacy, rules, table_rules, values, warehouse
from tests.unit.contracts.cases.base import Case, copy_fixtures

PAGE = Path(__file__).resolve().parents[4] / "docs" / "contract_mistakes.md"
COMMAND = "python -m tests.unit.contracts.cases.page"
SECTIONS = {
    "Head, intake and YAML": head.CASES,
    "Columns": columns.CASES,
    "Values": values.CASES,
    "Personal data": privacy.CASES,
    "Row rules": rules.CASES,
    "Table rules, references, maintenance": table_rules.CASES,
    "Aggregates and SQL": models.CASES,
    "Warehouse": warehouse.CASES,
}
ALL_CASES = {name: case for cases in SECTIONS.values() for name, case in cases.items()}
HEAD = f"""# What a broken contract is told

{len(ALL_CASES)} mistakes, each made alone in one of two contracts without mistakes (`visits`, `members`, below
`tests/unit/contracts/fixtures`), and every message that the check gives. `make contracts` and `cdk synth` refuse all of
them; a test makes each one again. Written by `{COMMAND}`; do not edit.
"""


def page() -> str:
    """The whole page; each case is made and checked in a workspace of its own."""
    sections = [f"\n## {title}\n\n{_table(cases)}" for title, cases in SECTIONS.items()]
    return HEAD + "".join(sections)


def _table(cases: dict[str, Case]) -> str:
    rows = [f"| {name.replace('_', ' ')} | {_messages(case)} |\n" for name, case in cases.items()]
    return "| mistake | messages |\n|---|---|\n" + "".join(rows)


def _messages(case: Case) -> str:
    with tempfile.TemporaryDirectory() as folder:
        datasets = copy_fixtures(Path(folder) / "datasets")
        case.apply(datasets)
        return "<br>".join(f"`{_escaped(str(problem))}`" for problem in check(datasets))


def _escaped(text: str) -> str:
    """Text for a cell of a table, between backticks."""
    return text.removeprefix("datasets/").replace("|", "\\|").replace("`", "'")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
