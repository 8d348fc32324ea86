"""What the next extract of a table would do, without doing it; its seal says whether that is still so.

The seal is over what decides which rows are read and how: description, contract, watermark, the columns as they are,
the text of every query, limits, keys to compare with. Estimates, the snapshot and the moment are for people only.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.errors import PermanentError

SEAL_CHARACTERS = 16
# Not of the seal: they change by themselves, and change nothing of what is read.
ESTIMATES = frozenset(
    {
        "rows",
        "row_bytes",
        "chunks",
        "table_rows",
        "table_bytes",
        "snapshot",
        "next_watermark",
        "notes",
    }
)


@dataclass(frozen=True, kw_only=True)
class PlannedQuery:
    """A query of the first chunk, as it is sent; those of later chunks begin after the last row of the one before."""

    purpose: str
    text: str


@dataclass(frozen=True, kw_only=True)
class PlannedPart:
    """Rows that are read in one order: `all`, `changed` since the watermark, or `unstamped`.

    `rows` and `row_bytes` are what PostgreSQL's planner expects by its statistics; `chunks` follow from them.
    """

    part: str
    rows: int
    row_bytes: int
    chunks: int
    queries: tuple[PlannedQuery, ...]


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What the database says. `refusals` are breaking changes of the table, for which nothing would be read;
    `additions` are columns that the description does not name: told, and left out.

    `table_rows` is None where the table was never analysed; `table_bytes` are on its disk.
    """

    columns: tuple[tuple[str, str, str], ...]  # (column of the contract, column of the table, type)
    refusals: tuple[str, ...]
    additions: tuple[str, ...]
    notes: tuple[str, ...]
    parts: tuple[PlannedPart, ...]
    key_queries: tuple[PlannedQuery, ...]
    table_rows: int | None
    table_bytes: int
    snapshot: str
    next_watermark: str | None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The next extract. `since` None: everything is read.

    `known_keys` are compared with those of the table, if `most_deleted_share` says so: how many there were at the
    extract `known_keys_of`.
    """

    source: str
    dataset: str
    contract_version: str
    table: str
    since: str | None
    chunk_rows: int
    statement_seconds: int
    lock_seconds: int
    most_deleted_share: float | None
    known_keys: int | None
    known_keys_of: str | None
    line_breaks: str
    outlook: Outlook

    @property
    def seal(self) -> str:
        """Alike for two plans that read the same rows in the same way."""
        decisive = _without(dataclasses.asdict(self))
        text = json.dumps(decisive, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:SEAL_CHARACTERS]

    def to_json(self) -> dict[str, Any]:
        """With its seal, for people and programs."""
        return {"seal": self.seal, **dataclasses.asdict(self)}


def _without(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without(each) for name, each in value.items() if name not in ESTIMATES}
    if isinstance(value, list | tuple):
        return [_without(each) for each in value]
    return value


def no_table(name: str) -> PermanentError:
    """For a source of another kind."""
    return PermanentError(
        f"source {name!r} is no table of a database, so it has no plan; slipway source show {name}"
    )


def plan_of(data: Mapping[str, Any]) -> Plan:
    """What `Plan.to_json` wrote; the seal is computed anew."""
    given = {name: value for name, value in data.items() if name != "seal"}
    outlook = dict(given.pop("outlook"))
    outlook["parts"] = tuple(
        PlannedPart(**{**part, "queries": _queries(part["queries"])}) for part in outlook["parts"]
    )
    outlook["key_queries"] = _queries(outlook["key_queries"])
    outlook["columns"] = tuple(tuple(each) for each in outlook["columns"])
    for name in ("refusals", "additions", "notes"):
        outlook[name] = tuple(outlook[name])
    return Plan(outlook=Outlook(**outlook), **given)


def _queries(data: Any) -> tuple[PlannedQuery, ...]:
    return tuple(PlannedQuery(**each) for each in data)
