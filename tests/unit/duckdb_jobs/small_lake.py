"""A lake on disk with the tables of orders, into which rows go straight, and runs that end at any commit."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from contracts import naming
from contracts.model import Contract
from duckdb_jobs.curating import DuckDbCurating
from duckdb_jobs.database import open_database
from duckdb_jobs.tables.iceberg_tables import DuckDbTables
from duckdb_jobs.tables.local_files import LocalFiles
from pipeline.run_documents import CurateResult
from rows import curation, table_definitions
from rows.tables import Table
from tests.hadoop_catalog import HadoopCatalog
from tests.spark.orders import ORDERS

Side = Literal["before", "after"]
Order = tuple[int, str, str, str]  # order id, day, status, amount
MEMORY_BYTES, LIMIT_BYTES = 512 * 1024 * 1024, 64 * 1024 * 1024
ORIGIN = "'sha', 'f.csv', order_id, TIMESTAMP '2024-05-01 10:00:00', 'r', '1.0.0'"


class Killed(BaseException):
    """The process ended here. Not an Exception, so that nothing can handle it."""


@dataclass
class Commits:
    """What the catalog was asked to write so far; the process ends at number `at`, counted from 1."""

    at: int = 0
    side: Side = "before"
    kinds: list[str] = field(default_factory=list)

    def make(self, kind: str, write: Callable[[], Any]) -> Any:
        """Carry out a write, unless the process ends before it."""
        self.kinds.append(kind)
        self._end("before")
        made = write()
        self._end("after")
        return made

    def _end(self, side: Side) -> None:
        if (len(self.kinds), side) == (self.at, self.side):
            raise Killed(f"{side} write {self.at}, {self.kinds[-1]}")


class WatchedCatalog(HadoopCatalog):
    """A catalog whose writes are counted, and may be the last thing that its process does."""

    def __init__(self, warehouse: Path, commits: Commits) -> None:
        super().__init__(warehouse)
        self._commits = commits

    def create_table(self, identifier: Any, *given: Any, **options: Any) -> Any:
        create = super().create_table
        return self._commits.make(
            f"create {identifier[1]}", lambda: create(identifier, *given, **options)
        )

    def commit_table(self, table: Any, requirements: Any, updates: Any) -> Any:
        commit = super().commit_table
        kinds = "+".join(update.action for update in updates)
        return self._commits.make(
            f"{kinds} {table.name()[1]}", lambda: commit(table, requirements, updates)
        )


@dataclass
class SmallLake:
    """Tables below a folder. Each use of `tables` is a process of its own."""

    folder: Path
    contract: Contract = ORDERS
    commits: Commits = field(default_factory=Commits)

    @property
    def processed(self) -> Table:
        """The processed table."""
        return table_definitions.processed(self.contract, "test", None)

    @property
    def quarantine(self) -> Table:
        """Its quarantine."""
        return table_definitions.quarantine(self.contract, "test", None)

    @property
    def history(self) -> Table:
        """Its history, where the contract wants one."""
        return table_definitions.history(self.contract, "test", None)

    @property
    def curated(self) -> dict[str, Table]:
        """The curated tables."""
        return {m.name: table_definitions.curated(m, "test", None) for m in self.contract.curated}

    @property
    def loaded(self) -> tuple[Table, ...]:
        """The tables of which the first job leaves drafts."""
        history = (self.history,) if self.contract.history else ()
        return (self.processed, self.quarantine, *history)

    @contextmanager
    def tables(self) -> Iterator[DuckDbTables]:
        """The tables as a new process sees them."""
        catalog = WatchedCatalog(self.folder / "tables", self.commits)
        with (
            tempfile.TemporaryDirectory(dir=self.folder) as name,
            open_database(Path(name), MEMORY_BYTES) as database,
        ):
            yield DuckDbTables(database, catalog, LocalFiles(Path(name), LIMIT_BYTES))

    def load(self, run_id: str, *orders: Order) -> dict[str, int]:
        """What the first job leaves: these orders, newer than all before, on the branches of a run; their heads."""
        values = ", ".join(f"({n}, DATE '{d}', '{s}', {a})" for n, d, s, a in orders)
        relation = f"(VALUES {values}) AS v(order_id, order_date, status, amount)"
        kinds = ", ".join(column.name for column in self.processed.columns)
        rows = (
            f"(SELECT * FROM (SELECT order_id, order_date, status, 1, amount, NULL, {ORIGIN} "
            f"FROM {relation}) AS r({kinds}))"
        )
        heads = {}
        with self.tables() as tables:
            for table in self.loaded:
                tables.ensure(table, may_evolve=True)
                tables.start_draft(table, naming.branch(run_id))
                if table.name == self.history.name and orders:
                    own = " OR ".join(
                        f"order_id = {n} AND order_date = DATE '{d}'" for n, d, *_ in orders
                    )
                    tables.delete(table, naming.branch(run_id), own)
                    tables.append(table, naming.branch(run_id), rows)
                if table.name == self.processed.name and orders:
                    tables.merge(
                        table,
                        naming.branch(run_id),
                        rows,
                        on="t.order_id = s.order_id",
                        newer="TRUE",
                    )
                heads[table.name] = tables.head(table, naming.branch(run_id)) or 0
        return heads

    def curate(self, run_id: str, after: dict[str, int]) -> CurateResult:
        """What the second job does."""
        with self.tables() as tables:
            return curation.run(
                curation.CurationRun(
                    contract=self.contract,
                    run_id=run_id,
                    processed=self.processed,
                    quarantine=self.quarantine,
                    history=self.history,
                    curated=self.curated,
                    tables=tables,
                    engine=DuckDbCurating(tables.database),
                    after=after,
                )
            )

    def run(self, run_id: str, *orders: Order) -> CurateResult:
        """Both jobs."""
        return self.curate(run_id, self.load(run_id, *orders))

    def rows(self, table: Table, *columns: str) -> list[tuple[Any, ...]]:
        """Published rows in order."""
        names = ", ".join(columns)
        with self.tables() as tables:
            statement = f"SELECT {names} FROM {tables.read(table)} ORDER BY ALL"
            return tables.database.execute(statement).fetchall()

    def drafts(self) -> list[str]:
        """Branches that are not published."""
        catalog = HadoopCatalog(self.folder / "tables")
        every = (*self.loaded, *self.curated.values())
        return [
            f"{table.name} {name}"
            for table in every
            for name in catalog.load_table((table.database, table.name)).refs()
            if name != "main"
        ]

    def keep(self, aside: Path) -> None:
        """Copy the lake as it is now."""
        shutil.copytree(self.folder / "tables", aside)

    def restore(self, aside: Path) -> None:
        """Go back to a copy: Iceberg knows its files by full path, so they return to theirs."""
        shutil.rmtree(self.folder / "tables")
        shutil.copytree(aside, self.folder / "tables")
