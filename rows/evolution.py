"""How a table may become what its contract wants: every difference, and whether it loses nothing.

Safe is what Iceberg does without touching a data file: a new column that may be empty, int to bigint, a decimal with
more digits at the same scale, another order. Source: Apache Iceberg specification, "Schema Evolution". All else would
lose, invent or reread values, and is for people to decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from contracts.errors import ContractInvalid
from rows.columns import ORIGIN_OF
from rows.tables import Table

DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One difference between a table and its contract, as a sentence; `is_safe` when it can be carried out.

    `is_own`: it is of a column that no contract names, so no contract forbids it.
    """

    sentence: str
    is_safe: bool
    is_own: bool = False


def differences(
    existing: Mapping[str, str], table: Table, *, may_widen: bool = True
) -> list[Difference]:
    """What differs between the columns that a table has (name to type, in order) and those it should have.

    `may_widen`: whether the table's format can widen a type without writing its files again.
    """
    found = [*_missing(existing, table), *_changed(existing, table, may_widen=may_widen)]
    common = [column.name for column in table.columns if column.name in existing]
    if common != [name for name in existing if name in common]:
        found.append(
            Difference(sentence="the columns are put into the order of the contract", is_safe=True)
        )
    return found


def require_safe(name: str, found: list[Difference], *, may_evolve: bool) -> None:
    """Raise ContractInvalid, with every difference and the command to type, unless all may be carried out."""
    unsafe = [difference.sentence for difference in found if not difference.is_safe]
    if unsafe:
        raise ContractInvalid(
            f"table {name} cannot become what the contract says without losing or inventing values: "
            f"{'; '.join(unsafe)}; nothing was changed; `slipway contract diff OLD NEW` says what each change needs"
        )
    decided = [difference for difference in found if not difference.is_own]
    if decided and not may_evolve:
        sentences = "; ".join(difference.sentence for difference in decided)
        raise ContractInvalid(
            f"table {name} differs from the contract: {sentences}; each is safe, but schemaChange of the contract or "
            "runs.schema_change of the environment wants the table as it is; `slipway contract diff OLD NEW` explains, "
            "`slipway backfill` carries it out"
        )


def moves(names: list[str], table: Table) -> Iterator[tuple[str, str | None]]:
    """The columns to move, one after the other, each with the column before it (None: to the front)."""
    before: str | None = None
    for position, column in enumerate(table.columns):
        if names[position] != column.name:
            yield column.name, before
            names = [name for name in names if name != column.name]
            names.insert(position, column.name)
        before = column.name


def _missing(existing: Mapping[str, str], table: Table) -> Iterator[Difference]:
    for column in table.columns:
        if column.name in existing:
            continue
        if column.is_required:
            sentence = f"column {column.name!r} {column.type} is new and required, but rows of the table have no value"
            yield Difference(sentence=sentence, is_safe=False)
        else:
            yield Difference(
                sentence=f"column {column.name!r} {column.type} is added",
                is_safe=True,
                is_own=column.name.startswith(ORIGIN_OF),
            )


def _changed(existing: Mapping[str, str], table: Table, *, may_widen: bool) -> Iterator[Difference]:
    wanted = {column.name: column.type for column in table.columns}
    for name, kind in existing.items():
        if name not in wanted:
            sentence = f"column {name!r} is {kind} in the table and not in the contract"
            yield Difference(sentence=sentence, is_safe=False)
        elif wanted[name] != kind and may_widen and widens(kind, wanted[name]):
            yield Difference(
                sentence=f"column {name!r} is widened from {kind} to {wanted[name]}", is_safe=True
            )
        elif wanted[name] != kind:
            sentence = f"column {name!r} is {kind} in the table and {wanted[name]} in the contract"
            yield Difference(sentence=sentence, is_safe=False)


def widens(old: str, new: str) -> bool:
    """Whether every value of type `old` is the same value of type `new`, and Iceberg may promote the one to the other.

    Source: Apache Iceberg specification, Schema Evolution: int to long, decimal(P, S) to decimal(P', S) with P' > P.
    """
    if (old, new) == ("int", "bigint"):
        return True
    narrow, wide = DECIMAL.fullmatch(old), DECIMAL.fullmatch(new)
    if not narrow or not wide:
        return False
    return narrow.group(2) == wide.group(2) and int(wide.group(1)) > int(narrow.group(1))
