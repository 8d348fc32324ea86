"""docs/architecture.md names what functions read and state machines are filled with, exactly as the code has it."""

from __future__ import annotations

import re
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "lambdas").glob("*/settings.py"))
MACHINES = sorted((ROOT / "state_machines").glob("*.asl.json"))
NOTE = re.compile(r"\([^)]*\)")


def cell_of(first: str) -> str:
    """The second cell of the one row that begins with `first`, without what stands in brackets."""
    rows = [line.split(" | ") for line in PAGE.splitlines() if line.startswith(f"| {first} | ")]
    (cell,) = {row[1].rstrip(" |") for row in rows}
    return NOTE.sub("", cell)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_page_lists_the_environment_of_each_function(name: str) -> None:
    settings = import_module(f"lambdas.{name}.settings").Settings
    assert set(cell_of(name).split()) == {field.name.upper() for field in fields(settings)}


@pytest.mark.parametrize("machine", MACHINES, ids=lambda path: path.name)
def test_the_page_lists_the_substitutions_of_each_state_machine(machine: Path) -> None:
    used = set(re.findall(r"\$\{(\w+)\}", machine.read_text(encoding="utf-8")))
    assert set(cell_of(f"`{machine.name}`").split()) == used
