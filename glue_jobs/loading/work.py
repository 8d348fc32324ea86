"""What a run of raw_to_processed works with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from contracts import headers, model, naming
from glue_jobs.tables import Tables
from pipeline.run_documents import Manifest
from rows.columns import RECEIVED_AT, SOURCE_SHA256
from rows.tables import Table


@dataclass(frozen=True, kw_only=True)
class LoadRun:
    """The files of the run, their contract, the tables, and what the environment allows.

    `schema_change` is the environment's; `pii_key` is the key of tokens, for contracts that have any.
    """

    spark: SparkSession
    contract: model.Contract
    manifest: Manifest
    processed: Table
    quarantine: Table
    quality: Table
    tables: Tables
    staged_uri: str
    schema_change: model.SchemaChange
    pii_key: bytes | None = field(repr=False)

    @property
    def branch(self) -> str:
        """Branch of this run."""
        return naming.branch(self.manifest.run_id)

    @property
    def judged_uri(self) -> str:
        """Folder, within that of the staged rows, for rows with the verdicts of a replay or backfill."""
        return f"{self.staged_uri.rstrip('/')}/_judged"

    @property
    def hashes(self) -> list[str]:
        """Content hashes of the files of this run."""
        return [file.sha256 for file in self.manifest.files]

    @property
    def change(self) -> model.SchemaChange:
        """What may differ without anybody deciding it: the stricter of contract and environment."""
        return headers.stricter(self.contract.schema_change, self.schema_change)

    @property
    def header_change(self) -> model.SchemaChange:
        """What a header may look like; one that was accepted before is not judged again by a later contract's order."""
        return self.change if self.manifest.mode == "load" else "evolve"

    @property
    def may_evolve(self) -> bool:
        """Whether the processed table may be evolved; who asks for a backfill has decided it."""
        return self.change == "evolve" or self.manifest.mode == "backfill"

    @property
    def of_files(self) -> Column:
        """The condition that a row came from a file of this run."""
        return F.col(SOURCE_SHA256).isin(self.hashes)

    @property
    def of_files_sql(self) -> str:
        """The same condition as SQL text."""
        hashes = ", ".join(f"'{sha256}'" for sha256 in self.hashes)
        return f"{SOURCE_SHA256} IN ({hashes})"

    @property
    def received_sql(self) -> str:
        """The condition that a row arrived with the batch, by which the quarantine's partitions are skipped."""
        times = [file.received_at for file in self.manifest.files]
        return (
            f"{RECEIVED_AT} BETWEEN TIMESTAMP_NTZ '{min(times)}' AND TIMESTAMP_NTZ '{max(times)}'"
        )

    def processed_of(self, dataset: str) -> Table:
        """The processed table of another dataset, to be read."""
        return replace(self.processed, name=dataset, columns=())
