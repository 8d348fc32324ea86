"""One contract file: read, checked, and compiled when nothing is wrong with it."""

from __future__ import annotations

from pathlib import Path as FilePath

from contracts import model
from contracts.authoring import profile, structure, yaml_lines
from contracts.authoring.compiler import compile_contract
from contracts.authoring.problems import Problem


def check_file(file: FilePath) -> tuple[list[Problem], model.Contract | None]:
    """All mistakes of a contract file, or its contract."""
    shown = f"{file.parent.parent.name}/{file.parent.name}/{file.name}"
    document = yaml_lines.read(file.read_text(encoding="utf-8"), file=shown)
    odcs = structure.parse(profile.Odcs, document.data, document) if not document.problems else None
    if odcs is None:
        return document.problems, None
    first, *rest = odcs.schema_
    processed, _ = structure.parse_custom(profile.ProcessedProperties, first.custom_properties, document, ("schema", 0))
    curated = [
        structure.parse_custom(profile.CuratedProperties, table.custom_properties, document, ("schema", index))[0]
        for index, table in enumerate(rest, start=1)
    ]
    complete = [properties for properties in curated if properties is not None]
    if document.problems or processed is None:
        return document.problems, None
    return [], compile_contract(odcs, processed, complete, file.parent)
