"""What a header may be, shared by intake, the jobs and the operator's command, which must agree on every file."""

from __future__ import annotations

from contracts.model import Column, Contract, SchemaChange

STRICTEST_FIRST: tuple[SchemaChange, ...] = ("reject", "strict", "evolve")
# What `slipway quarantine export` adds to a file's own header; only a replay may have them (docs/architecture.md).
ORIGIN_HEADER = "_source_row"
REPLAY_HEADERS = (ORIGIN_HEADER, "_reasons")


def stricter(one: SchemaChange, other: SchemaChange) -> SchemaChange:
    """Of what a contract and an environment allow, what both do."""
    return min(one, other, key=STRICTEST_FIRST.index)


def may_lack(contract: Contract, column: Column) -> bool:
    """Whether a header without this column is one that `evolve` explains.

    A key tells rows apart, and personal data is never guessed to be absent.
    """
    return not (column.required or column.pii is not None or column.name in contract.key)
