"""What must hold for the rules of a dataset: those about a row, and those about the whole table."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from contracts.authoring import sql, values
from contracts.authoring.parsed import ParsedColumn, ParsedTable, ParsedTableRule
from contracts.authoring.problems import Path, did_you_mean
from contracts.authoring.profile import Freshness, ProcessedProperties, Reference, RowCount
from contracts.authoring.yaml_lines import Document

DATES = ("date", "timestamp")


def check_rules(table: ParsedTable[ProcessedProperties], document: Document) -> None:
    """Record the mistakes of every rule of the dataset's own table."""
    _check_ids(table, document)
    known = dict.fromkeys(table.names, "string") | _known_types(table)
    for rule in table.rules:
        for mistake in sql.expression_mistakes(rule.spec.implementation.expression, known):
            document.problem((*rule.path, "implementation", "expression"), mistake)
    for check in table.table_rules:
        _check_table_rule(check, table, document)


def _check_ids(table: ParsedTable[ProcessedProperties], document: Document) -> None:
    seen: set[str] = set()
    ids = {rule.path: rule.spec.id for rule in table.rules} | {
        rule.path: rule.spec.id for rule in table.table_rules
    }
    for path, name in sorted(
        ids.items(), key=lambda item: int(item[0][-1])
    ):  # in the order of the file
        message = values.wrong_name(name)
        if name in seen:
            message = f"duplicate rule {name!r}; choose another id"
        if message:
            document.problem((*path, "id"), message)
        seen.add(name)


def _known_types(table: ParsedTable[ProcessedProperties]) -> dict[str, str]:
    return {name: kind for name, kind in table.types.items() if values.wrong_type(kind) is None}


def _check_table_rule(
    check: ParsedTableRule, table: ParsedTable[ProcessedProperties], document: Document
) -> None:
    wanted, path = check.spec.implementation.wanted, (*check.path, "implementation")
    match wanted:
        case RowCount():
            _check_row_count(wanted, (*path, "rowCount"), document)
        case list():
            _check_unique(wanted, (*path, "unique"), table, document)
        case Freshness():
            place = (*path, "freshness", "column")
            _check_column(wanted.column, place, table, document, _not_a_date)
        case Reference():
            place = (*path, "reference", "column")
            _check_column(wanted.column, place, table, document, _not_comparable)
        case _:
            assert_never(wanted)


def _check_row_count(limits: RowCount, path: Path, document: Document) -> None:
    if limits.minimum is None and limits.maximum is None:
        document.problem(path, "has neither minimum nor maximum, so it says nothing; add one")
    if (
        limits.minimum is not None
        and limits.maximum is not None
        and limits.minimum > limits.maximum
    ):
        document.problem(
            (*path, "minimum"),
            f"found {limits.minimum}, which is above the maximum {limits.maximum}",
        )


def _check_unique(
    names: list[str], path: Path, table: ParsedTable[ProcessedProperties], document: Document
) -> None:
    for index, name in enumerate(names):
        place = (*path, index)
        if name in names[:index]:
            document.problem(place, f"{name!r} is listed twice; remove one")
        _check_column(name, place, table, document, _not_comparable)


def _check_column(
    name: str,
    path: Path,
    table: ParsedTable[ProcessedProperties],
    document: Document,
    objection: Callable[[ParsedColumn], str | None],
) -> None:
    if name not in table.names:
        document.problem(path, f"unknown column {name!r}; {did_you_mean(name, table.names)}")
    elif (column := table.column(name)) and (message := objection(column)):
        document.problem(path, message)


def _not_comparable(column: ParsedColumn) -> str | None:
    """Why values of the column cannot be compared in the processed table."""
    name, treatment = column.spec.name, column.pii
    match treatment:
        case None | "hash":
            return None
        case "drop":
            return f"column {name!r} is dropped before the processed table; choose another column"
        case "mask":
            return f"column {name!r} is masked, so different values look alike; hash it instead"
        case _:
            assert_never(treatment)


def _not_a_date(column: ParsedColumn) -> str | None:
    if column.stored_type in DATES:
        return None
    found = column.stored_type or "dropped"
    return f"column {column.spec.name!r} is {found} in the processed table; expected a date or timestamp"
