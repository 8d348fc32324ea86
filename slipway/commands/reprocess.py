"""`slipway reprocess`: load each file that has rows in a period again: the list, the plan, then a backfill of these."""

from __future__ import annotations

import argparse

from contracts.errors import PermanentError
from slipway.acting import backfill, operations
from slipway.commands.backfill import show
from slipway.console import confirm, counted, say, table
from slipway.deployment import connect
from slipway.reading import ledgers
from slipway.reading.ledgers import SHORT_HASH

HEADERS = ("file", "hash", "rows in the period", "first day", "last day")


def run(options: argparse.Namespace) -> int:
    """0 when it was carried out or there was nothing to do, 1 when its run failed."""
    if options.first > options.last:
        raise PermanentError(f"--from {options.first} is after --to {options.last}")
    contract = ledgers.one_contract(options.dataset)
    deployment = connect(options.environment)
    files = backfill.files_of_period(deployment, contract, options.first, options.last)
    if not files:
        say(f"no file has rows between {options.first} and {options.last}; nothing to do")
        return 0
    rows = [
        (each.file_name, each.sha256[:SHORT_HASH], each.rows, each.first, each.last)
        for each in files
    ]
    table(f"{counted(len(files), 'file')} with rows in the period", HEADERS, rows, right=[2])
    plan = backfill.plan(deployment, contract, [each.sha256 for each in files])
    show(plan)
    if not plan.files:
        return 1
    told = "Each of these files is loaded again as a whole, with its rows of other periods."
    confirm("reprocess", told, yes=options.yes)
    request: dict[str, object] = {"mode": "backfill", "files": operations.hashes(plan.files)}
    return operations.run(deployment, contract.dataset, request, no_wait=options.no_wait)
