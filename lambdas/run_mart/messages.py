"""What is known of a run of a mart that failed, and what people are told of it.

Commands are written in the grammar of slipway/grammar.py; a test reads them back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.errors import PermanentError
from contracts.marts import Mart
from pipeline.failed_tasks import readable

STATUS_CHANGE = "Step Functions Execution Status Change"
NO_CAUSE = "no cause was given; the history of the execution has its events"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A failed execution of the mart's machine: its ARN, the name of the error, and its cause in words."""

    mart: str
    execution: str
    error: str
    cause: str


def parse(event: Mapping[str, Any]) -> Failure | None:
    """From the machine's Catch, or EventBridge's event of an execution that ended without success.

    None for an execution that ran no mart: it had only to start others. Raises PermanentError for another event.
    """
    if "failure" in event:
        caught = event["failure"]
        return Failure(
            mart=str(event["request"]["mart"]),
            execution=str(event["execution"]),
            error=str(caught["Error"]),
            cause=readable(str(caught.get("Cause") or "")) or NO_CAUSE,
        )
    if event.get("detail-type") != STATUS_CHANGE:
        raise PermanentError(
            f"neither a caught failure nor a {STATUS_CHANGE!r} event: {sorted(event)}"
        )
    detail = event["detail"]
    request = json.loads(detail.get("input") or "{}")
    if "mart" not in request:
        return None
    return Failure(
        mart=str(request["mart"]),
        execution=str(detail["executionArn"]),
        error=str(detail.get("error") or f"Execution.{detail['status']}"),
        cause=readable(str(detail.get("cause") or "")) or NO_CAUSE,
    )


def body(mart: Mart, failure: Failure, *, is_published: bool) -> str:
    """The whole message; `is_published`: the run had published, and failed while others were to show it."""
    standing = (
        f"Published: curated.{mart.name} is as this run computed it. Who shows it may show what was before."
        if is_published
        else f"Nothing was published: curated.{mart.name} is as after its last run."
    )
    return "\n".join(
        [
            f"A run of mart {mart.name} failed.",
            "",
            f"Cause: {failure.error}: {failure.cause}",
            "",
            f"{standing} Its inputs are not touched: {', '.join(mart.datasets)}.",
            "",
            f"What its runs did: slipway mart show {mart.name}",
            f"Once the cause is gone: slipway mart run {mart.name}",
            "It also runs by itself after the next run of an input.",
            "Runbook: docs/runbook.md, A mart could not be computed",
            "",
            f"Execution: {failure.execution}",
        ]
    )


def body_of_not_shown(mart: Mart, problems: Mapping[str, str], run_id: str) -> str:
    """The message of a run that published what could not be shown everywhere."""
    said = [f"{name}: {problem}" for name, problem in sorted(problems.items())]
    return "\n".join(
        [
            f"Mart {mart.name} was published in the lake; not everybody shows it.",
            "",
            *said,
            "",
            f"Not touched: curated.{mart.name} is right in Athena. What is named above shows what it showed before.",
            "",
            f"What its runs did: slipway mart show {mart.name}",
            f"Once the cause is gone: slipway mart run {mart.name}",
            "The next run of the mart tries again by itself.",
            "Runbook: docs/runbook.md, A mart is published and not shown",
            "",
            f"Run: {run_id}",
        ]
    )
