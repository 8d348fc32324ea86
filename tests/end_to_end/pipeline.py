"""What end-to-end tests do with a deployed pipeline: send, wait, ask."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from chaos.engines import Engines
from contracts import model, naming
from slipway.acting import partner, progress
from slipway.acting.inbox import Alert, Inbox
from slipway.deployment import Deployment
from slipway.reading import lake, ledgers

DATASET = "sales_records"
PARTNER = "acme"
POLL_SECONDS = 0.2
PATIENCE_SECONDS = 180.0


@dataclass(kw_only=True)
class Pipeline:
    """What tests do with a deployed pipeline: send, wait, ask."""

    deployment: Deployment
    inbox: Inbox
    alerts: list[Alert] = field(default_factory=list)

    @contextmanager
    def spark_only(self) -> Iterator[None]:
        """Meanwhile Spark does every run, whatever its size."""
        engines = Engines(self.deployment)
        engines.spark_only()
        try:
            yield
        finally:
            engines.as_deployed()

    def send(self, *files: Path) -> None:
        folder = model.load(DATASET).intake.folder
        with partner.connected(
            partner.endpoint(self.deployment, user=PARTNER, identity=None)
        ) as sftp:
            for file in files:
                partner.send(sftp, file, folder=folder)

    def deliver(self, *files: Path) -> progress.Outcome:
        """Send files and wait for their fate, or for a failed run."""
        known = {fate.delivery for fate in ledgers.files(self.deployment, DATASET)}
        watch = progress.begin(self.deployment, lambda _step: None)
        self.send(*files)
        folder = naming.landing_folder(PARTNER, model.load(DATASET).intake.folder)
        return progress.until_fates(
            watch, dataset=DATASET, awaited={folder + file.name for file in files}, known=known
        )

    def start_run(self, awaited: str) -> str:
        """Start a run by hand and wait until the file with this hash is loaded; returns the execution's status."""
        client = self.deployment.client("stepfunctions")
        started = client.start_execution(
            stateMachineArn=self.deployment.output("StateMachineArn"),
            input=json.dumps({"dataset": DATASET, "trigger": "operator"}),
        )
        while (
            status := client.describe_execution(executionArn=started["executionArn"])["status"]
        ) == "RUNNING":
            time.sleep(POLL_SECONDS)
        assert self.file(awaited).status == "loaded"
        return str(status)

    def file(self, sha256: str) -> ledgers.FileFate:
        (found,) = [
            fate
            for fate in ledgers.files(self.deployment, DATASET)
            if fate.entry == f"file#{sha256}"
        ]
        return found

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return list(lake.query(self.deployment, sql).itertuples(index=False, name=None))

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every curated table, and a fingerprint of processed and quarantine."""
        rows = {
            curated.name: sorted(self.ask(f"select * from curated.{curated.name}"), key=repr)
            for curated in model.load(DATASET).curated
        }
        rows["processed"] = self.ask(
            "select count(*), sum(total_revenue), sum(total_cost), sum(total_profit), sum(order_id), max(_run_id) "
            "from processed.sales_records"
        )
        rows["quarantine"] = self.ask(
            "select count(*), max(_run_id) from processed.sales_records_quarantine"
        )
        return rows

    def new_alerts(self) -> list[Alert]:
        found = self.inbox.read()
        self.alerts += found
        return found


def sha256_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def money(value: object) -> Decimal:
    return Decimal(str(value))


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds that others bring about; `what` says it when it takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS:g} s: {what}"
        time.sleep(0.5)
