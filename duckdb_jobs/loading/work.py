"""What a run of raw_to_processed works with, and the names of the relations that its steps hand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from contracts import headers, model, naming
from pipeline.run_documents import Manifest
from rows.columns import RECEIVED_AT, SOURCE_ROW, SOURCE_SHA256
from rows.duckdb_dialect import DuckDBDialect
from rows.table_operations import TableOperations
from rows.tables import Table

DUCKDB = DuckDBDialect()

# Relations of a run, in the order in which they are made.
PADS = "key_pads"  # one row: the pads of the key of tokens
ORIGINS = "file_origins"  # per file: what its rows say of where they came from
STAGED = "staged_rows"  # every record, with the verdict of the contract
JUDGED = "judged_rows"  # every record, with the verdict that holds in this mode
VALID = "valid_rows"  # those that break no rule
REFUSED = "refused_rows"  # the others, as the quarantine keeps them
FATED = "fated_rows"  # valid rows that are not simply new
KEPT = "kept_rows"  # valid rows that are to be written

IS_JUDGED = "_is_judged"  # of a row of JUDGED: whether this run judged it; in a replay some stay as they are


@dataclass(frozen=True, kw_only=True)
class LoadRun:
    """The files of the run, their contract, the tables, and what the environment allows.

    `content` gives the bytes of a raw file; `folder` is for files of this run. `schema_change` is the environment's;
    `pii_key` is the key of tokens, for contracts that have any.
    """

    database: duckdb.DuckDBPyConnection
    contract: model.Contract
    manifest: Manifest
    processed: Table
    quarantine: Table
    quality: Table
    tables: TableOperations[str]
    content: Callable[[str], bytes]
    folder: Path
    schema_change: model.SchemaChange
    pii_key: bytes | None = field(repr=False)

    @property
    def branch(self) -> str:
        """Branch of this run."""
        return naming.branch(self.manifest.run_id)

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that identify a row; without a key in the contract every record is its own."""
        return self.contract.key or (SOURCE_SHA256, SOURCE_ROW)

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
    def hashes(self) -> list[str]:
        """Content hashes of the files of this run."""
        return [file.sha256 for file in self.manifest.files]

    @property
    def of_files(self) -> str:
        """The condition that a row came from a file of this run."""
        return f"{SOURCE_SHA256} IN ({', '.join(map(DUCKDB.text, self.hashes))})"

    @property
    def of_batch(self) -> str:
        """The same condition, with the times of arrival by which the quarantine's partitions are skipped."""
        times = [file.received_at for file in self.manifest.files]
        first, last = f"TIMESTAMP '{min(times)}'", f"TIMESTAMP '{max(times)}'"
        return f"{RECEIVED_AT} BETWEEN {first} AND {last} AND {self.of_files}"

    def processed_of(self, dataset: str) -> Table:
        """The processed table of another dataset, to be read."""
        return replace(self.processed, name=dataset, columns=())
