"""Starts a run of a dataset, under a name that a repeated event cannot use twice."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

# Source: Step Functions API reference, StartExecution: a name has 1 to 80 characters and is unique for 90 days.
LONGEST_NAME = 80
HASH_CHARACTERS = 32


@dataclass(frozen=True, kw_only=True)
class RunStarter:
    """Starts executions of the state machine."""

    stepfunctions: Any
    state_machine_arn: str

    def start(self, dataset: str, first_sha256: str) -> str:
        """Start a run for the batch that begins with `first_sha256`; the execution's name, also if it was there."""
        name = execution_name(dataset, first_sha256)
        try:
            self.stepfunctions.start_execution(
                stateMachineArn=self.state_machine_arn,
                name=name,
                input=json.dumps({"dataset": dataset, "trigger": "file_arrived"}),
            )
        except self.stepfunctions.exceptions.ExecutionAlreadyExists:
            return name
        return name


def execution_name(dataset: str, first_sha256: str) -> str:
    """<dataset>-<first 32 characters of the hash>."""
    return f"{dataset[: LONGEST_NAME - HASH_CHARACTERS - 1]}-{first_sha256[:HASH_CHARACTERS]}"
