"""What must hold for the rules of a dataset: those about a row, and those about the whole table."""

from __future__ import annotations

from contracts.authoring import sql, table_rule_kinds, values
from contracts.authoring.parsed import ParsedTable
from contracts.authoring.profile import ProcessedProperties
from contracts.authoring.yaml_lines import Document


def check_rules(table: ParsedTable[ProcessedProperties], document: Document) -> None:
    """Record the mistakes of every rule of the dataset's own table."""
    _check_ids(table, document)
    known = dict.fromkeys(table.names, "string") | _known_types(table)
    for rule in table.rules:
        for mistake in sql.expression_mistakes(rule.spec.implementation.expression, known):
            document.problem((*rule.path, "implementation", "expression"), mistake)
    for check in table.table_rules:
        for place, mistake in table_rule_kinds.mistakes(check.spec.implementation.wanted, table):
            document.problem((*check.path, "implementation", *place), mistake)


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
