"""Tables that several commands print."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from slipway.console import console, table
from slipway.deployment import Deployment
from slipway.ledgers import FileFate

RUN_FIELDS = {
    "status": "status",
    "trigger": "trigger",
    "files": "file_count",
    "loaded": "rows_loaded",
    "quarantined": "rows_quarantined",
    "deduplicated": "rows_deduplicated",
    "started": "started_at",
    "ended": "ended_at",
    "error": "error",
}
FILE_HEADERS = ("file", "fate", "rows", "loaded", "quarantined", "deduplicated", "why")


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
            fate.explanation,
        )
        for fate in fates
    ]
    table(f"{len(rows)} files", FILE_HEADERS, rows, right=[2, 3, 4, 5])


def runs(items: Iterable[dict[str, Any]]) -> None:
    """One line per run."""
    rows = [(item["entry"].removeprefix("run#"), *(item.get(name) for name in RUN_FIELDS.values())) for item in items]
    table(f"{len(rows)} runs", ("run", *RUN_FIELDS), rows, right=[3, 4, 5, 6])


def run(item: dict[str, Any]) -> None:
    """Everything the run ledger holds on one run."""
    table(item["entry"].removeprefix("run#"), ("field", "value"), sorted(item.items()))


def failures(deployment: Deployment, execution_arns: Iterable[str]) -> None:
    """Error and cause of failed executions, as Step Functions tells them."""
    client = deployment.client("stepfunctions")
    for arn in execution_arns:
        found = client.describe_execution(executionArn=arn)
        error = found.get("error", found["status"])
        console.print(f"[bold red]run failed[/bold red]  {error}: {_cause(found.get('cause', ''))}")


def _cause(text: str) -> str:
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError:
        return text
    return str(parsed.get("ErrorMessage") or parsed.get("errorMessage") or text) if isinstance(parsed, dict) else text
