"""Fetches of a shop's table by the real service from a real PostgreSQL; AWS is in memory, pauses are only noted."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from contracts import model as contracts
from lambdas.fetch_source.call import Answer, Surroundings
from lambdas.fetch_source.landing import Landing
from lambdas.fetch_source.service import FetchSource, Request
from sources.database.client import opened
from sources.errors import SourceFailed
from sources.fetches import FetchLedger
from sources.model import PostgresSource
from sources.tables import OpenTable, RemoteTable
from tests.shop_database import Shop
from tests.unit.lambdas.conftest import Fuse, Fused

PLENTY_MILLIS = 900_000.0


@dataclass
class TableBench:
    """One table, and what was delivered of it."""

    shop: Shop
    s3: Any
    table: Any
    source: PostgresSource
    needs_tls: bool = False
    secret: str = ""
    fuse: Fuse = field(default_factory=Fuse)
    millis: Callable[[], float] = lambda: PLENTY_MILLIS
    most_bytes: int = 1_000_000
    pauses: list[float] = field(default_factory=list)
    executions: int = 0
    calls: int = 0
    wrap: Callable[[AbstractContextManager[OpenTable]], AbstractContextManager[OpenTable]] = (
        lambda each: each
    )

    def fetch(
        self,
        since: str | None = None,
        execution: str | None = None,
        *,
        accepts_deleted: bool = False,
    ) -> Answer:
        """Calls as the state machine makes them, until the fetch ends. Raises SourceFailed after it was given up."""
        self.executions += 1
        name = execution or f"execution-{self.executions}"
        try:
            while (answer := self.call(name, since, accepts_deleted))["status"] == "more":
                pass
        except SourceFailed as error:
            self.service().give_up(name, str(error))
            raise
        return answer

    def call(
        self, execution: str, since: str | None = None, accepts_deleted: bool = False
    ) -> Answer:
        """One call of the function."""
        self.calls += 1
        request = Request(execution=execution, since=since, accepts_deleted=accepts_deleted)
        return self.service().step(request)

    def service(self) -> FetchSource:
        contract = contracts.load(self.source.dataset)
        intake = dataclasses.replace(contract.intake, max_bytes=self.most_bytes)
        contract = dataclasses.replace(contract, intake=intake)
        around = Surroundings(
            source=self.source,
            contract=contract,
            ledger=FetchLedger(table=Fused(self.table, self.fuse), source=self.source.name),
            landing=Landing(s3=Fused(self.s3, self.fuse), bucket="landing"),
            now=lambda: datetime.now(UTC) + timedelta(days=self.executions),
            pause=self.pauses.append,
            millis_left=self.millis,
        )

        def connect() -> AbstractContextManager[OpenTable]:
            secret = self.secret or self.shop.secret()
            return self.wrap(opened(self.source, contract, secret, needs_tls=self.needs_tls))

        return FetchSource(around=around, client=RemoteTable(source=self.source, connect=connect))

    def files(self) -> dict[str, list[dict[str, str]]]:
        """The records of each file that was delivered, by key, in the order of delivery."""
        listed = self.s3.list_objects_v2(Bucket="landing", Prefix="partners/").get("Contents", [])
        return {item["Key"]: list(csv.DictReader(self._text(item["Key"]))) for item in listed}

    def metadata(self, key: str) -> dict[str, str]:
        return dict(self.s3.head_object(Bucket="landing", Key=key)["Metadata"])

    def merged(self) -> dict[str, dict[str, str]]:
        """What the pipeline makes of the files: of each key the record that was delivered last."""
        return {
            record["order_id"]: record for records in self.files().values() for record in records
        }

    def totals(self) -> tuple[int, Decimal]:
        """(orders, revenue) after the merge."""
        merged = self.merged().values()
        return len(merged), sum((Decimal(each["total_revenue"]) for each in merged), Decimal(0))

    def noted(self) -> list[tuple[str, str]]:
        """(status, detail) of the fetches, the newest first."""
        items = FetchLedger(table=self.table, source=self.source.name).newest(10)
        return [(item["status"], item["detail"]) for item in items]

    def snapshots(self) -> list[str]:
        """Those that the last fetch read, in the words of the database."""
        [last] = FetchLedger(table=self.table, source=self.source.name).newest(1)
        return list(last["snapshots"])

    def _text(self, key: str) -> io.StringIO:
        content = self.s3.get_object(Bucket="landing", Key=key)["Body"].read()
        return io.StringIO(content.decode(), newline="")
