"""What a run of raw_to_processed works with, and the names of the relations that its steps hand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from rows.columns import RECEIVED_AT, SOURCE_ROW, SOURCE_SHA256
from rows.duckdb_dialect import DuckDBDialect
from rows.load_run import BaseLoadRun

DUCKDB = DuckDBDialect()

# Relations of a run, in the order in which they are made.
PADS = "key_pads"  # one row: the pads of the key of tokens
ORIGINS = "file_origins"  # per file: what its rows say of where they came from
STAGED = "staged_rows"  # every record, with the verdict of the contract
JUDGED = "judged_rows"  # every record, with the verdict that holds in this mode
VALID = "valid_rows"  # those that break no rule
REFUSED = "refused_rows"  # the others, as the quarantine keeps them
FATED = "fated_rows"  # valid rows that are not simply new
AMENDED = "amended_rows"  # rows of the table whose values are others now, in columns that their file lacks
KEPT = "kept_rows"  # valid rows that are to be written

IS_JUDGED = "_is_judged"  # of a row of JUDGED: whether this run judged it; in a replay some stay as they are


@dataclass(frozen=True, kw_only=True)
class LoadRun(BaseLoadRun[str]):
    """A run on DuckDB; `content` gives the bytes of a raw file, `folder` is for files of this run."""

    database: duckdb.DuckDBPyConnection
    content: Callable[[str], bytes]
    folder: Path

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that identify a row; without a key in the contract every record is its own."""
        return self.contract.key or (SOURCE_SHA256, SOURCE_ROW)

    @property
    def of_files(self) -> str:
        """The condition that a row came from a file of this run."""
        return f"{SOURCE_SHA256} IN ({', '.join(map(DUCKDB.text, self.hashes))})"

    @property
    def of_deliveries(self) -> str:
        """The condition that a row is of one of these files as it arrived this time, not of an earlier delivery."""
        return f"{self.of_batch} AND {self.histories(DUCKDB).of_deliveries(self.deliveries)}"

    @property
    def of_batch(self) -> str:
        """The same condition, with the times of arrival by which the quarantine's partitions are skipped."""
        first, last = (f"TIMESTAMP '{moment}'" for moment in self.received)
        return f"{RECEIVED_AT} BETWEEN {first} AND {last} AND {self.of_files}"
