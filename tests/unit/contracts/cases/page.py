"""docs/contract_mistakes.md, generated from the cases: `python -m tests.unit.contracts.cases.page` writes it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from contracts.authoring import check
from tests.unit.contracts.cases import (
    columns,
    forecast,
    head,
    models,
    privacy,
    rules,
    table_rules,
    values,
    warehouse,
)
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
    "Forecast": forecast.CASES,
}
ALL_CASES = {name: case for cases in SECTIONS.values() for name, case in cases.items()}
HEAD = f"""# What a broken contract is told

{len(ALL_CASES)} mistakes, each made alone in one of two contracts without mistakes (`visits`, `members`, below
`tests/unit/contracts/fixtures`), and every message that the check gives. `make contracts` and `cdk synth` refuse all of
them; a test makes each one again. Written by `{COMMAND}`; do not edit.
"""


def page(rows: Mapping[str, str]) -> str:
    """The whole page, from the row of each case."""
    tables = {title: "".join(rows[name] for name in cases) for title, cases in SECTIONS.items()}
    head = "| mistake | messages |\n|---|---|\n"
    return HEAD + "".join(f"\n## {title}\n\n{head}{table}" for title, table in tables.items())


def row(name: str, found: Iterable[str]) -> str:
    """The line of a case: its name and every message."""
    messages = "<br>".join(f"`{_escaped(problem)}`" for problem in found)
    return f"| {name.replace('_', ' ')} | {messages} |\n"


def _checked(name: str, case: Case) -> str:
    with tempfile.TemporaryDirectory() as folder:
        datasets = copy_fixtures(Path(folder) / "datasets")
        case.apply(datasets)
        return row(name, map(str, check(datasets)))


def _escaped(text: str) -> str:
    """Text for a cell of a table, between backticks."""
    return text.removeprefix("datasets/").replace("|", "\\|").replace("`", "'")


if __name__ == "__main__":
    PAGE.write_text(
        page({name: _checked(name, case) for name, case in ALL_CASES.items()}), encoding="utf-8"
    )
