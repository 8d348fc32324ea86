"""What a care run works with, and how curated tables stand against the processed table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pyspark.sql import SparkSession

from contracts import model, naming
from glue_jobs.curating import SparkCurating, SparkCurationRun
from glue_jobs.tables import Tables, Upkeep
from pipeline.run_documents import MaintenanceFindings, MaintenanceRequest, TableFigures
from rows import curation
from rows.tables import Table

OURS = "slipway."  # how all properties that curating gives a snapshot begin

# current: holds what the published processed rows give. redefined: new, or its model has changed, so that the next run
# computes it from all rows. behind: a publication was interrupted, which a retry or the next run repairs.
Standing = Literal["current", "redefined", "behind"]


@dataclass(frozen=True, kw_only=True)
class MaintenanceRun:
    """`runs_uri` is the folder of all runs of the dataset, with a final slash; `now` has a time zone."""

    spark: SparkSession
    contract: model.Contract
    run_id: str
    request: MaintenanceRequest
    processed: Table
    quarantine: Table
    quality: Table
    history: Table
    curated: dict[str, Table]
    forecasts: tuple[Table, ...]
    tables: Tables
    upkeep: Upkeep
    runs_uri: str
    now: datetime

    @property
    def branch(self) -> str:
        """Branch of this run."""
        return naming.branch(self.run_id)

    @property
    def found_uri(self) -> str:
        """What the first attempt of this run found, before it changed anything."""
        return f"{self.runs_uri}{self.run_id}/{MaintenanceFindings.FILE_NAME}"

    @property
    def with_rows(self) -> list[Table]:
        """The tables that a run publishes, as far as they exist."""
        every = (
            self.processed,
            self.quarantine,
            self.history,
            *self.curated.values(),
            *self.forecasts,
        )
        return [table for table in every if self.tables.exists(table)]

    @property
    def derived(self) -> list[Table]:
        """The tables that hold nothing but what others do, as far as they exist."""
        every = (*self.curated.values(), *self.forecasts)
        return [table for table in every if self.tables.exists(table)]

    @property
    def existing(self) -> list[Table]:
        """All tables of the dataset, as far as they exist."""
        return [*self.with_rows, *([self.quality] if self.tables.exists(self.quality) else [])]

    def measured(self) -> dict[str, TableFigures]:
        """Snapshot, rows, files and bytes of each table as published."""
        states = {table.name: self.upkeep.state(table) for table in self.existing}
        return {
            name: TableFigures(
                snapshot=state.version, rows=state.rows, files=state.files, bytes=state.size_bytes
            )
            for name, state in states.items()
        }

    def against(self, after: dict[str, int]) -> SparkCurationRun:
        """The curating of these heads of processed and quarantine under this run."""
        return SparkCurationRun(
            engine=SparkCurating(),
            contract=self.contract,
            run_id=self.run_id,
            processed=self.processed,
            quarantine=self.quarantine,
            history=self.history,
            curated=self.curated,
            tables=self.tables,
            after=after,
        )

    def standings(self) -> Iterator[tuple[model.CuratedModel, Standing, dict[str, str]]]:
        """Each curated model, how its table stands, and what it should remember. Nothing while nothing was loaded."""
        head = self.tables.head(self.processed) if self.tables.exists(self.processed) else None
        if head is None:
            return
        published = self.against({self.processed.name: head})
        for curated_model in self.contract.curated:
            yield (
                curated_model,
                self._standing(published, curated_model),
                published.memory(curated_model),
            )

    def _standing(self, published: SparkCurationRun, curated_model: model.CuratedModel) -> Standing:
        table = self.curated[curated_model.name]
        if not self.tables.exists(table):
            return "redefined"
        last = self.tables.last_properties(table, curation.SOURCE_SNAPSHOT)
        if last.get(curation.FINGERPRINT) != published.memory(curated_model)[curation.FINGERPRINT]:
            return "redefined"
        outdated = curation.to_recompute(published, curated_model)
        return "current" if outdated == [] else "behind"

    def settle(self) -> None:
        """Let every current curated table remember the processed snapshot as published, in its newest snapshot.

        What it remembered may have been replaced by a compaction, and would be gone when snapshots expire.
        """
        for curated_model, standing, memory in self.standings():
            table = self.curated[curated_model.name]
            if standing == "current" and not memory.items() <= self.upkeep.summary(table).items():
                last = self.tables.last_properties(table, curation.SOURCE_SNAPSHOT)
                ours = {name: value for name, value in last.items() if name.startswith(OURS)}
                self.upkeep.remember(table, ours | memory)
