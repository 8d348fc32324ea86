"""A lake for the tests of care: rows go straight into the tables, so that no file has to be read for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F

from contracts import naming
from contracts.model import Contract
from glue_jobs import maintenance, storage
from glue_jobs.maintenance.work import MaintenanceRun
from glue_jobs.tables import Upkeep
from glue_jobs.tables.delta import drafts
from glue_jobs.tables.delta.tables import DeltaTables
from glue_jobs.tables.formats import open_format
from pipeline.run_documents import MaintenanceRequest, MaintenanceResult
from rows import table_definitions
from rows.tables import Table
from tests.spark.lake import Lake
from tests.spark.orders import ORDERS, column

CUSTOMER = column("customer", pii="hash", data_subject=True)
ORDERS_OF_CUSTOMERS = replace(ORDERS, columns=(*ORDERS.columns, CUSTOMER))
ANNA, BERTA = "a" * 64, "b" * 64  # tokens
MOMENT = datetime(2024, 5, 1, 10)
NOW = datetime(2024, 5, 2, tzinfo=UTC)
FIRST, SECOND, THIRD, CARE = (f"20240501T10000{n}-0000000{n}" for n in range(1, 5))


def done(work: MaintenanceRun) -> dict[str, Any]:
    """The result of a care run, as it is written."""
    result = maintenance.run(work)
    assert MaintenanceResult.from_json(result.to_json()) == result
    return result.to_json()


Order = tuple[int, str, str]  # order id, day as ISO 8601, amount


@dataclass
class KeptLake(Lake):
    """`documents` stands for the JSON documents in S3."""

    contract: Contract = ORDERS_OF_CUSTOMERS
    documents: dict[str, str] = field(default_factory=dict)

    @property
    def runs_uri(self) -> str:
        """The folder of all runs."""
        return f"file://{self.folder}/runs/orders/"

    @property
    def upkeep(self) -> Upkeep:
        """The upkeep of the real tables."""
        return open_format(self.spark, self.contract).upkeep

    def keep_documents_here(self, patch: pytest.MonkeyPatch) -> None:
        """Put a dictionary in the place of S3."""
        patch.setattr(
            storage,
            "write_json",
            lambda uri, document: self.documents.update({uri: json.dumps(document)}),
        )
        patch.setattr(storage, "find_json", lambda uri: json.loads(self.documents.get(uri, "null")))

    def fill(
        self, run_id: str, *orders: Order, customer: str = ANNA, refused: int = 0
    ) -> dict[str, int | None]:
        """A run that publishes these orders, and so many refused records; the snapshots before it, by table."""
        every = [
            self.processed,
            self.quarantine,
            *([self.history] if self.contract.history else []),
            *(self.curated(model.name) for model in self.contract.curated),
        ]
        before = {
            table.name: self.tables.head(table) if self.tables.exists(table) else None
            for table in every
        }
        version = self.contract.version
        rows = [
            (number, date.fromisoformat(day), "open", 1, Decimal(amount), None, customer,
             run_id, "0.csv", number, MOMENT, run_id, version) for number, day, amount in orders
        ]  # fmt: skip
        versions = [(self.history, rows)] if self.contract.history else []
        broken = (
            (run_id, "0.csv", 100 + number, MOMENT, run_id, version, ["r"], ["."], "x", customer)
            for number in range(refused)
        )
        width = len(self.quarantine.columns)
        after = {}
        for table, values in (
            (self.processed, rows),
            (self.quarantine, [(*one, *[None] * (width - len(one))) for one in broken]),
            *versions,
        ):
            self.tables.ensure(table, may_evolve=True)
            self.tables.start_draft(table, naming.branch(run_id))
            if values:
                schema = ", ".join(f"`{one.name}` {one.type}" for one in table.columns)
                self.tables.append(
                    table, naming.branch(run_id), self.spark.createDataFrame(values, schema)
                )
            after[table.name] = self.tables.head(table, naming.branch(run_id))
        self.results[run_id] = {
            "snapshots": {name: {"after": head} for name, head in after.items()}
        }
        self.last = self.curate(run_id)
        return before

    def scatter(self, *orders: Order) -> None:
        """Put each order into a file of its own, as many small runs would have done."""
        self.tables.ensure(self.processed, may_evolve=True)
        for number, day, amount in orders:
            self.spark.sql(
                f"INSERT INTO {self.name(self.processed)} SELECT {number}, DATE '{day}', 'open', 1, {amount}BD, "
                f"NULL, 'c', 'f', 'f.csv', {number}, TIMESTAMP_NTZ '2024-05-01 10:00:00', 'r', '1.0.0'"
            )

    def request(self, mode: str, run_id: str = CARE, **request: Any) -> MaintenanceRequest:
        """What a care run is asked to do."""
        plain = {
            "dataset": self.contract.dataset,
            "run_id": run_id,
            "rollback": None,
            "erasure": None,
        }
        return MaintenanceRequest.from_json({**plain, "mode": mode, **request})

    @property
    def forecasts(self) -> tuple[Table, ...]:
        """The tables of forecasts, whether they exist or not."""
        return tuple(
            table_definitions.forecast(found, self.environment, None)
            for found in self.contract.forecast_models
        )

    def maintenance_run(
        self, mode: str, *, now: datetime = NOW, run_id: str = CARE, **request: Any
    ) -> MaintenanceRun:
        """A care run."""
        return MaintenanceRun(
            spark=self.spark,
            contract=self.contract,
            run_id=run_id,
            request=self.request(mode, run_id, **request),
            processed=self.processed,
            quarantine=self.quarantine,
            quality=self.quality,
            history=self.history,
            forecasts=self.forecasts,
            curated={model.name: self.curated(model.name) for model in self.contract.curated},
            tables=self.tables,
            upkeep=self.upkeep,
            runs_uri=self.runs_uri,
            now=now,
        )

    def maintain(self, now: datetime = NOW) -> dict[str, Any]:
        """A care run of mode maintenance."""
        self.documents.clear()
        return done(self.maintenance_run("maintenance", now=now))

    def roll_back(self, tables: dict[str, int | None], *runs: str) -> dict[str, Any]:
        """A care run of mode rollback."""
        return done(
            self.maintenance_run("rollback", rollback={"runs": list(runs), "tables": tables})
        )

    def erase(self, subject: str = ANNA) -> dict[str, Any]:
        """A care run of mode erasure."""
        return done(self.maintenance_run("erasure", erasure={"subject": subject}))

    def orders(self) -> list[int]:
        """Order ids as published."""
        return [number for (number,) in self.rows(self.processed, "order_id")]

    @property
    def every(self) -> list[Table]:
        """All tables of the dataset, as far as they exist."""
        ours = (self.processed, self.quarantine, self.quality, self.history)
        tables = (*ours, *map(self.curated, self.models))
        return [table for table in tables if self.tables.exists(table)]

    def content(self, of_runs: Sequence[str] = ()) -> dict[str, list[tuple[Any, ...]]]:
        """Every published row of every table, but for which run wrote it and when; quality only of these runs."""
        transient, found = {"_run_id", "run_id", "resolved_at", "checked_at"}, {}
        for table in self.every:
            rows = self.tables.read(table)
            if table == self.quality:
                rows = rows.where(F.col("run_id").isin(*of_runs))
            names = [one.name for one in table.columns if one.name not in transient]
            found[table.name] = [
                tuple(row) for row in rows.select(*names).orderBy(*names).collect()
            ]
        return found

    def unpublished(self) -> list[tuple[str, str]]:
        """Tables and branches, or drafts of Delta, that hold what readers do not see."""
        if self.contract.table_format == "delta":
            return self._drafts()
        found = []
        for table in self.every:
            refs = self.spark.sql(
                f"SELECT name, snapshot_id FROM {self.name(table)}.refs"
            ).collect()
            published = self.tables.ancestors(table)
            found += [
                (table.name, row["name"]) for row in refs if row["snapshot_id"] not in published
            ]
        return found

    def _drafts(self) -> list[tuple[str, str]]:
        tables = DeltaTables(self.spark)
        found = []
        for table in self.every:
            draft = drafts.current(self.spark, tables.path(table))
            if draft and tables.head(table, draft.name) not in tables.ancestors(table):
                found.append((table.name, draft.name))
        return found

    @property
    def models(self) -> list[str]:
        """Names of the curated models."""
        return [model.name for model in self.contract.curated]

    def recomputed(self) -> dict[str, list[str]]:
        """Periods that the last run computed, by model."""
        return {model["name"]: model["periods"] for model in self.last["models"]}

    def files(self, table: Table) -> list[Path]:
        """Every data file below the table's location, known to a snapshot or not."""
        known = self.spark.sql(
            f"SELECT file_path FROM {self.name(table)}.all_data_files LIMIT 1"
        ).collect()
        folder = Path(known[0][0].removeprefix("file:")).parents[1]
        return sorted(folder.rglob("*.parquet"))

    def name(self, table: Table) -> str:
        """Full name in SQL."""
        return f"glue_catalog.{table.database}.{table.name}"

    def in_files(self, table: Table, text: str, name: str) -> int:
        """Rows with this text in that column, over all data files that still exist."""
        files = [f"file://{file}" for file in self.files(table)]
        return self.spark.read.parquet(*files).where(F.col(name) == text).count()
