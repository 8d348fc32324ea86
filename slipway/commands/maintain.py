"""`slipway maintain`: the care that the schedule gives a dataset's tables, now."""

from __future__ import annotations

import argparse

from slipway.acting import operations
from slipway.deployment import connect
from slipway.reading import ledgers


def run(options: argparse.Namespace) -> int:
    """0 when it was done, 1 when it failed."""
    dataset = ledgers.one_contract(options.dataset).dataset
    return operations.care(
        connect(options.environment), dataset, {"mode": "maintenance"}, no_wait=options.no_wait
    )
