"""What processed_to_curated recomputed and published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import ClassVar

from pipeline.run_documents.base import RunDocument
from pipeline.run_documents.json_form import JsonDocument


@dataclass(frozen=True, kw_only=True)
class ConservedTotal(JsonDocument):
    """A money column on both sides; they must be equal."""

    processed: Decimal
    """Sum over the processed rows that were computed from."""
    curated: Decimal
    """Sum over the curated rows as committed."""


@dataclass(frozen=True, kw_only=True)
class CuratedTable(JsonDocument):
    """What the run did to one curated table. Untouched: no periods, no rows, no totals, snapshot null."""

    name: str
    """The table."""
    periods: tuple[date, ...]
    """First days of the periods that were computed again."""
    kept_periods: tuple[date, ...]
    """First days of periods that the run would have changed, but whose rows have passed their retention."""
    rows: int
    """Rows of these periods."""
    totals: Mapping[str, ConservedTotal]
    """By column that the model conserves."""
    snapshot: int | None
    """Snapshot that the run published; null: the run changed nothing here."""
    before: int | None
    """Snapshot that was published before the run; null: none."""

    @property
    def is_untouched(self) -> bool:
        """Whether no processed row of its had changed, so that nothing was computed."""
        return not self.periods and not self.rows


@dataclass(frozen=True, kw_only=True)
class CurateResult(RunDocument):
    """What processed_to_curated did. It is written once everything is published."""

    FILE_NAME: ClassVar[str] = "processed_to_curated.json"
    WRITTEN_BY: ClassVar[str] = "processed_to_curated"

    models: tuple[CuratedTable, ...]
    """Every curated table of the contract."""
    published: bool
    """Whether all tables of the run are published."""
    duration_seconds: float
    """Work of the job, without its start."""
