"""Work on a dataset's tables between runs: what was asked for, what was there before, and what was done.

The file names are those of the step, Care, under which these documents have been stored from the beginning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from contracts.errors import PermanentError
from pipeline.modes import MaintenanceMode
from pipeline.run_documents.base import RunDocument, StoredDocument
from pipeline.run_documents.json_form import JsonDocument

TableAction = Literal["unchanged", "maintained", "rolled back", "erased"]


@dataclass(frozen=True, kw_only=True)
class RollbackPlan(JsonDocument):
    """Which runs are undone, and to what each table goes back."""

    runs: tuple[str, ...]
    """The runs, newest first."""
    tables: Mapping[str, int | None]
    """By table: the snapshot before these runs; null: it had no rows."""


@dataclass(frozen=True, kw_only=True)
class ErasureRequest(JsonDocument):
    """Whose rows leave all tables."""

    subject: str
    """Token of the data subject, 64 hex digits; never the value itself."""


@dataclass(frozen=True, kw_only=True)
class ForecastRollback(JsonDocument):
    """Which forecast takes the place of the published one, and why.

    Versions are texts: they pass through a state machine, whose numbers may lose their last digits.
    """

    WRITTEN_BY: ClassVar[str] = "the execution's input"

    table: str
    """The curated table whose forecast it is."""
    undone: str
    """Version that must be the published one, so that no newer forecast is undone unseen."""
    back_to: str
    """Version that is published again."""
    reason: str
    """Why, in the operator's words."""


@dataclass(frozen=True, kw_only=True)
class ForecastRolledBack(JsonDocument):
    """What a rollback of a forecast did."""

    WRITTEN_BY: ClassVar[str] = "forecast"

    table: str
    """The table of the forecast."""
    before: str
    """Version that was published before."""
    after: str
    """Version that is published now."""
    rows_before: int
    """Rows of the former."""
    rows_after: int
    """Rows of the latter."""
    files_before: int
    """Data files of the former."""
    files_after: int
    """Data files of the latter."""
    bytes_before: int
    """Their size, of the former."""
    bytes_after: int
    """Their size, of the latter."""
    report: tuple[str, ...]
    """What was done, in sentences."""


@dataclass(frozen=True, kw_only=True)
class MaintenanceRequest(RunDocument):
    """What the maintenance job is asked to do."""

    FILE_NAME: ClassVar[str] = "request.json"
    WRITTEN_BY: ClassVar[str] = "hold_dataset"

    mode: MaintenanceMode
    """maintenance by the contract, rollback of runs or of a forecast, or erasure of a person."""
    rollback: RollbackPlan | None
    """What a rollback goes back to; null in the other modes."""
    erasure: ErasureRequest | None
    """Whom an erasure erases; null in the other modes."""
    forecast: ForecastRollback | None = None
    """Which forecast is taken back; left out in the other modes."""

    @property
    def undone_runs(self) -> tuple[str, ...]:
        """The runs that a rollback undoes, newest first; none in the other modes."""
        return self.rollback.runs if self.rollback else ()

    @property
    def plan(self) -> RollbackPlan:
        """What to roll back. Raises PermanentError when nothing was asked to be rolled back."""
        if self.rollback is None:
            raise self._without("rollback")
        return self.rollback

    @property
    def subject(self) -> str:
        """Whom to erase. Raises PermanentError when nobody was asked to be erased."""
        if self.erasure is None:
            raise self._without("erasure")
        return self.erasure.subject

    def _without(self, part: str) -> PermanentError:
        return PermanentError(
            f"{self.key(self.dataset, self.run_id)}: mode {self.mode!r} without {part!r}; nothing was"
            " changed; start it anew: slipway runs rollback, or slipway erase"
        )


@dataclass(frozen=True, kw_only=True)
class TableFigures(JsonDocument):
    """A table as published before anything was changed."""

    snapshot: int | None
    """The published snapshot; null: none."""
    rows: int
    """Rows."""
    files: int
    """Data files."""
    bytes: int
    """Size of the data files."""


@dataclass(frozen=True, kw_only=True)
class MaintenanceFindings(StoredDocument):
    """What the first attempt found before it changed anything, so that a later attempt reports the same."""

    FILE_NAME: ClassVar[str] = "found.json"
    WRITTEN_BY: ClassVar[str] = "care"

    tables: Mapping[str, TableFigures]
    """By table that exists."""


@dataclass(frozen=True, kw_only=True)
class OriginFile(JsonDocument):
    """A raw file that rows of an erased person came from."""

    file_name: str | None
    """Its name; null: only staged rows of earlier runs name it, because newer rows replaced its rows."""
    received_at: datetime | None
    """When S3 took the upload; null as for `file_name`."""
    rows: int
    """Rows of the person in processed and quarantine that came from it."""


@dataclass(frozen=True, kw_only=True)
class ErasureFindings(MaintenanceFindings):
    """What is found before an erasure: the same file, with where the person was."""

    rows: Mapping[str, int]
    """By table: rows of the person."""
    files: Mapping[str, OriginFile]
    """By hash: the raw files that these rows came from."""
    staged_runs: int
    """Earlier runs that had left staged rows."""


@dataclass(frozen=True, kw_only=True)
class MaintainedTable(JsonDocument):
    """What was done to one table."""

    table: str
    """The table."""
    action: TableAction
    """unchanged: the same snapshot is published as before."""
    before: int | None
    """Snapshot that was published before; null: none."""
    after: int | None
    """Snapshot that is published now; null: none."""
    rows_deleted: int
    """Rows that it has fewer than before."""
    files_before: int
    """Data files before."""
    bytes_before: int
    """Their size."""
    files_after: int
    """Data files now."""
    bytes_after: int
    """Their size."""


@dataclass(frozen=True, kw_only=True)
class MaintenanceResult(RunDocument):
    """What the maintenance job did."""

    FILE_NAME: ClassVar[str] = "care.json"
    WRITTEN_BY: ClassVar[str] = "care"

    mode: MaintenanceMode
    """What was asked for."""
    tables: tuple[MaintainedTable, ...]
    """Every table of the dataset that exists."""
    duration_seconds: float
    """Work of the job, without its start."""
    report: tuple[str, ...]
    """What was done and what was not touched, in sentences."""
