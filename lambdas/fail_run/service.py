"""Undoes what a failed run holds, then tells people. Each step may be repeated; their order: files, run, lock, message.

One execution fails at most once, so the note that its failure was announced is kept per execution: Catch and
EventBridge both lead here, and only the first of them sends a message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts import alerts
from contracts.ledger import FileLedger, Item, RunLedger, timestamp
from contracts.logs import Log
from lambdas.fail_run.failures import Failure

UNTOUCHED = "No table was changed: processed and curated are as before the run."
TABLES = {
    "ClaimBatch": UNTOUCHED,
    "RawToProcessed": UNTOUCHED,
    "Gate": UNTOUCHED,
    "ProcessedToCurated": (
        "Tables are published at the very end of this step, one by one. If it failed before, none was changed; if while"
        " publishing, some show this run's data. The next run loads the same files again, which makes them agree."
    ),
    "CloseRun": (
        "The tables were published with this run's data. The next run loads the same files again, to the same effect."
    ),
}
CLOSED = "The tables were published and the ledger says so; only what follows the closing failed."
UNKNOWN_STEP = (
    "Tables change only at the end of ProcessedToCurated: if the execution's history does not show that step as"
    " succeeded, processed and curated are as before the run."
)


@dataclass(frozen=True, kw_only=True)
class FailRun:
    """Ends failed runs."""

    environment: str
    topic_arn: str
    files: FileLedger
    runs: RunLedger
    sns: Any
    now: Callable[[], datetime]

    def fail(self, failure: Failure) -> dict[str, Any]:
        """The answer to the state machine: {dataset, run_id, error, cause, files_waiting}."""
        run_id = failure.run_id or self._run_of(failure)
        run = self.runs.get(failure.dataset, run_id) if run_id else None
        if run and run_id:
            self._end(failure, run_id, run)
        if run_id:
            self.runs.release_lock(failure.dataset, run_id)
        log = Log({"dataset": failure.dataset, "run_id": run_id, "execution_arn": failure.execution_arn})
        log.error("run failed", step=failure.step, error=failure.error, cause=failure.cause)
        if not self.runs.failure_announced(failure.dataset, failure.execution_arn):
            self._announce(failure, run)
            self.runs.mark_failure_announced(failure.dataset, failure.execution_arn, run_id, timestamp(self.now()))
        answer = {"dataset": failure.dataset, "run_id": run_id, "error": failure.error, "cause": failure.cause}
        return {**answer, "files_waiting": _files_given_back(run)}

    def _run_of(self, failure: Failure) -> str | None:
        """The run that this execution has not ended: the one it holds the lock for, or one whose lock is gone."""
        lock = self.runs.lock(failure.dataset)
        if lock and lock["execution_arn"] == failure.execution_arn:
            return str(lock["run_id"])
        run = self.runs.running_of(failure.dataset, failure.execution_arn)
        return str(run["run_id"]) if run else None

    def _end(self, failure: Failure, run_id: str, run: Item) -> None:
        """The ledger refuses each of these for a run that was closed."""
        for sha256 in run["file_hashes"]:
            self.files.give_back(failure.dataset, sha256, run_id)
        ending = {"ended_at": timestamp(self.now()), "error": failure.error, "cause": failure.cause}
        self.runs.finish(failure.dataset, run_id, "failed", ending)

    def _announce(self, failure: Failure, run: Item | None) -> None:
        place = f" at {failure.step}" if failure.step else ""
        alerts.publish(
            self.sns,
            topic_arn=self.topic_arn,
            subject=f"[{self.environment}] {failure.dataset}: run failed{place} ({failure.error})",
            body=failure_body(failure, run),
            attributes={"dataset": failure.dataset, "severity": "error", "error": failure.error[:256]},
        )


def _files_given_back(run: Item | None) -> int:
    return len(run["file_hashes"]) if run and run["status"] != "succeeded" else 0


def failure_body(failure: Failure, run: Item | None) -> str:
    """Which run, which step, why, what was not touched, what waits, what to do next."""
    run_id = run["run_id"] if run else None
    closed = run is not None and run["status"] == "succeeded"
    if closed:
        tables = CLOSED
    elif run is None:
        tables = UNTOUCHED
    else:
        tables = TABLES[failure.step] if failure.step else UNKNOWN_STEP
    waiting = _files_given_back(run)
    files = f"{waiting} files are waiting again; the next run takes them." if waiting else "None was held by this run."
    show = [f"slipway runs show {run_id}"] if run_id else []
    start = [] if closed else [f"slipway runs start --dataset {failure.dataset}"]
    return "\n".join(
        (
            f"Dataset:   {failure.dataset}",
            f"Run:       {run_id or 'none had begun'}",
            f"Step:      {failure.step or 'not known; see the history of the execution'}",
            f"Error:     {failure.error}",
            f"Cause:     {failure.cause}",
            f"Tables:    {tables}",
            f"Files:     {files}",
            f"Next:      {'; once the cause is removed: '.join([*show, *start])}",
            f"Execution: {failure.execution_arn}",
        )
    )
