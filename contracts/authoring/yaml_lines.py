"""YAML with the line of every value.

Composes the node tree instead of loading objects, because three things must survive that a loader loses: lines,
duplicate keys, and numbers as they were written (0.10 becomes a Decimal, never a float). Booleans are only true and
false, dates stay text (YAML 1.2), and anchors are refused: a contract is read from top to bottom.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

from contracts.authoring.problems import Path, Problem, dotted

_INT = re.compile(r"^[-+]?\d+$")
_DECIMAL = re.compile(r"^[-+]?\d+\.\d+$")
_LOADER = (
    yaml.CSafeLoader
)  # libyaml's: a check of a contract takes less than half the time of that with PyYAML's own
_CONSTANTS: dict[str, bool | None] = {
    "true": True,
    "false": False,
    "null": None,
    "~": None,
    "": None,
}


@dataclass(kw_only=True)
class Document:
    """A YAML file: its data, where each value stands, and the mistakes found while reading it."""

    file: str
    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """Line of `path`, or of its nearest parent that exists."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: Path, message: str) -> None:
        """Record a mistake at `path`."""
        self.problems.append(
            Problem(file=self.file, line=self.line(path), field=dotted(path), message=message)
        )


def read(text: str, *, file: str) -> Document:
    """Parse `text`; a syntax error becomes a problem that names line and column."""
    document = Document(file=file)
    try:
        aliases = [
            event
            for event in yaml.parse(text, Loader=_LOADER)
            if isinstance(event, yaml.AliasEvent)
        ]
        root = yaml.compose(text, Loader=_LOADER) if not aliases else None
    except yaml.YAMLError as error:
        document.problems.append(_syntax_problem(text, file, _explained(text, error)))
        return document
    for alias in aliases:
        document.problems.append(
            _at_mark(
                file,
                alias.start_mark,
                f"alias *{alias.anchor} is not supported; write the value out",
            )
        )
    if root is not None:
        document.data = _build(root, (), document)
    elif not aliases:
        document.problem((), "the file is empty; a contract was expected")
    return document


def _explained(text: str, error: yaml.YAMLError) -> yaml.YAMLError:
    """PyYAML's own error for the same text, which says what it found, too; libyaml's where only that finds one."""
    try:
        yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as own:
        return own
    return error


def _syntax_problem(text: str, file: str, error: yaml.YAMLError) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):  # which has a position, but no line
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return _at(
            file, line, column, f"not valid YAML: character U+{ord(text[error.position]):04X}"
        )
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or str(error)
    return _at_mark(file, mark, f"not valid YAML: {reason}")


def _at_mark(file: str, mark: Any, message: str) -> Problem:
    return _at(file, mark.line + 1, mark.column + 1, message) if mark else _at(file, 1, 1, message)


def _at(file: str, line: int, column: int, message: str) -> Problem:
    return Problem(
        file=file,
        line=line,
        field="(document)",
        message=f"{message} (line {line}, column {column})",
    )


def _build(node: yaml.Node, path: Path, document: Document) -> Any:
    document.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*path, index), document) for index, item in enumerate(node.value)]
    return _scalar(node)


def _mapping(node: yaml.MappingNode, path: Path, document: Document) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        inner = (*path, key)
        line = key_node.start_mark.line + 1
        if key in result:
            first = document.lines[inner]
            document.problems.append(
                Problem(
                    file=document.file,
                    line=line,
                    field=dotted(inner),
                    message=f"duplicate key {key!r}, first on line {first}; remove one of them",
                )
            )
            continue
        document.lines[inner] = line
        result[key] = _build(value_node, inner, document)
    return result


def _scalar(node: yaml.Node) -> Any:
    text = str(node.value)
    if getattr(node, "style", None):  # quoted or a block: text
        return text
    if text.lower() in _CONSTANTS:
        return _CONSTANTS[text.lower()]
    if _INT.match(text):
        return int(text)
    return Decimal(text) if _DECIMAL.match(text) else text
