"""`slipway backfill`: what a changed contract asks of data that is loaded already: the plan, then the run."""

from __future__ import annotations

import argparse

from slipway.acting import backfill, operations
from slipway.acting.backfill import Plan
from slipway.console import counted, say, table
from slipway.deployment import connect
from slipway.reading import ledgers


def run(options: argparse.Namespace) -> int:
    """0 when the plan was shown or carried out, 1 when its run failed."""
    contract = ledgers.one_contract(options.dataset)
    deployment = connect(options.environment)
    plan = backfill.plan(deployment, contract, options.files)
    show(plan)
    if options.plan or not plan.files:
        return 0
    request: dict[str, object] = {
        "mode": "backfill",
        **operations.engine(deployment, options.engine),
    }
    if options.files:
        request["files"] = operations.hashes(plan.files)
    return operations.run(deployment, contract.dataset, request, no_wait=options.no_wait)


def show(plan: Plan) -> None:
    """What would be read again and rewritten."""
    contract = plan.contract
    size = sum(int(item["size_bytes"]) for item in plan.files)
    say(
        f"{counted(len(plan.files), 'file')} of {contract.dataset} ({size:,} bytes) will be read from raw again, under"
        f" contract version {contract.version}"
    )
    headers = (
        f"{contract.partition_column}, by {contract.partition_transform}",
        "contract version",
        "rows",
    )
    rows = [(part.partition, part.contract_version, f"{part.rows:,}") for part in plan.parts]
    table(f"{counted(plan.rows, 'row')} to be rewritten", headers, rows, right=[2])
    say(f"{counted(plan.rows_in_quarantine, 'open record')} in quarantine will be judged again")
    say(
        f"curated tables recomputed for these periods: {', '.join(model.name for model in contract.curated)}"
    )
    if plan.gone:
        names = [(item["file_name"], item["sha256"], item.get("rows_loaded")) for item in plan.gone]
        table(
            "no longer in raw; their rows stay as they are",
            ("file", "hash", "rows"),
            names,
            right=[2],
        )
