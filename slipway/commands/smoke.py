"""`slipway smoke`: after a deployment, one small file through everything, and out again."""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

from contracts import model
from contracts.errors import PermanentError
from sample_data import sales_rows
from slipway.acting import smoke
from slipway.console import Stopwatch, say
from slipway.deployment import connect
from slipway.reading import ledgers

GENERATED = "sales_records"  # the dataset for which there is a generator
ROWS = 25
# Order numbers that no sample and, at nine digits of the published data, hardly a partner uses.
FIRST_SERIAL = 990_000_000


def run(options: argparse.Namespace) -> int:
    """0 when the file came in, was loaded, found, announced and taken out again; else the step that failed is told."""
    deployment = connect(options.environment)
    dataset = options.dataset or GENERATED
    contract = ledgers.one_contract(dataset)
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(options.file) if options.file else _generated(Path(folder), contract)
        if not file.is_file():
            raise PermanentError(f"{file} is not a file")
        delivery = smoke.Delivery(
            file=file, contract=contract, partner=options.partner, identity=options.identity
        )
        smoke.run(deployment, delivery, watch.say)
    say(f"{options.environment} works: {dataset} was loaded, answered, announced and rolled back")
    return 0


def _generated(folder: Path, contract: model.Contract) -> Path:
    """A file that was never sent before: its content depends on the second."""
    if contract.dataset != GENERATED:
        raise PermanentError(
            f"there is no generator for {contract.dataset}: give a small FILE that was never sent"
        )
    now = datetime.now(UTC)
    file = folder / f"smoke_{now:%Y%m%dT%H%M%S}.csv"
    span = sales_rows.Span(first=date(now.year - 1, now.month, 1))  # nothing of it is in the future
    sales_rows.write_file(file, rows=ROWS, span=span, seed=file.name, first_serial=FIRST_SERIAL)
    return file
