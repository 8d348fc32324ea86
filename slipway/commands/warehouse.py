"""`slipway warehouse load`: what every run does at its end, by hand, after a load that failed or a new warehouse."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from contracts import marts
from contracts.errors import PermanentError
from pipeline.run_documents import LoadExtent, WarehouseServed, WarehouseTable
from slipway.acting import progress
from slipway.console import Stopwatch, say, table
from slipway.deployment import Deployment, connect
from slipway.reading import executions, ledgers, warehouse
from slipway.showing import views

HEADERS = ("table", "loaded", "rows loaded", "measure", "lake", "warehouse")
WORK = (
    "Prepare",
    "Load",
    "Conclude",
)  # states of warehouse_load.asl.json; the others wait and look
LOADED: dict[LoadExtent, str] = {
    "none": "nothing: it was up to date",
    "periods": "touched periods",
    "everything": "everything",
}


def run(options: argparse.Namespace) -> int:
    """0 when the warehouse holds what the lake holds, 1 when the load failed."""
    name, request = options.name, _request(options.name)
    deployment = connect(options.environment)
    warehouse.target(deployment)
    watch = Stopwatch()
    arn = executions.start(deployment, "warehouse", request)
    watch.say(f"started {arn}")
    if options.no_wait:
        return 0
    ending = executions.wait(
        deployment, arn, lambda step: progress.tell(step, watch) if step.name in WORK else None
    )
    return _told(deployment, ending, name)


def _request(name: str) -> dict[str, str]:
    """Input of the machine for a dataset or mart. Raises PermanentError if nothing of it is marked."""
    if name in marts.names():
        if marts.load(name).warehouse is None:
            raise PermanentError(
                f"mart {name} is not marked for the warehouse; say `warehouse` in marts/{name}/mart.yaml first"
            )
        return {"mart": name}
    contract = ledgers.one_contract(name)
    if not any(model.warehouse for model in contract.curated):
        raise PermanentError(
            f"no table of {contract.dataset} is marked for the warehouse; say `warehouse` in its contract first"
        )
    return {"dataset": contract.dataset}


def _told(deployment: Deployment, ending: executions.Ending, name: str) -> int:
    if not ending.succeeded:
        views.failures(deployment, [ending.execution])
        say("a load is one transaction: either all of it is in the warehouse, or nothing")
        return 1
    lines = [
        line
        for loaded in WarehouseServed.from_json(ending.output).tables
        for line in _lines(loaded)
    ]
    table(f"{name} in the warehouse", HEADERS, lines, right=[2, 4, 5])
    return 0


def _lines(loaded: WarehouseTable) -> Iterator[tuple[str, ...]]:
    """One line for the rows of a table, and one for each sum of money; the load itself has compared them."""
    rows = f"{loaded.rows:,}"
    yield loaded.table, LOADED[loaded.mode], f"{loaded.loaded_rows:,}", "rows", rows, rows
    for measure, total in loaded.totals.items():
        yield "", "", "", measure, f"{total.lake:f}", f"{total.warehouse:f}"
