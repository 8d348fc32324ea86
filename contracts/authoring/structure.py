"""From a YAML document to the strict models: every structural mistake becomes a problem with its line.

pydantic finds the mistakes; this module says them in the words of a contract's author.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from contracts.authoring.problems import Path, did_you_mean
from contracts.authoring.profile import CustomProperty, Strict
from contracts.authoring.yaml_lines import Document

Model = TypeVar("Model", bound=Strict)


def parse(model: type[Model], data: Any, document: Document, path: Path = ()) -> Model | None:
    """`data`, found at `path`, as `model`; None after recording all its mistakes in `document`."""
    if not isinstance(data, dict):
        document.problem(
            path, f"found {data!r}; expected a mapping with {', '.join(sorted(_fields(model)))}"
        )
        return None
    return _validated(model, data, document, lambda loc: (*path, *loc))


def parse_custom(
    model: type[Model], properties: list[CustomProperty], document: Document, owner: Path
) -> tuple[Model | None, dict[str, Path]]:
    """The custom properties of one element as `model`, and the path of each value by property name."""
    known = _fields(model)
    values: dict[str, Any] = {}
    paths: dict[str, Path] = {}
    for index, item in enumerate(properties):
        path = (*owner, "customProperties", index)
        if item.property not in known:
            hint = did_you_mean(item.property, known)
            document.problem(
                (*path, "property"), f"unknown custom property {item.property!r}; {hint}"
            )
        elif item.property in values:
            document.problem(
                (*path, "property"), f"custom property {item.property!r} is given twice; remove one"
            )
        else:
            values[item.property] = item.value
            paths[item.property] = (*path, "value")

    def relocate(loc: Path) -> Path:
        return (
            (*paths[str(loc[0])], *loc[1:])
            if loc[0] in paths
            else (*owner, "customProperties", *loc)
        )

    return _validated(model, values, document, relocate), paths


def _validated(
    model: type[Model], data: dict[str, Any], document: Document, relocate: Callable[[Path], Path]
) -> Model | None:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        # A union reports one error per branch; the first per place is enough.
        places: set[Path] = set()
        for detail in error.errors(include_url=False):
            where = _existing(relocate(detail["loc"]), detail, document)
            if where not in places:
                document.problem(where, _message(model, detail))
            places.add(where)
        return None


def _existing(where: Path, detail: ErrorDetails, document: Document) -> Path:
    if detail["type"] == "missing":
        return where
    while (
        where and where not in document.lines
    ):  # union branches append their type name to the place
        where = where[:-1]
    return where


def _message(model: type[BaseModel], detail: ErrorDetails) -> str:
    loc = detail["loc"]
    if detail["type"] == "missing":
        return f"{loc[-1]!r} is missing; add it"
    if detail["type"] == "extra_forbidden":
        return f"unknown field {loc[-1]!r}; {did_you_mean(str(loc[-1]), _fields(_model_at(model, loc[:-1])))}"
    if detail["type"] == "model_type":
        return f"found {detail['input']!r}; expected a mapping"
    return f"found {detail['input']!r}; {_expected(detail)}"


# What pydantic calls by Python's names. Source: pydantic documentation, Validation Errors.
_EXPECTED = {
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "dict_type": "expected a mapping",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "list_type": "expected a list",
    "string_too_short": "expected text that is not empty",
    "string_type": "expected text",
}


def _expected(detail: ErrorDetails) -> str:
    """What should stand there, in words of YAML."""
    context = detail.get("ctx", {})
    match detail["type"]:
        case str(kind) if kind in _EXPECTED:
            return _EXPECTED[kind]
        case "too_short":
            return f"expected at least {_entries(context['min_length'])}"
        case "string_too_long":
            characters = (
                "1 character"
                if context["max_length"] == 1
                else f"{context['max_length']} characters"
            )
            return f"expected text of at most {characters}"
        case "string_pattern_mismatch":
            return f"expected text that matches {context['pattern']}"
        case "too_long":
            return f"expected at most {_entries(context['max_length'])}"
        case "greater_than_equal":
            return f"expected at least {context['ge']}"
        case "less_than_equal":
            return f"expected at most {context['le']}"
        case _:
            expected = str(detail["msg"]).replace("Input should be ", "expected ", 1)
            return f"{expected[0].lower()}{expected[1:]}"


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"


def _fields(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def _model_at(model: type[BaseModel], loc: Path) -> type[BaseModel]:
    """The model that describes the value at `loc`, found by walking the annotations from `model`."""
    for part in loc:
        if isinstance(part, str):
            by_alias = {field.alias or name: field for name, field in model.model_fields.items()}
            if part in by_alias:  # else it is the key of a mapping whose values are of this model
                model = _model_in(by_alias[part].annotation) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside X, X | None, list[X] or dict[str, X]."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
