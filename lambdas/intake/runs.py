"""Starts a run of a dataset, under a name that a repeated event cannot use twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
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

    def start(self, dataset: str, hashes: Sequence[str]) -> str:
        """Start one run for a batch: the execution's name, also if one of this name was there.

        Only the same files together count as the same batch: an event that comes again beside a new file must not make
        the new one share an execution that may be about to end. One too many finds nothing to do.
        """
        name = execution_name(dataset, hashes)
        try:
            self.stepfunctions.start_execution(
                stateMachineArn=self.state_machine_arn,
                name=name,
                input=json.dumps({"dataset": dataset, "trigger": "file_arrived"}),
            )
        except self.stepfunctions.exceptions.ExecutionAlreadyExists:
            return name
        return name


def execution_name(dataset: str, hashes: Sequence[str]) -> str:
    """<dataset>-<32 characters of the file's hash, or of the hash of all hashes>."""
    batch = sorted(set(hashes))
    digest = batch[0] if len(batch) == 1 else hashlib.sha256(",".join(batch).encode()).hexdigest()
    return f"{dataset[: LONGEST_NAME - HASH_CHARACTERS - 1]}-{digest[:HASH_CHARACTERS]}"
