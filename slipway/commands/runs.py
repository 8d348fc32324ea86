"""`slipway runs`: list runs, show one with its files, or start one by hand."""

from __future__ import annotations

import argparse
import json

from contracts import model
from contracts.errors import PermanentError
from slipway import ledgers, views
from slipway.console import console
from slipway.deployment import Deployment, connect


def run(options: argparse.Namespace) -> int:
    """0 unless the run asked for does not exist."""
    model.load(options.dataset)  # an unknown dataset is told before anything is asked
    deployment = connect(options.environment)
    if options.action == "start":
        return _start(deployment, options.dataset)
    runs = ledgers.runs(deployment, options.dataset)
    if options.action == "list":
        views.runs(runs)
        return 0
    chosen = [item for item in runs if item["entry"] == f"run#{options.run_id}"]
    if not chosen:
        raise PermanentError(f"no run {options.run_id!r} of {options.dataset}; `slipway runs list` shows all")
    views.run(chosen[0])
    views.files([fate for fate in ledgers.files(deployment, options.dataset) if fate.run_id == options.run_id])
    return 0


def _start(deployment: Deployment, dataset: str) -> int:
    started = deployment.client("stepfunctions").start_execution(
        stateMachineArn=deployment.output("StateMachineArn"),
        input=json.dumps({"dataset": dataset, "trigger": "operator"}),
    )
    console.print(f"started {started['executionArn']}")
    return 0
