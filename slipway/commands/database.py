"""`slipway database write`: what every run of a marked dataset does at its end, by hand."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from contracts.errors import PermanentError
from pipeline.run_documents import DatabaseServed, DatabaseTable
from slipway.acting import progress
from slipway.console import Stopwatch, say, table
from slipway.deployment import Deployment, connect
from slipway.reading import executions, ledgers
from slipway.showing import views

HEADERS = ("table", "rows written", "rows removed", "measure", "lake", "database")
WORK = "WriteBack"  # state of write_back.asl.json


def run(options: argparse.Namespace) -> int:
    """0 when the database holds what the lake holds, 1 when the write-back failed."""
    contract = ledgers.one_contract(options.dataset)
    if not contract.write_back:
        raise PermanentError(
            f"{contract.dataset} is not written back; say `writeBack: true` in its contract first"
        )
    deployment = connect(options.environment)
    if executions.OUTPUT_OF["database"] not in deployment.outputs:
        environment = deployment.environment
        raise PermanentError(
            f"environment {environment!r} has no internal database; set features.database in"
            f" config/{environment}.yaml and deploy"
        )
    watch = Stopwatch()
    arn = executions.start(deployment, "database", {"dataset": contract.dataset})
    watch.say(f"started {arn}")
    if options.no_wait:
        return 0
    ending = executions.wait(
        deployment, arn, lambda step: progress.tell(step, watch) if step.name == WORK else None
    )
    return _told(deployment, ending, contract.dataset)


def _told(deployment: Deployment, ending: executions.Ending, dataset: str) -> int:
    if not ending.succeeded:
        views.failures(deployment, [ending.execution])
        say("a write-back is one transaction: either all of it is in the database, or nothing")
        return 1
    written = DatabaseServed.from_json(ending.output).tables
    if not written:
        say(f"nothing of {dataset} was published yet, so there is nothing to write")
        return 0
    lines = [line for each in written for line in _lines(each)]
    table(f"{dataset} in schema silver", HEADERS, lines, right=[1, 2, 4, 5])
    return 0


def _lines(written: DatabaseTable) -> Iterator[tuple[str, ...]]:
    """One line for the rows of the table, and one for each sum of money that the last write-back compared."""
    rows = f"{written.rows:,}"
    changed = f"{written.loaded_rows:,}", f"{written.removed_rows:,}"
    yield written.table, *changed, "rows", rows, rows
    for measure, total in written.totals.items():
        yield "", "", "", measure, f"{total.lake:f}", f"{total.database:f}"
