"""A contract file taken apart: every part that has the right shape, with the place it came from.

A part with a mistake is missing here, and its mistake is in the document; the checks of meaning then work on what is
left, so that one run reports both kinds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from contracts import personal_data
from contracts.authoring import structure
from contracts.authoring.problems import Path, did_you_mean
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
from contracts.authoring.table_rule_kinds import TableCheck, table_rule_names
from contracts.authoring.yaml_lines import Document
from contracts.personal_data import PiiTreatment

TABLE_RULES = table_rule_names()
Properties = TypeVar("Properties", bound=Strict)


@dataclass(frozen=True, kw_only=True)
class ParsedColumn:
    """A column with its custom properties; `custom_paths` says where each of those stands."""

    path: Path
    spec: Property
    custom: ColumnProperties
    custom_paths: dict[str, Path]

    @property
    def pii(self) -> PiiTreatment | None:
        """How the column is protected; of a column that says so and is no personal data, nothing."""
        return self.custom.pii_treatment if self.spec.classification == "pii" else None

    @property
    def stored_type(self) -> str | None:
        """Type in the processed table, None for a column that is dropped before it."""
        return personal_data.stored_type(self.spec.physical_type, self.pii)


def may_lack(column: ParsedColumn) -> bool:
    """Whether a file may do without the column at all."""
    spec = column.spec
    return not (spec.required or spec.primary_key or spec.classification == "pii")


def may_keep(column: ParsedColumn, *, has_key: bool) -> bool:
    """Whether rows of a file without the column can have the value that the table has for their key.

    Money that is added up cannot be kept: it would be loaded without having been read. Without a key no row replaces
    another.
    """
    return has_key and may_lack(column) and not column.custom.control_total


@dataclass(frozen=True, kw_only=True)
class ParsedRule:
    """A row rule."""

    path: Path
    spec: RowRule


@dataclass(frozen=True, kw_only=True)
class ParsedTableRule:
    """A table rule."""

    path: Path
    spec: TableCheck


@dataclass(frozen=True, kw_only=True)
class ParsedTable(Generic[Properties]):
    """A table; `names` are all column names, also of columns that have a mistake."""

    path: Path
    spec: SchemaObject | None
    custom: Properties | None
    custom_paths: dict[str, Path]
    columns: list[ParsedColumn]
    rules: list[ParsedRule]
    table_rules: list[ParsedTableRule]
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

    @property
    def stored_types(self) -> dict[str, str]:
        """Type by name of the columns that the processed table keeps."""
        return {column.spec.name: kind for column in self.columns if (kind := column.stored_type)}


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
        processed=_table(ProcessedProperties, tables[0], document, ("schema", 0))
        if tables
        else None,
        curated=[
            _table(CuratedProperties, table, document, ("schema", index))
            for index, table in enumerate(tables[1:], start=1)
        ],
    )


def _table(
    model: type[Properties], data: Any, document: Document, path: Path
) -> ParsedTable[Properties]:
    spec = structure.parse(SchemaObject, data, document, path)
    custom, paths = (
        structure.parse_custom(model, spec.custom_properties, document, path)
        if spec
        else (None, {})
    )
    items = _items(data, "properties")
    columns = [
        _column(item, document, (*path, "properties", index)) for index, item in enumerate(items)
    ]
    rules, table_rules = _rules(data, document, path)
    return ParsedTable(
        path=path,
        spec=spec,
        custom=custom,
        custom_paths=paths,
        columns=[column for column in columns if column],
        rules=rules,
        table_rules=table_rules,
        names=[str(item.get("name")) for item in items if isinstance(item, dict)],
    )


def _rules(
    data: Any, document: Document, owner: Path
) -> tuple[list[ParsedRule], list[ParsedTableRule]]:
    row_rules: list[ParsedRule] = []
    table_rules: list[ParsedTableRule] = []
    for index, item in enumerate(_items(data, "quality")):
        path = (*owner, "quality", index)
        kind = _kind_of_rule(item, document, path)
        if kind == "row" and (row := structure.parse(RowRule, item, document, path)):
            row_rules.append(ParsedRule(path=path, spec=row))
        if kind == "table" and (check := structure.parse(TableCheck, item, document, path)):
            table_rules.append(ParsedTableRule(path=path, spec=check))
    return row_rules, table_rules


def _kind_of_rule(item: Any, document: Document, path: Path) -> Literal["row", "table"] | None:
    """What the implementation makes of a rule; None after recording that it is neither or several."""
    implementation = item.get("implementation") if isinstance(item, dict) else None
    if not isinstance(implementation, dict):
        return "row"  # whose model says what is missing
    kinds = [name for name in implementation if name in ("expression", *TABLE_RULES)]
    where = (*path, "implementation")
    if len(kinds) == 1:
        return "row" if kinds == ["expression"] else "table"
    if kinds:
        document.problem(where, f"found {' and '.join(kinds)}; write one rule for each")
        return None
    known = f"expression (a row rule), {', '.join(TABLE_RULES)} (table rules)"
    others = [name for name in implementation if name != "action"]
    hint = did_you_mean(others[0], ("expression", *TABLE_RULES)) if others else ""
    near = f"; {hint}" if hint.startswith("did") else ""
    document.problem(
        where, f"found {', '.join(others) or 'no rule'}; expected one of {known}{near}"
    )
    return None


def _column(data: Any, document: Document, path: Path) -> ParsedColumn | None:
    spec = structure.parse(Property, data, document, path)
    if spec is None:
        return None
    custom, paths = structure.parse_custom(ColumnProperties, spec.custom_properties, document, path)
    return ParsedColumn(path=path, spec=spec, custom=custom, custom_paths=paths) if custom else None


def _items(data: Any, name: str) -> list[Any]:
    found = data.get(name) if isinstance(data, dict) else None
    return found if isinstance(found, list) else []
