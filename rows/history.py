# ruff: noqa: S608 - the SQL is made of a validated contract and of literals that the dialect quotes
"""Every delivered version of a record, for contracts that want it: what the history table holds of a run's files.

A delivery is a content that arrived at a moment; of each delivery the table holds every record that was accepted, as it
was delivered, whatever newer ones replaced since. A content that comes again later is a delivery of its own. A run
writes its own deliveries in place of what the table has of them, so that one that is tried again adds nothing twice.
A backfill reads the content of a file anew, for every delivery of it. docs/decisions/0034 has the design.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from rows.columns import RECEIVED_AT, SOURCE_FILE, SOURCE_SHA256, origin_name
from rows.dialect import Dialect


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A content, and when it arrived (UTC, without a zone)."""

    sha256: str
    received_at: datetime


@dataclass(frozen=True, kw_only=True)
class History:
    """Queries over relations with the columns of the processed table, of which `columns` are those of the history.

    `kept`: columns whose values may be of another delivery than their row (rows.keeping).
    """

    dialect: Dialect
    columns: Sequence[str]
    kept: Sequence[str]

    def of_deliveries(self, deliveries: Iterable[Delivery]) -> str:
        """The condition that a row is of one of these."""
        found = [
            self.dialect.text(f"{one.sha256} {one.received_at:%Y-%m-%d %H:%M:%S.%f}")
            for one in deliveries
        ]
        if not found:
            return "false"
        return f"concat({SOURCE_SHA256}, ' ', {self.dialect.moment(RECEIVED_AT)}) IN ({', '.join(found)})"

    def delivered(self, valid: str) -> str:
        """The valid rows as their own delivery gave them: without values that the table keeps for them of others."""
        return f"SELECT {', '.join(map(self._value, self.columns))} FROM {valid} AS v"

    def delivered_again(self, valid: str, held: str) -> str:
        """The same, once for each delivery of a row's content: its own, and those that `held`, the history, has."""
        origin = (SOURCE_FILE, RECEIVED_AT)
        names = [
            f"d.{name}" if name in origin else f"r.{self.dialect.name(name)}"
            for name in self.columns
        ]
        own, earlier = (
            f"SELECT {SOURCE_SHA256}, {SOURCE_FILE}, {RECEIVED_AT} FROM {rows} AS o"
            for rows in (valid, held)
        )
        deliveries = (
            f"SELECT {SOURCE_SHA256}, max({SOURCE_FILE}) AS {SOURCE_FILE}, {RECEIVED_AT} "
            f"FROM ({own} UNION ALL {earlier}) AS b GROUP BY {SOURCE_SHA256}, {RECEIVED_AT}"
        )
        return (
            f"SELECT {', '.join(names)} FROM ({self.delivered(valid)}) AS r "
            f"JOIN ({deliveries}) AS d ON r.{SOURCE_SHA256} = d.{SOURCE_SHA256}"
        )

    def _value(self, column: str) -> str:
        name = self.dialect.name(column)
        if column not in self.kept:
            return f"v.{name}"
        return f"CASE WHEN v.{self.dialect.name(origin_name(column))} IS NULL THEN v.{name} END AS {name}"
