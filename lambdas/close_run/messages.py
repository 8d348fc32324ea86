"""What people are told of a run that succeeded: figures, what deserves a look, what to type."""

from __future__ import annotations

from collections.abc import Iterator

from contracts import serving
from contracts.ledger import Item
from lambdas.close_run.comparison import PARTS, Written


def subject(environment: str, run: Item) -> str:
    """One line with what counts: how many rows."""
    return f"[{environment}] {run['dataset']}: {run['mode']} succeeded, {run['rows_loaded']} rows loaded"


def body(run: Item, written: Written) -> str:
    """Counts, totals, warnings and the next command first; then each file, since the end of a long message is cut."""
    warned = list(_warnings(written))
    lines = [
        f"Run {run['run_id']} of {run['dataset']} ({run['mode']}) loaded {run['rows_loaded']} of {run['rows_read']}"
        f" rows from {run['file_count']} files in {run['duration_seconds']} seconds.",
        f"Quarantined: {run['rows_quarantined']}. Replaced by a newer row of the same key: {run['rows_deduplicated']}.",
        *serving.sentences(run.get("served", {})),
        "",
        *(f"{column}: {total}" for column, total in run["totals"]["loaded"].items()),
        *(["", "Warnings:", *(f"- {warning}" for warning in warned)] if warned else []),
        "",
        f"Next: {next_command(run)}",
        "",
        "file: read = loaded + quarantined + deduplicated",
    ]
    for file in written.processed["files"]:
        parts = " + ".join(str(file[f"rows_{part}"]) for part in PARTS)
        lines.append(f"{file['file_name']}: {file['rows_read']} = {parts}")
    return "\n".join(lines)


def next_command(run: Item) -> str:
    """Refused rows first, where there are any."""
    if int(run["rows_quarantined"]):
        return f"slipway quarantine list --dataset {run['dataset']} --run {run['run_id']}"
    return f"slipway runs show {run['run_id']} --dataset {run['dataset']}"


def _warnings(written: Written) -> Iterator[str]:
    """Broken rules that only warn, and whatever was done to the tables' schema."""
    for rule, rows in sorted(written.processed["warnings_by_rule"].items()):
        if rows:
            yield f"rule {rule}: {rows} rows"
    for result in written.processed["table_rules"]:
        if result["status"] != "passed":
            status = result["status"].upper()
            yield f"rule {result['rule_id']}: {status}: measured {result['measured']}, expected {result['expected']}"
    for change in written.processed["schema_changes"]:
        yield f"schema: {change}"
