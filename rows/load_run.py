"""What a run of raw_to_processed works with on either engine, and its steps that no engine decides."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Generic, Self

from contracts import headers, model, naming
from contracts.errors import ContractInvalid, RetryableError
from pipeline.modes import loads_again
from pipeline.run_documents import Manifest, SnapshotChange
from rows import keeping
from rows.columns import origin_name
from rows.dialect import Dialect
from rows.history import Delivery, History
from rows.keeping import Keeping
from rows.table_operations import Rows, TableOperations
from rows.tables import Table, TableColumn


@dataclass(frozen=True, kw_only=True)
class BaseLoadRun(Generic[Rows]):
    """The files of the run, their contract, the tables, and what the environment allows.

    `schema_change` is the environment's; `pii_key` is the key of tokens, for contracts that have any.
    """

    contract: model.Contract
    manifest: Manifest
    processed: Table
    quarantine: Table
    quality: Table
    history: Table
    tables: TableOperations[Rows]
    schema_change: model.SchemaChange
    pii_key: bytes | None = field(repr=False)

    @property
    def branch(self) -> str:
        """Branch of this run."""
        return naming.branch(self.manifest.run_id)

    @property
    def hashes(self) -> list[str]:
        """Content hashes of the files of this run, the one that it retracts among them."""
        return [*(file.sha256 for file in self.manifest.files), *self.retracted]

    @property
    def retracted(self) -> list[str]:
        """Content hash of the file that this run retracts; empty in every other mode."""
        return [file.sha256 for file in self.manifest.taken_out]

    @property
    def received(self) -> tuple[datetime, datetime]:
        """When the first and the last of these files came."""
        times = [file.received_at for file in self.manifest.files]
        times += [file.received_at for file in self.manifest.taken_out]
        return min(times), max(times)

    @property
    def columns_of_contract(self) -> tuple[TableColumn, ...]:
        """The columns of the processed table without those of the pipeline: what a partner said."""
        names = {column.name for column in self.contract.stored_columns}
        return tuple(column for column in self.processed.columns if column.name in names)

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

    def published_of(self, dataset: str) -> Table | None:
        """The processed table of another dataset, to be read; None before anything of it is published.

        A first run makes its table before it has rows to publish, so that a table is there says nothing.
        """
        other = replace(self.processed, name=dataset, columns=())
        is_there = self.tables.exists(other) and self.tables.head(other) is not None
        return other if is_there else None

    def with_origins(self) -> Self:
        """The run, with the columns that say whose a kept value is: those that the table has, and those needed now."""
        lacked = (keeping.lacked_by(self.contract, file) for file in self.manifest.files)
        needed = {origin_name(column.name) for columns in lacked for column in columns}
        is_there = self.tables.exists(self.processed)
        held = self.tables.column_names(self.processed) if is_there else []
        possible = {origin_name(column.name): column for column in self.contract.columns}
        names = [name for name in held if name in possible]
        names += [name for name in possible if name in needed and name not in names]
        origins = (keeping.origin_column(possible[name]) for name in names)
        columns = (*self.processed.columns, *origins)
        return replace(self, processed=replace(self.processed, columns=columns))

    @property
    def kept_columns(self) -> tuple[str, ...]:
        """Columns whose values may be of another file than their row; empty where no file ever lacked one."""
        known = {column.name for column in self.processed.columns}
        return tuple(
            column.name for column in self.contract.columns if origin_name(column.name) in known
        )

    def without(self, column: str) -> list[str]:
        """Hashes of the run's files that lack a column whose values are kept."""
        return [
            file.sha256
            for file in self.manifest.files
            if column in {lacked.name for lacked in keeping.lacked_by(self.contract, file)}
        ]

    def keeping(self, dialect: Dialect) -> Keeping:
        """How values are kept in this run."""
        return Keeping(
            dialect=dialect,
            key=self.contract.key,
            columns=self.kept_columns,
            again=self.hashes if loads_again(self.manifest.mode) else (),
        )

    @property
    def writes_history(self) -> bool:
        """Whether the run changes the history table.

        Where the contract wants none any more, rows that are loaded anew still leave the one that is there.
        """
        return self.contract.history or (
            loads_again(self.manifest.mode) and self.tables.exists(self.history)
        )

    @property
    def deliveries(self) -> list[Delivery]:
        """The files of the run as deliveries."""
        return [
            Delivery(sha256=file.sha256, received_at=file.received_at)
            for file in self.manifest.files
        ]

    def histories(self, dialect: Dialect) -> History:
        """What the history table holds of this run."""
        return History(
            dialect=dialect,
            columns=[column.name for column in self.history.columns],
            kept=self.kept_columns,
        )

    @property
    def drafts(self) -> tuple[Table, ...]:
        """The tables of which the run opens a draft, and which are published after the gate."""
        history = (self.history,) if self.writes_history else ()
        return (self.processed, self.quarantine, *history)

    @property
    def with_forms(self) -> tuple[Table, ...]:
        """The tables in which rows of earlier contracts may hold personal data in another form."""
        return (self.processed, *((self.history,) if self.contract.history else ()))

    def require_subject(self) -> None:
        """Raise ContractInvalid when people were erased whose records could not be refused any more."""
        erased = len(self.manifest.erased_subjects)
        if erased and self.contract.subject_column is None:
            raise ContractInvalid(
                f"{erased} data subjects of {self.contract.dataset} were erased, but its contract marks no column with "
                "dataSubject any more, so that their records could not be refused; mark the column again"
            )

    def ensure_tables(self) -> tuple[str, ...]:
        """Tables as the contract wants them; what was changed about those that people read.

        Raises ContractInvalid when a table cannot become so.
        """
        changes = self.tables.ensure(self.processed, may_evolve=self.may_evolve)
        # Its columns are the pipeline's own, and money columns that the processed table has accepted.
        self.tables.ensure(self.quarantine, may_evolve=True)
        if self.contract.history:  # its columns are those of the processed table, which was asked
            self.tables.ensure(self.history, may_evolve=True)
        return tuple(f"{self.processed.name}: {change}" for change in changes)

    def start_drafts(self) -> dict[str, int | None]:
        """Open the branch of the run on its tables; their published snapshots by table, None where there is none."""
        return {table.name: self.tables.start_draft(table, self.branch) for table in self.drafts}

    def snapshots(self, before: dict[str, int | None]) -> dict[str, SnapshotChange]:
        """By table: the published snapshot that the run began with, and the head of its branch.

        Raises RetryableError when the branch is gone.
        """
        return {table.name: self._change(table, before[table.name]) for table in self.drafts}

    def _change(self, table: Table, before: int | None) -> SnapshotChange:
        head = self.tables.head(table, self.branch)
        if head is None:
            raise RetryableError(
                f"{table.name}: the branch {self.branch!r} of the run is gone; run the whole batch again"
            )
        return SnapshotChange(before=before, after=head)
