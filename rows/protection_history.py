"""In which form each version of a contract keeps personal data: the table itself remembers, version by version.

A column that becomes protected leaves the rows from before as they are until a backfill, and no type tells them apart:
a name and its token are both strings. Rows carry the version they were checked against, so that those are found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.model import Contract

PREFIX = "slipway.personal-data."  # of table properties; the version of the contract follows
WORDS = {
    "hash": "a token in place of the value",
    "mask": "its first character only",
    None: "the value as it came",
}


@dataclass(frozen=True, kw_only=True)
class Forms:
    """How one version keeps the protected columns (`hash` or `mask`), and whose token names the data subject."""

    columns: Mapping[str, str]
    subject: str | None


def of_contract(contract: Contract) -> dict[str, str]:
    """The property that a table with rows of this contract has."""
    subject = contract.subject_column
    forms = {
        "columns": {column.name: column.pii for column in contract.stored_columns if column.pii},
        "subject": subject.name if subject else None,
    }
    return {PREFIX + contract.version: json.dumps(forms, sort_keys=True)}


def by_version(properties: Mapping[str, str]) -> dict[str, Forms]:
    """What the properties of a table remember."""
    found = {
        name.removeprefix(PREFIX): json.loads(text)
        for name, text in properties.items()
        if name.startswith(PREFIX)
    }
    return {version: Forms(**forms) for version, forms in found.items()}


def alike(contract: Contract, properties: Mapping[str, str]) -> dict[str, list[str]]:
    """The stored columns that some version kept in another form than this contract, with the versions that did not."""
    known = by_version(properties)
    now = by_version(of_contract(contract))[contract.version]
    found = {}
    for column in contract.stored_columns:
        versions = _alike(known, column.name, now)
        if len(versions) < len(known):
            found[column.name] = versions
    return found


def with_subject(contract: Contract, properties: Mapping[str, str]) -> list[str]:
    """The versions whose rows and refused records name the data subject as this contract does."""
    known = by_version(properties)
    now = by_version(of_contract(contract))[contract.version]
    versions = _alike(known, now.subject, now) if now.subject else []
    return [version for version in versions if known[version].subject == now.subject]


def _alike(known: Mapping[str, Forms], column: str, now: Forms) -> list[str]:
    form = now.columns.get(column)
    return sorted(version for version, forms in known.items() if forms.columns.get(column) == form)
