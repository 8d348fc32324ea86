"""`slipway quarantine list`: refused rows with file, record number, rules and reasons."""

from __future__ import annotations

import argparse

from contracts import model, naming
from slipway import lake
from slipway.console import table
from slipway.deployment import Deployment, connect

COLUMNS = ("file", "record", "rules", "reasons", "raw text")


def run(options: argparse.Namespace) -> int:
    """Print at most `--limit` rows, newest file first."""
    model.load(options.dataset)
    rows = refused(connect(options.environment), options.dataset, limit=options.limit)
    table(f"{len(rows)} rows in quarantine", COLUMNS, rows, right=[1])
    return 0


def refused(deployment: Deployment, dataset: str, *, limit: int) -> list[tuple[object, ...]]:
    """(file, record number, rules, reasons, raw text) of quarantined rows."""
    sql = f"""
        select _source_file, _source_row, array_join(rule_ids, ', '), array_join(reasons, '; '), raw_text
        from processed.{naming.quarantine_table(dataset)}
        order by _received_at desc, _source_file, _source_row
        limit {int(limit)}
    """  # noqa: S608 - the table name comes from a validated contract, the limit is an int
    return list(lake.query(deployment, sql).itertuples(index=False, name=None))
