"""A mart's file taken apart: every part that has the right shape."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, TypeVar

from contracts.authoring import structure
from contracts.authoring.marts import profile
from contracts.authoring.profile import Strict
from contracts.authoring.yaml_lines import Document

Entry = TypeVar("Entry", bound=Strict)


@dataclass(frozen=True, kw_only=True)
class ParsedMart:
    """What of a file has the right shape. `columns`, `conserves` and `rules` keep the place of each entry.

    `inputs` are the datasets whose columns are a list of texts. `sql` is None where there is no file of it.
    """

    name: str
    document: Document
    data: dict[str, Any]
    spec: profile.MartSpec | None
    inputs: dict[str, tuple[str, ...]]
    columns: dict[int, profile.ColumnSpec]
    conserves: dict[int, profile.ConservedSpec]
    rules: dict[int, profile.RuleSpec]
    sql: str | None


def take_apart(folder: FilePath, document: Document) -> ParsedMart:
    """Parse every part of a document that could be read."""
    data = document.data if isinstance(document.data, dict) else {}
    readable = not document.problems or bool(data)
    sql = folder / f"{folder.name}.sql"
    return ParsedMart(
        name=folder.name,
        document=document,
        data=data,
        spec=structure.parse(profile.MartSpec, document.data, document) if readable else None,
        inputs=_inputs(data, document),
        columns=_entries(profile.ColumnSpec, data, "columns", document),
        conserves=_entries(profile.ConservedSpec, data, "conserves", document),
        rules=_entries(profile.RuleSpec, data, "rules", document),
        sql=sql.read_text(encoding="utf-8") if sql.is_file() else None,
    )


def _entries(
    model: type[Entry], data: dict[str, Any], part: str, document: Document
) -> dict[int, Entry]:
    given = data.get(part)
    found = {
        index: structure.parse(model, each, document, (part, index))
        for index, each in enumerate(given if isinstance(given, list) else ())
    }
    return {index: entry for index, entry in found.items() if entry is not None}


def _inputs(data: dict[str, Any], document: Document) -> dict[str, tuple[str, ...]]:
    given, found = data.get("inputs"), {}
    for dataset, columns in (given if isinstance(given, dict) else {}).items():
        if isinstance(columns, list) and columns and all(isinstance(c, str) for c in columns):
            found[dataset] = tuple(columns)
        else:
            message = f"found {columns!r}; expected a list of the columns that are read of it"
            document.problem(("inputs", dataset), message)
    return found
