"""The tables of docs/reference/run_documents.md: `python -m tests.architecture.reference_pages` writes them.

Types come from the annotations, meanings from the string below each field, which only the source has.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pipeline.run_documents import (
    CurateResult,
    ErasureFindings,
    LoadResult,
    MaintenanceFindings,
    MaintenanceRequest,
    MaintenanceResult,
    Manifest,
    ServeResult,
    StoredDocument,
    TrainingPlan,
)

STORED: tuple[type[StoredDocument], ...] = (
    Manifest,
    LoadResult,
    CurateResult,
    MaintenanceRequest,
    MaintenanceFindings,
    ErasureFindings,
    MaintenanceResult,
    TrainingPlan,
)
SCALARS = {
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "number",
    Decimal: "amount",
    date: "date",
    datetime: "time",
}


def documents() -> str:
    """A section for each document, and one below it for each document inside it that no earlier section has."""
    lines, shown = list[str](), set[type]()
    for title, kind, writer in _documents():
        lines += [f"## {title}", f"{_words(kind)} {writer}", _table(kind)]
        for part in dict.fromkeys(_parts(kind)):
            if part not in shown:
                lines += [f"### {part.__name__}", _words(part), _table(part)]
            shown.add(part)
    return "\n\n".join(lines)


def _documents() -> Iterator[tuple[str, type, str]]:
    """Title, class, and who writes it."""
    for kind in STORED:
        yield f"{kind.FILE_NAME}: {kind.__name__}", kind, f"Written by {kind.WRITTEN_BY}."
    for answer in get_args(ServeResult):
        yield f"Result of Serve: {answer.__name__}", answer, f"The answer of {answer.WRITTEN_BY}."


def _words(kind: type) -> str:
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split())


def _table(kind: type) -> str:
    meanings, types = _meanings(kind), get_type_hints(kind)
    rows = [
        f"| `{field.name}` | {_words_of_type(types[field.name], optional=field.default is not MISSING)}"
        f" | {meanings[field.name]} |"
        for field in fields(kind)  # type: ignore[arg-type]  # every document is a dataclass
    ]
    return "\n".join(["| field | type | meaning |", "|---|---|---|", *rows])


def _parts(kind: type) -> Iterator[type]:
    """The documents inside a document, each before those inside it."""
    for annotation in get_type_hints(kind).values():
        for inner in _classes(annotation):
            if is_dataclass(inner):
                yield inner
                yield from _parts(inner)


def _classes(annotation: Any) -> Iterator[Any]:
    inner = get_args(annotation)
    if not inner:
        yield annotation
    for argument in inner:
        yield from _classes(argument)


def _words_of_type(annotation: Any, *, optional: bool = False) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        [inner] = [argument for argument in arguments if argument is not NoneType]
        return f"{_words_of_type(inner)}, or {'left out' if optional else 'null'}"
    if origin is Literal:
        return ", ".join(f"`{argument}`" for argument in arguments)
    if origin is tuple:
        return f"list of {_words_of_type(arguments[0])}"
    if origin is Mapping:
        return f"object of {_words_of_type(arguments[1])}"
    return SCALARS.get(annotation, annotation.__name__)


def _meanings(kind: type) -> dict[str, str]:
    """The string below each field, those of base classes included."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if is_dataclass(base):
            [body] = ast.parse(textwrap.dedent(inspect.getsource(base))).body
            assert isinstance(body, ast.ClassDef)
            found |= dict(_strings_below_fields(body))
    return found


def _strings_below_fields(body: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(body.body, body.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(
                value=ast.Constant(value=str(text))
            ):
                yield name, " ".join(text.split())
