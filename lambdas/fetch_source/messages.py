"""What people are told when a source cannot be fetched."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, assert_never

from pipeline.alerts import Announcer, facts, failure_name, subject
from sources.model import BucketSource, HttpSource, PostgresSource, SftpSource, Source


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What Step Functions caught: the execution, the name of the error, and the message in its cause."""

    execution: str
    error: str
    detail: str


def caught(request: dict[str, Any]) -> Failure:
    """The failure in the input of the state ReportFailure. Raises KeyError for another input."""
    failure = request["failure"]
    return Failure(
        execution=str(request["execution"]),
        error=str(failure["Error"]),
        detail=_detail(str(failure.get("Cause") or "")),
    )


def tell(announcer: Announcer, source: Source, failure: Failure, *, environment: str) -> bool:
    """Tell of a failed fetch once; False if that was done before."""
    return announcer.tell(
        failure_name(failure.execution),
        topic="failed",
        subject=subject("error", environment, source.dataset, f"source {source.name} failed"),
        body=_body(source, failure),
        attributes=facts(
            kind="failure", severity="error", environment=environment, dataset=source.dataset
        ),
    )


def _body(source: Source, failure: Failure) -> str:
    return "\n".join(
        [
            f"Source {source.name} could not be fetched.",
            "",
            f"Cause: {failure.error}: {failure.detail}",
            "",
            _what_is_left(source),
            "",
            f"What its fetches did: slipway source show {source.name}",
            f"Once the cause is gone: slipway source run {source.name}",
            "Runbook: docs/runbook.md, A source could not be fetched",
            "",
            f"Execution: {failure.execution}",
        ]
    )


def _what_is_left(source: Source) -> str:
    match source:
        case HttpSource():
            return (
                f"No file was delivered; the tables of {source.dataset} are as before. The next fetch asks for the same"
                " records again."
            )
        case PostgresSource():
            return (
                "Rows that were delivered before are loaded as usual. The next fetch reads"
                f" {source.postgres.table} from where this one did."
            )
        case BucketSource() | SftpSource():
            return "Files that were delivered are loaded as usual. The next fetch takes the others."
        case _:
            assert_never(source)


def _detail(cause: str) -> str:
    """The message of the exception in the cause of a function's failure, which is JSON, or the cause as it is."""
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return cause or "without a word"
