"""The generated parts of reference pages: `python -m tests.architecture.reference_pages` writes them.

What functions read comes from their settings, what state machines do from their files, what the steps of a run hand to
each other from its classes. The prose around these parts is
written by hand, so each part stands between two marks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from tests.architecture import run_documents_page

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
COMMAND = "python -m tests.architecture.reference_pages"
BEGIN, END = f"<!-- Written by `{COMMAND}`; do not edit. -->", "<!-- End of what is written. -->"
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "lambdas").glob("*/settings.py"))
MACHINES = sorted((ROOT / "state_machines").glob("*.asl.json"))
SUBSTITUTION = re.compile(r"\$\{(\w+)\}")
SERVICES = {
    "arn:aws:states:::glue:startJobRun.sync": "Glue job",
    "arn:aws:states:::lambda:invoke": "function",
    "arn:aws:states:::sns:publish": "SNS topic",
    "arn:aws:states:::states:startExecution": "execution, not waited for",
    "arn:aws:states:::states:startExecution.sync:2": "execution",
}


def functions() -> str:
    """A table of the environment variables of each function."""
    rows = [f"| {name} | {variables(name)} |" for name in FUNCTIONS]
    return "\n".join(["| function | environment variables |", "|---|---|", *rows])


def variables(function: str) -> str:
    """What a function reads, in the order of its settings; a value that is not any text says what it may be."""
    settings = import_module(f"lambdas.{function}.settings").Settings
    types = get_type_hints(settings)
    return ", ".join(
        f"`{field.name.upper()}`{_values(types[field.name])}" for field in fields(settings)
    )


def _values(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f" ({' or '.join(get_args(kind))})"
    return " (whole number)" if kind is int else ""


def machines() -> str:
    """A section for each state machine: what it is for, what it is filled with, and its states in the file's order."""
    return "\n\n".join(_machine(path) for path in MACHINES)


def _machine(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    machine = json.loads(text)
    names = ", ".join(f"`{name}`" for name in sorted(set(SUBSTITUTION.findall(text))))
    head = [f"### {path.name}", "", machine["Comment"], "", f"Substitutions: {names}.", ""]
    limit = f"{machine['TimeoutSeconds']:,}"
    whole = f"| the whole execution | | {limit} | |"
    columns = ["| state | kind | seconds at most | why |", "|---|---|---|---|"]
    return "\n".join([*head, *columns, whole, *_states(machine)])


def _states(machine: dict[str, Any], within: str = "") -> Iterator[str]:
    """A row for each state; those inside a Map follow it, with its name before theirs."""
    for name, state in machine["States"].items():
        limit = f"{state['TimeoutSeconds']:,}" if "TimeoutSeconds" in state else ""
        comment = state.get("Comment", "").replace("|", "\\|").replace("<", "&lt;")
        yield f"| {within}{name} | {_kind(state)} | {limit} | {comment} |"
        if "ItemProcessor" in state:
            yield from _states(state["ItemProcessor"], f"{within}{name}: ")


def _kind(state: dict[str, Any]) -> str:
    if state["Type"] != "Task":
        return str(state["Type"])
    resource = str(state["Resource"])
    return f"Task: {SERVICES.get(resource, resource.removeprefix('arn:aws:states:::'))}"


PARTS: dict[str, Callable[[], str]] = {
    "functions.md": functions,
    "run_documents.md": run_documents_page.documents,
    "state_machines.md": machines,
}


def with_part(page: str, part: str) -> str:
    """A page with what stands between its two marks replaced.

    Raises:
        ValueError: the page has not exactly one of each mark.
    """
    before, after = page.split(BEGIN), page.split(END)
    if len(before) != 2 or len(after) != 2:
        raise ValueError(f"the page must have one line {BEGIN!r} and one line {END!r}")
    return f"{before[0]}{BEGIN}\n\n{part}\n\n{END}{after[1]}"


if __name__ == "__main__":
    for file, make in PARTS.items():
        path = REFERENCE / file
        path.write_text(with_part(path.read_text(encoding="utf-8"), make()), encoding="utf-8")
