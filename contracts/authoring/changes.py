"""One change between two contracts of a dataset, and what it means.

breaking: partners must deliver otherwise, readers find something gone or of another meaning, data leaves for good, or
a table cannot take it in place. needs backfill: what was loaded before was judged or made otherwise than what will be.
safe: neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Impact = Literal["safe", "needs backfill", "breaking"]
# What brings tables in line: nothing; the next run by itself; a backfill from raw; or only a new table.
Effect = Literal["none", "recompute", "backfill", "rebuild"]
IMPACTS: tuple[Impact, ...] = ("breaking", "needs backfill", "safe")  # gravest first


@dataclass(frozen=True, kw_only=True)
class Change:
    """A changed field, its values as text (None: not there), and one sentence why it has its impact.

    `table` is the table that `effect` is about. `closes_raw` says that files delivered before are refused by the new
    contract, so that a backfill would quarantine or reject them.
    """

    field: str
    old: str | None
    new: str | None
    impact: Impact
    why: str
    effect: Effect = "none"
    table: str | None = None
    closes_raw: bool = False


def shown(value: object) -> str | None:
    """A value of a contract as text: lists with commas, yes and no, None for nothing."""
    if value is None or value == ():
        return None
    if isinstance(value, tuple):
        return ", ".join(
            f"{item[0]} = {item[1]}" if isinstance(item, tuple) else str(item) for item in value
        )
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def safe(owner: str, name: str, old: object, new: object, why: str) -> Iterator[Change]:
    """A safe change of one attribute, if there is one."""
    before, after = getattr(old, name), getattr(new, name)
    if before != after:
        yield Change(
            field=dotted(owner, name), old=shown(before), new=shown(after), impact="safe", why=why
        )


def dotted(owner: str, name: str) -> str:
    """Path of a field."""
    return f"{owner}.{name}" if owner else name
