"""What people are told: plain text that names the thing, the cause, what was not touched, and the next step.

It is told by an execution of state_machines/announce.asl.json: its name is made from what is told, and Step Functions
refuses a second one of that name, so that whoever crashed, or came second, may simply try.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from contracts.texts import shortened
from pipeline.ledger import timestamp

Topic = Literal[
    "failed", "succeeded"
]  # of a message that is told at once; rejections wait for their burst
Kind = Literal["success", "failure", "rejection", "arrival", "quality_warning", "refreshed"]
Digest = Literal["rejected", "arrived"]  # what waits for its burst
Stage = Literal[
    "begun", "loaded", "published"
]  # of a run on its way; state_machines/dataset_run.asl.json tells
Severity = Literal["info", "warning", "error"]

SUBJECT_LENGTH = 99  # SNS Publish: no line breaks or control characters, less than 100 characters
# Input of an execution and a message of SNS take 262,144 bytes; JSON needs at most 6 of them for a character.
BODY_LENGTH = 40_000
ATTRIBUTE_LENGTH = 256
# Source: Step Functions API reference, StartExecution: a name has at most 80 characters, and is unique for 90 days.
LONGEST_NAME = 80
HASH_CHARACTERS = 40


@dataclass(frozen=True, kw_only=True)
class Announcer:
    """Has people told, over a boto3 Step Functions client; `machine_arn` is that of announce.asl.json."""

    stepfunctions: Any
    machine_arn: str

    def tell(
        self, name: str, *, topic: Topic, subject: str, body: str, attributes: Mapping[str, str]
    ) -> bool:
        """Send one message, unless one was sent under this `name`: then False."""
        content = {
            "topic": topic,
            "subject": subject_line(subject),
            "message": shortened(body, BODY_LENGTH),
            "attributes": message_attributes(attributes),
        }
        return self._start(name, content)

    def tell_of_burst(
        self, dataset: str, burst: str, *, digest: Digest, environment: str, at: datetime
    ) -> bool:
        """Have the files of a burst told in one message at a moment; False when that was arranged before.

        What it says is composed then, by compose_digest. `burst` is that of pipeline.bursts.
        """
        severity: Severity = "warning" if digest == "rejected" else "info"
        content = {
            "topic": digest,
            "subject": subject_line(
                subject(severity, environment, dataset, f"files {digest}")
            ),  # until it is composed
            "dataset": dataset,
            "burst": burst,
            "tell_at": timestamp(at),
        }
        return self._start(burst_name(digest, dataset, burst), content)

    def _start(self, name: str, content: Mapping[str, Any]) -> bool:
        try:
            self.stepfunctions.start_execution(
                stateMachineArn=self.machine_arn,
                name=name,
                input=json.dumps(content, ensure_ascii=False),
            )
        except self.stepfunctions.exceptions.ExecutionAlreadyExists:
            return False
        return True


def success_name(dataset: str, run_id: str) -> str:
    """Execution name under which a run's success is announced (once: names are unique for 90 days)."""
    prefix, suffix = "succeeded-", f"-{run_id}"
    return prefix + dataset[: LONGEST_NAME - len(prefix) - len(suffix)] + suffix


def failure_name(execution_arn: str) -> str:
    """Execution name under which an execution's failure is announced; it fails at most once."""
    return f"failed-{hashlib.sha256(execution_arn.encode()).hexdigest()[:HASH_CHARACTERS]}"


def burst_name(digest: Digest, dataset: str, burst: str) -> str:
    """Execution name under which the files of a burst are announced."""
    prefix, suffix = f"{digest}-", f"-{burst}"
    return prefix + dataset[: LONGEST_NAME - len(prefix) - len(suffix)] + suffix


def rejections_of(dataset: str) -> str:
    """Partition key of a dataset's rejection bursts."""
    return f"rejected#{dataset}"


def arrivals_of(dataset: str) -> str:
    """Partition key of a dataset's bursts of files that were taken."""
    return f"arrived#{dataset}"


def subject(severity: Severity, environment: str, dataset: str, what: str) -> str:
    """How every subject reads: how bad, where, what of, and what happened with a number."""
    return f"{severity.upper()} [{environment}] {dataset}: {what}"


def facts(
    *,
    kind: Kind,
    severity: Severity,
    environment: str,
    dataset: str,
    run_id: str = "",
    mode: str = "",
) -> dict[str, str]:
    """What every message carries as attributes, so that a subscription can filter by it."""
    return {
        "kind": kind,
        "severity": severity,
        "environment": environment,
        "dataset": dataset,
        "run_id": run_id,
        "mode": mode,
    }


def counted(number: int, thing: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def message_attributes(attributes: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """`attributes` as SNS takes them, without the empty ones, which it refuses."""
    return {
        name: {"DataType": "String", "StringValue": value[:ATTRIBUTE_LENGTH]}
        for name, value in attributes.items()
        if value
    }


def subject_line(text: str) -> str:
    """`text` as SNS accepts it for a subject: printable ASCII, other characters as `?`, at most 99 of them."""
    printable = "".join(character if " " <= character <= "~" else "?" for character in text)
    return shortened(printable, SUBJECT_LENGTH)
