"""A contract file taken apart: every part that has the right shape, with the place it came from.

A part with a mistake is missing here, and its mistake is in the document; the checks of meaning then work on what is
left, so that one run reports both kinds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from contracts.authoring import structure
from contracts.authoring.problems import Path
from contracts.authoring.profile import (
    ColumnProperties,
    CuratedProperties,
    Odcs,
    ProcessedProperties,
    Property,
    RowRule,
    SchemaObject,
    Strict,
)
from contracts.authoring.yaml_lines import Document

Properties = TypeVar("Properties", bound=Strict)


@dataclass(frozen=True, kw_only=True)
class ParsedColumn:
    """A column with its custom properties; `custom_paths` says where each of those stands."""

    path: Path
    spec: Property
    custom: ColumnProperties
    custom_paths: dict[str, Path]


@dataclass(frozen=True, kw_only=True)
class ParsedRule:
    """A row rule."""

    path: Path
    spec: RowRule


@dataclass(frozen=True, kw_only=True)
class ParsedTable(Generic[Properties]):
    """A table; `names` are all column names, also of columns that have a mistake."""

    path: Path
    spec: SchemaObject | None
    custom: Properties | None
    custom_paths: dict[str, Path]
    columns: list[ParsedColumn]
    rules: list[ParsedRule]
    names: list[str]

    @property
    def whole(self) -> bool:
        """Whether every column has the right shape, so that statements about all of them make sense."""
        return len(self.columns) == len(self.names)

    def column(self, name: str) -> ParsedColumn | None:
        """The column called `name`, if it has the right shape."""
        return next((column for column in self.columns if column.spec.name == name), None)

    @property
    def types(self) -> dict[str, str]:
        """Type by column name."""
        return {column.spec.name: column.spec.physical_type for column in self.columns}


@dataclass(frozen=True, kw_only=True)
class ParsedContract:
    """A contract file. `processed` is the first table, `curated` the others."""

    document: Document
    odcs: Odcs | None
    processed: ParsedTable[ProcessedProperties] | None
    curated: list[ParsedTable[CuratedProperties]] = field(default_factory=list)


def take_apart(document: Document) -> ParsedContract:
    """Parse every part of a document that was read without a mistake."""
    odcs = structure.parse(Odcs, document.data, document)
    tables = _items(document.data, "schema")
    return ParsedContract(
        document=document,
        odcs=odcs,
        processed=_table(ProcessedProperties, tables[0], document, ("schema", 0)) if tables else None,
        curated=[
            _table(CuratedProperties, table, document, ("schema", index))
            for index, table in enumerate(tables[1:], start=1)
        ],
    )


def _table(model: type[Properties], data: Any, document: Document, path: Path) -> ParsedTable[Properties]:
    spec = structure.parse(SchemaObject, data, document, path)
    custom, paths = structure.parse_custom(model, spec.custom_properties, document, path) if spec else (None, {})
    items = _items(data, "properties")
    columns = [_column(item, document, (*path, "properties", index)) for index, item in enumerate(items)]
    rules = [
        ParsedRule(path=inner, spec=rule)
        for index, item in enumerate(_items(data, "quality"))
        if (rule := structure.parse(RowRule, item, document, inner := (*path, "quality", index)))
    ]
    return ParsedTable(
        path=path,
        spec=spec,
        custom=custom,
        custom_paths=paths,
        columns=[column for column in columns if column],
        rules=rules,
        names=[str(item.get("name")) for item in items if isinstance(item, dict)],
    )


def _column(data: Any, document: Document, path: Path) -> ParsedColumn | None:
    spec = structure.parse(Property, data, document, path)
    if spec is None:
        return None
    custom, paths = structure.parse_custom(ColumnProperties, spec.custom_properties, document, path)
    return ParsedColumn(path=path, spec=spec, custom=custom, custom_paths=paths) if custom else None


def _items(data: Any, name: str) -> list[Any]:
    found = data.get(name) if isinstance(data, dict) else None
    return found if isinstance(found, list) else []
