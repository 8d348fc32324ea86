"""What only all datasets together can tell: whether the values that a reference rule names exist and compare.

A target with mistakes of its own is compared as far as it can be read, so that one mistake is not reported as two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from contracts.authoring import values
from contracts.authoring.parsed import ParsedColumn, ParsedContract, ParsedTable, ParsedTableRule
from contracts.authoring.problems import Path, did_you_mean
from contracts.authoring.profile import ProcessedProperties
from contracts.personal_data import PiiTreatment

Contracts = Mapping[str, ParsedContract | None]


def check_references(contracts: Contracts) -> None:
    """Record, in its document, every reference that cannot hold.

    `contracts` by name of their folder; None for one that could not be read at all.
    """
    for dataset, contract in contracts.items():
        if contract is None:
            continue
        for rule, path, target in _references(contract):
            message = _mistake(dataset, rule, target, contracts) or _circle(
                dataset, rule, target, contracts
            )
            if message:
                contract.document.problem(path, message)


def _references(contract: ParsedContract) -> Iterator[tuple[ParsedTableRule, Path, str]]:
    """Every reference rule, where its target is written, and the target."""
    for rule in contract.processed.table_rules if contract.processed else []:
        if reference := rule.spec.implementation.reference:
            yield rule, (*rule.path, "implementation", "reference", "to"), reference.to


def _mistake(dataset: str, rule: ParsedTableRule, target: str, contracts: Contracts) -> str | None:
    other, point, name = target.partition(".")
    if not point:
        return f"found {target!r}; expected <dataset>.<column>"
    if other == dataset:
        return f"found {target!r}, which is this dataset; a reference is to a different dataset"
    if other not in contracts:
        return f"unknown dataset {other!r}; {did_you_mean(other, contracts.keys() - {dataset})}"
    table, own = _processed(contracts[other]), _processed(contracts[dataset])
    if table is None:
        return None
    if name not in table.names:
        return f"unknown column {name!r} of {other!r}; {did_you_mean(name, table.names)}"
    column, here = table.column(name), _own_column(rule, own)
    return _not_alike(here, column, target) if column and here else None


def _processed(contract: ParsedContract | None) -> ParsedTable[ProcessedProperties] | None:
    return contract.processed if contract else None


def _own_column(
    rule: ParsedTableRule, table: ParsedTable[ProcessedProperties] | None
) -> ParsedColumn | None:
    reference = rule.spec.implementation.reference
    return table.column(reference.column) if table and reference else None


def _not_alike(here: ParsedColumn, there: ParsedColumn, target: str) -> str | None:
    if not _is_comparable(there.pii):
        return f"column {target!r} is protected by {there.pii!r}, so no value can be found in it; choose another"
    wrong = any(values.wrong_type(column.spec.physical_type) for column in (here, there))
    if wrong or not _is_comparable(here.pii):
        return None  # reported where it stands
    kinds = [
        f"{column.spec.physical_type}{' (hashed)' if column.pii else ''}"
        for column in (here, there)
    ]
    if kinds[0] != kinds[1]:
        return f"{here.spec.name!r} is {kinds[0]} and {target!r} is {kinds[1]}; both must have one type and treatment"
    return None


def _is_comparable(treatment: PiiTreatment | None) -> bool:
    """Whether different values are still different in the processed table."""
    match treatment:
        case None | "hash":
            return True
        case "mask" | "drop":
            return False
        case _:
            assert_never(treatment)


def _circle(dataset: str, rule: ParsedTableRule, target: str, contracts: Contracts) -> str | None:
    """Datasets that must all be loaded before each other can never be loaded."""
    if rule.spec.implementation.action != "halt":
        return None
    trail, next_one = [dataset], target.partition(".")[0]
    reached = _reached(next_one, contracts, trail)
    return (
        f"{' -> '.join(reached)}: none of them could be loaded first; let one of the rules warn"
        if reached
        else None
    )


def _reached(dataset: str, contracts: Contracts, trail: list[str]) -> list[str] | None:
    """The way from `dataset` back to the start of `trail` over references that halt, or None."""
    if dataset == trail[0]:
        return [*trail, dataset]
    contract = contracts.get(dataset)
    if dataset in trail or contract is None:
        return None
    onward = [
        target.partition(".")[0]
        for rule, _, target in _references(contract)
        if rule.spec.implementation.action == "halt"
    ]
    return next(
        (found for other in onward if (found := _reached(other, contracts, [*trail, dataset]))),
        None,
    )
