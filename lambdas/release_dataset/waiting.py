"""Starts a run for files whose own trigger is spent: they came while the dataset was held, or a bad file held them up.

The name of the execution is made from that of the one before, so that a repeated call starts nothing twice.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from pipeline.alerts import HASH_CHARACTERS, LONGEST_NAME
from pipeline.ledger import FileLedger
from pipeline.logs import Log


@dataclass(frozen=True, kw_only=True)
class WaitingFiles:
    """Starts executions of dataset_run."""

    files: FileLedger
    stepfunctions: Any
    state_machine_arn: str

    def start(self, dataset: str, after: str) -> bool:
        """Start a run if files wait; whether they do. `after` is the ARN of the execution before."""
        if not self.files.count_waiting(dataset):
            return False
        self.start_anyway(dataset, after)
        return True

    def start_anyway(self, dataset: str, after: str) -> None:
        """Start a run without asking the index, which may not yet know of files that were just given back."""
        name = execution_name(dataset, after)
        try:
            self.stepfunctions.start_execution(
                stateMachineArn=self.state_machine_arn,
                name=name,
                input=json.dumps({"dataset": dataset, "trigger": "file_arrived"}),
            )
        except self.stepfunctions.exceptions.ExecutionAlreadyExists:
            Log({"dataset": dataset}).info("run was started before", execution=name)


def execution_name(dataset: str, after: str) -> str:
    """<dataset>-after-<hash>."""
    suffix = f"-after-{hashlib.sha256(after.encode()).hexdigest()[:HASH_CHARACTERS]}"
    return dataset[: LONGEST_NAME - len(suffix)] + suffix
