"""A load of one dataset, or mart, in steps that each submit or read one transaction and keep nothing but its id.

Every step may be repeated. The decision what to load is taken from what Prepare read, so a Load that is called again
decides the same, and its token makes the second submission the first. A load that was refused is written down as such,
and the next one takes everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby
from typing import Any, cast, get_args

from contracts.errors import PermanentError, RetryableError, SlipwayError, WarehouseConflict
from contracts.model import CuratedModel
from contracts.warehouse import statements as warehouse
from contracts.warehouse.sql import head_of
from lambdas.load_warehouse.data_api import BROKEN, FINISHED, RUNNING, Batch, DataApi, Row
from lambdas.load_warehouse.decisions import Held, Lake, decide
from lambdas.load_warehouse.failures import error_of, failed_head, is_difference
from pipeline.logs import Log
from pipeline.run_documents import LoadExtent, ServedTotal, WarehouseServed, WarehouseTable

NOTHING = ""  # the statement of a dataset of which the warehouse shall have nothing
SHORT_SECONDS = 60.0  # for what is asked beside the load; the function's own time is twice that


@dataclass(frozen=True, kw_only=True)
class LoadWarehouse:
    """Loads the marked tables `models` of a dataset or mart `owner`, for the run `run_id` or by hand (None)."""

    api: DataApi
    owner: str
    models: tuple[CuratedModel, ...]
    run_id: str | None
    curated_database: str
    log: Log

    @property
    def load_id(self) -> str:
        """Under which run_id the load is written down."""
        return self.run_id or warehouse.BY_HAND

    def prepare(self, attempt: str) -> dict[str, Any]:
        """Submit what every load needs, and the question what the warehouse holds: {statement}."""
        if not self.models:
            return {"statement": NOTHING}
        statements = warehouse.preparation(self.models, self.curated_database)
        return {"statement": self.api.submit(statements, token=f"prepare {self.owner} {attempt}")}

    def load(self, prepared: str, lake: Mapping[str, Lake], attempt: str) -> dict[str, Any]:
        """Submit the transaction of the load: {statement}. `lake` is empty for a load by hand."""
        if prepared == NOTHING:
            return {"statement": NOTHING}
        found = self.api.rows(self.api.describe(prepared), from_end=1)
        held = {str(row["table_name"]): _held(row) for row in found}
        loads = decide(self.models, held, lake)
        for item in loads:
            self.log.info(
                "table to be loaded", table=item.model.name, mode=item.mode, anew=item.anew
            )
        statements = warehouse.loading(self.models, loads, self.load_id)
        return {"statement": self.api.submit(statements, token=f"load {self.owner} {attempt}")}

    def look(self, statement: str, lake: Callable[[], Mapping[str, Lake]]) -> dict[str, Any]:
        """How a submitted transaction stands: {status: running | finished}. `lake` is asked only when it failed.

        Raises WarehouseConflict when the load must begin anew, WarehouseLoadFailed when it was refused for good.
        """
        if statement == NOTHING:
            return {"status": "finished"}
        batch = self.api.describe(statement)
        if batch.status in RUNNING:
            return {"status": "running"}
        if batch.status == FINISHED:
            return {"status": "finished"}
        if batch.status not in BROKEN:
            raise PermanentError(
                f"batch {statement} has the status {batch.status!r}, which the Data API does not name"
            )
        head = failed_head(batch)
        model = next((item for item in self.models if head and item.name == head.table), None)
        if model is None or isinstance(error_of(batch), WarehouseConflict):
            raise error_of(batch)
        periods = lake()[model.name].periods if head and head.mode == "periods" else ()
        raise error_of(batch, self._refused(model, periods, ask=is_difference(batch)))

    def cancel(self, statement: str) -> dict[str, Any]:
        """Stop a transaction that takes too long: {cancelled}."""
        return {"cancelled": statement != NOTHING and self.api.cancel(statement)}

    def conclude(self, loaded: str) -> WarehouseServed:
        """What the tables hold now, as the transaction recorded it (docs/reference/run_documents.md)."""
        if loaded == NOTHING:
            return WarehouseServed(served="warehouse", tables=())
        batch = self.api.describe(loaded)
        rows = self.api.rows(batch, from_end=1)
        found = {
            str(name): list(group)
            for name, group in groupby(rows, key=lambda row: row["table_name"])
        }
        missing = sorted({model.name for model in self.models} - found.keys())
        if missing:
            raise PermanentError(
                f"the load {loaded} wrote nothing down of {', '.join(missing)}; load everything by hand"
            )
        tables = [self._table(model, found[model.name]) for model in self.models]
        fresh = {table.table for table in tables if table.mode != "none"}
        self._describe([model for model in self.models if model.name in fresh])
        scanned = self._scanned(batch)
        self.log.info(
            "warehouse loaded", rows=sum(table.loaded_rows for table in tables), lake_bytes=scanned
        )
        measured = (replace(table, lake_bytes=scanned.get(table.table)) for table in tables)
        return WarehouseServed(served="warehouse", tables=tuple(measured))

    def _table(self, model: CuratedModel, rows: Sequence[Row]) -> WarehouseTable:
        """A table that an earlier run loaded last was not loaded by this one."""
        by_measure = {str(row["measure"]): row for row in rows}
        is_ours = rows[0]["run_id"] == self.load_id
        return WarehouseTable(
            table=model.name,
            mode=_extent(rows[0]["mode"]) if is_ours else "none",
            loaded_rows=int(rows[0]["loaded_rows"] or 0) if is_ours else 0,
            rows=int(by_measure["rows"]["warehouse_value"] or 0),
            totals={
                column: ServedTotal(
                    lake=Decimal(str(by_measure[column]["lake_value"])),
                    warehouse=Decimal(str(by_measure[column]["warehouse_value"])),
                )
                for column, _source in model.conserves
            },
        )

    def _scanned(self, batch: Batch) -> dict[str, int]:
        """Bytes of the lake that a load read, by table, as far as the database tells: they are no part of the load."""
        heads = {
            part.query_id: head
            for part in batch.parts
            if (head := head_of(part.text)) and head.table
        }
        numbers = [number for number in heads if number is not None]
        if not numbers:
            return {}
        asked = self.api.wait(self.api.submit([warehouse.scanned(numbers)]), SHORT_SECONDS)
        if asked.status != FINISHED:
            self.log.warning(
                "the bytes that the load read are not known", error=str(error_of(asked))
            )
            return {}
        found: dict[str, int] = {}
        for row in self.api.rows(asked, from_end=1):
            table = heads[int(row["query_id"] or 0)].table
            found[table] = found.get(table, 0) + int(row["lake_bytes"] or 0)
        return found

    def _describe(self, models: Sequence[CuratedModel]) -> None:
        """Descriptions of tables and columns. They are no data: if they take long, nobody waits for them."""
        statements, most = warehouse.descriptions(models), warehouse.MOST_STATEMENTS
        for start in range(0, len(statements), most):
            batch = self.api.wait(self.api.submit(statements[start : start + most]), SHORT_SECONDS)
            if batch.status in BROKEN:
                error = error_of(batch)
                # Only here the same call is enough: it submits the descriptions once more.
                raise RetryableError(str(error)) if isinstance(error, WarehouseConflict) else error
            if batch.status in RUNNING:
                self.log.warning(
                    "descriptions of columns are still being written", statement=batch.identifier
                )
                return

    def _refused(self, model: CuratedModel, periods: Sequence[str], *, ask: bool) -> list[Row]:
        """Have the next load take everything; the figures of lake and table if they are asked for.

        A failure here must not hide the one that is about to be told, so it goes to the log.
        """
        try:
            question = [warehouse.difference(model, periods)] if ask else []
            batch = self.api.wait(
                self.api.submit([warehouse.refusal(model, self.load_id), *question]), SHORT_SECONDS
            )
            if batch.status != FINISHED:
                raise error_of(batch)
            return self.api.rows(batch, from_end=1) if ask else []
        except (SlipwayError, self.api.client.exceptions.ClientError) as error:
            self.log.warning(
                "a refused load could not be written down", table=model.name, error=str(error)
            )
            return []


def _held(row: Row) -> Held:
    snapshot = row["snapshot_id"]
    return Held(snapshot_id=None if snapshot is None else int(snapshot), shape=str(row["shape"]))


def _extent(mode: object) -> LoadExtent:
    """How much of a table a load took, as the warehouse has written it down."""
    found = next((known for known in get_args(LoadExtent) if known == mode), None)
    if found is None:
        raise PermanentError(
            f"the warehouse wrote down a load of {mode!r}, expected one of {get_args(LoadExtent)}"
        )
    return cast(LoadExtent, found)
