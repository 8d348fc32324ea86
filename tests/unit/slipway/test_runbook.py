"""The runbook knows every step, error and reason of the code; every command that people are told to type parses."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from contracts import errors
from lambdas.fail_run import failures
from lambdas.intake import incomplete
from pipeline.steps import MACHINES
from slipway.grammar import build_parser

ROOT = Path(__file__).parents[3]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
SHIPPED = (
    *("contracts", "pipeline", "rows", "glue_jobs", "lambdas"),
    *("local_cloud", "slipway", "sources", "stacks"),
)
# The root is never raised, a rejection is no failure of a run, what needs Spark goes on with Spark, and what was
# overtaken ends without a word.
NO_ALERT = {"SlipwayError", "FileRejected", "NeedsSpark", "Superseded"}
# What is filled in, or stands for something, where the grammar takes only certain words.
EXAMPLES = {
    "--from YYYY-MM-DD --to YYYY-MM-DD": "--from 2026-10-01 --to 2026-10-31",
    " RECORD": " 3",
    "--status X": "--status rejected",
    "--from X": "--from Gate",
    "--queue X": "--queue intake",
}
COMMANDS = {
    "slipway": {
        "up",
        "down",
        "demo",
        "upload",
        "query",
        "report",
        "backfill",
        "reprocess",
        "redrive",
        "maintain",
        "erase",
        "doctor",
        "alerts",
        "alarms",
    },
    "files": {"list", "show", "set-aside", "release", "judge-again"},
    "runs": {"list", "show", "start", "retry", "release", "rollback"},
    "quarantine": {"list", "show", "export", "replay", "dismiss"},
    "contract": {"diff", "check"},
}


def first_cells(heading: str) -> str:
    """The first column of the tables of one section."""
    section = RUNBOOK.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return "\n".join(line.split("|")[1] for line in section.splitlines() if line.startswith("|"))


@pytest.mark.parametrize(
    "step", sorted({step.name for machine in MACHINES.values() for step in machine.steps})
)
def test_every_step_that_can_fail_has_a_row(step: str) -> None:
    assert re.search(rf"\b{step}\b", first_cells("Messages of topic RunFailed"))


@pytest.mark.parametrize(
    "error",
    [
        *sorted({name for name, kind in vars(errors).items() if isinstance(kind, type)} - NO_ALERT),
        *(f"Execution.{status}" for status in failures.ENDED_BADLY),
        *("DatasetBusy", "FailRunFailed", "States.TaskFailed", "States.Timeout"),
    ],
)
def test_every_error_that_people_are_told_has_a_row(error: str) -> None:
    assert error in first_cells("Messages of topic RunFailed")


def reasons() -> set[str]:
    """First arguments of FileRejected in intake and in its reader of records, and why intake sets objects aside."""
    files = [*(ROOT / "lambdas" / "intake").glob("*.py"), ROOT / "contracts" / "records.py"]
    trees = (ast.parse(file.read_text(encoding="utf-8")) for file in files)
    calls = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
    rejections = [
        node for node in calls if isinstance(node.func, ast.Name) and node.func.id == "FileRejected"
    ]
    refused = {
        argument.value for node in rejections if isinstance(argument := node.args[0], ast.Constant)
    }
    return refused | set(get_args(incomplete.Reason))


def test_every_reason_of_a_rejection_has_a_row() -> None:
    told = set(re.findall(r"\w+", first_cells("Messages of topic FileRejected")))
    assert len(reasons()) > 8
    assert reasons() - told == set()
    assert told - reasons() == {"reason"}


def strings(tree: ast.AST) -> Iterator[str]:
    """Texts of a module that are no docstrings, with X in the place of what is filled in."""
    inside = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values
            )
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and not {id(node)} & (inside | docstrings)
        ):
            yield node.value


def commands_in(text: str) -> Iterator[str]:
    """What follows `slipway` up to the end of the backticks, of the clause or of the line."""
    quoted = re.compile(r"`(slipway [^`]+)`")
    yield from quoted.findall(text)
    yield from (
        found.strip(" .")
        for found in re.findall(r"\bslipway [a-z][^`;,(\n]*", quoted.sub("", text))
    )


def in_documents() -> Iterator[tuple[str, str]]:
    for name in ("README.md", "docs/runbook.md", "docs/sources.md", "datasets/README.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for found in [
            *re.findall(r"`(slipway [^`]+)`", text),
            *re.findall(r"^(slipway .+)$", text, re.MULTILINE),
        ]:
            yield name, found


def in_code() -> Iterator[tuple[str, str]]:
    for file in sorted(file for folder in SHIPPED for file in (ROOT / folder).rglob("*.py")):
        for text in strings(ast.parse(file.read_text(encoding="utf-8"))):
            for found in commands_in(text):
                yield str(file.relative_to(ROOT)), found


def typed(command: str) -> list[str]:
    for placeholder, example in EXAMPLES.items():
        command = command.replace(placeholder, example)
    return shlex.split(command, comments=True)


def is_a_name(words: list[str]) -> bool:
    """Whether the words only name a command, as in "type `slipway erase` again"."""
    return words[-1] in COMMANDS.get(words[-2], set()) and len(words) <= 3


def test_commands_are_found_in_documents_and_alerts() -> None:
    documents = {name for name, _ in in_documents()}
    code = {name for name, _ in in_code()}
    assert {"README.md", "docs/runbook.md"} <= documents
    assert {
        "lambdas/fail_run/messages.py",
        "lambdas/close_run/messages.py",
        "pipeline/locking.py",
    } <= code


@pytest.mark.parametrize("place", ["documents", "code"])
def test_every_command_that_people_are_told_parses(
    place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = []
    for name, command in in_documents() if place == "documents" else in_code():
        words = typed(command)
        if is_a_name(words):
            continue
        try:
            build_parser().parse_args(words[1:])
        except SystemExit:
            wrong.append(f"{name}: {command}: {capsys.readouterr().err.splitlines()[-1]}")
    assert wrong == []


@pytest.mark.parametrize("group", COMMANDS)
def test_the_names_that_need_no_arguments_here_are_those_of_the_grammar(
    group: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in COMMANDS[group]:
        path = [name] if group == "slipway" else [group, name]
        with pytest.raises(SystemExit) as ended:
            build_parser().parse_args([*path, "--help"])
        assert ended.value.code == 0
        assert " ".join(["usage: slipway", *path]) in capsys.readouterr().out
