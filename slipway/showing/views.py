"""Tables that several commands print."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.markup import escape

from slipway.console import console, counted, table
from slipway.deployment import Deployment
from slipway.reading.ledgers import SHORT_HASH, FileFate

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT")
TO_THE_MINUTE = len("2026-01-31T12:34")
RUN_FIELDS = {
    "status": "status",
    "mode": "mode",
    "trigger": "trigger",
    "files": "file_count",
    "loaded": "rows_loaded",
    "quarantined": "rows_quarantined",
    "deduplicated": "rows_deduplicated",
    "ended": "ended_at",
    "error": "error",
}
FILE_HEADERS = ("file", "fate", "rows", "loaded", "quarantined", "deduplicated", "hash", "why")


def files(fates: Iterable[FileFate]) -> None:
    """Each file with its fate and counts."""
    rows = [
        (
            fate.file_name,
            fate.status,
            fate.row_count,
            fate.rows_loaded,
            fate.rows_quarantined,
            fate.rows_deduplicated,
            fate.sha256[:SHORT_HASH],
            fate.explanation,
        )
        for fate in fates
    ]
    table(counted(len(rows), "file"), FILE_HEADERS, rows, right=[2, 3, 4, 5])


def runs(dataset: str, items: Iterable[dict[str, Any]]) -> None:
    """One line per run; its id begins with the time of its start."""
    rows = [
        (item["run_id"], *(_brief(item.get(name)) for name in RUN_FIELDS.values()))
        for item in items
    ]
    table(
        f"{counted(len(rows), 'run')} of {dataset}", ("run", *RUN_FIELDS), rows, right=[4, 5, 6, 7]
    )


def _brief(value: object) -> object:
    """A moment to the minute; everything else as it is."""
    return value[:TO_THE_MINUTE] if isinstance(value, str) and MOMENT.match(value) else value


def fields(title: str, item: Mapping[str, Any]) -> None:
    """One line per field that holds something; `entry` and index keys say nothing more."""
    told = {name: value for name, value in item.items() if name not in ("entry", "dataset_status")}
    table(title, ("field", "value"), sorted(_flat(told)))


def _flat(fields: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """`{"totals": {"read": 1}}` as `totals.read` and `1`, so that each figure has its line."""
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif value not in (None, "", [], ()):
            yield before + name, plain(value)


def plain(value: object) -> str:
    """A value of a ledger as text: amounts as their digits, lists and mappings without Python's marks."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {plain(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return "; ".join(plain(inner) for inner in value)
    return str(value)


def failures(deployment: Deployment, execution_arns: Iterable[str], *, what: str = "run") -> None:
    """Error and cause of failed executions, as Step Functions tells them."""
    client = deployment.client("stepfunctions")
    for arn in execution_arns:
        found = client.describe_execution(executionArn=arn)
        error = found.get("error", found["status"])
        console.print(
            f"[bold red]{what} failed[/bold red]  {escape(error)}: {escape(cause(found.get('cause', '')))}"
        )


def cause(text: str) -> str:
    """What went wrong in words: Glue and Lambda give JSON, others plain text."""
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError:
        return text
    return (
        str(parsed.get("ErrorMessage") or parsed.get("errorMessage") or text)
        if isinstance(parsed, dict)
        else text
    )
