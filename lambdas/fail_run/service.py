"""Undoes what a failed run holds, and has people told. Each step may be repeated; their order: run, files, told, lock.

The run is ended before its files are given back, so that a claim which still goes on finds it ended. The lock goes
last: while it is there, whoever repeats this finds the run by it. People are told under a name made from
the execution, so that Catch, EventBridge and every retry together tell once (pipeline/alerts.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.errors import PermanentError
from lambdas.fail_run import messages
from lambdas.fail_run.failures import Failure
from pipeline import costs, serving
from pipeline.alerts import Announcer, facts, failure_name
from pipeline.costs import EnginePrices
from pipeline.ledger import HELD_STATUS, FileLedger, Item, RunLedger, file_entry, timestamp
from pipeline.logs import Log
from pipeline.run_documents import ServeResult, serve_result


@dataclass(frozen=True, kw_only=True)
class FailRun:
    """Ends failed runs."""

    environment: str
    files: FileLedger
    runs: RunLedger
    announcer: Announcer
    prices: EnginePrices
    now: Callable[[], datetime]

    def fail(self, failure: Failure) -> dict[str, Any]:
        """The answer to the state machine: {dataset, run_id, error, cause, files_given_back, told}."""
        run_id = failure.run_id or self._run_of(failure)
        run = self.runs.get(failure.dataset, run_id) if run_id else None
        if run and run_id:
            self._end(failure, run_id, run)
        log = Log(
            {"dataset": failure.dataset, "run_id": run_id, "execution_arn": failure.execution_arn}
        )
        log.error("execution failed", step=failure.step, error=failure.error, cause=failure.cause)
        aside = self._set_aside(failure, run)
        told = self._tell(failure, run, aside)
        if run_id:
            self.runs.release_lock(failure.dataset, run_id, execution_arn=failure.execution_arn)
            self._end_again(failure, run_id)
        return {
            "dataset": failure.dataset,
            "run_id": run_id,
            "error": failure.error,
            "cause": failure.cause,
            "files_given_back": messages.files_given_back(run) - len(aside),
            "files_set_aside": len(aside),
            "told": told,
        }

    def _run_of(self, failure: Failure) -> str | None:
        """The run that this execution has not ended: the one it holds the lock for, or one whose lock is gone."""
        lock = self.runs.lock(failure.dataset)
        if lock and lock["execution_arn"] == failure.execution_arn:
            return str(lock["run_id"])
        run = self.runs.running_of(failure.dataset, failure.execution_arn)
        return str(run["run_id"]) if run else None

    def _end_again(self, failure: Failure, run_id: str) -> None:
        """A task of a stopped execution may still begin its run, or go on with it, until the lock is gone."""
        run = self.runs.get(failure.dataset, run_id)
        if run and run["status"] == "running":
            self._end(failure, run_id, run)

    def _end(self, failure: Failure, run_id: str, run: Item) -> None:
        """The ledger refuses each of these for a run that was closed; one that was resumed is another's."""
        if run["execution_arn"] != failure.execution_arn:
            return
        ending = {
            "ended_at": timestamp(self.now()),
            "error": failure.error,
            "cause": failure.cause,
            "served": serving.kept(_serve_results(failure), run.get("served", {})),
            "worker_seconds": costs.added(run.get("worker_seconds", {}), failure.worker_seconds),
            "cost_usd": costs.added_usd(
                run.get("cost_usd", {}),
                self.prices.usd(failure.worker_seconds, failure.engines, failure.billed),
            ),
            "engines": {**run.get("engines", {}), **failure.engines},
        }
        self.runs.finish(failure.dataset, run_id, "failed", ending)
        for sha256 in run["file_hashes"]:
            held = HELD_STATUS.get(run["mode"], "waiting")
            self.files.give_back(failure.dataset, sha256, run_id, held=held)

    def _set_aside(self, failure: Failure, run: Item | None) -> list[Item]:
        """The files that the gate took out of the run."""
        if run is None or not failure.is_too_bad:
            return []
        found = (
            self.files.get(failure.dataset, file_entry(sha256)) for sha256 in run["file_hashes"]
        )
        return [item for item in found if item is not None and item["status"] == "set_aside"]

    def _tell(self, failure: Failure, run: Item | None, aside: list[Item]) -> bool:
        files_waiting = self.files.count_waiting(failure.dataset)
        attributes = facts(
            kind="failure",
            severity="error",
            environment=self.environment,
            dataset=failure.dataset,
            run_id=run["run_id"] if run else "",
            mode=messages.mode_of(failure, run),
        )
        return self.announcer.tell(
            failure_name(failure.execution_arn),
            topic="failed",
            subject=messages.subject(self.environment, failure, files_waiting=files_waiting),
            body=messages.body(failure, run, files_waiting=files_waiting, set_aside=aside),
            attributes={**attributes, "error": failure.error},
        )


def _serve_results(failure: Failure) -> list[ServeResult] | None:
    """What Serve gave, as far as it can be read: a result that cannot must not keep a run from being ended."""
    if failure.serve is None:
        return None
    found = []
    for answer in failure.serve:
        try:
            found.append(serve_result(answer))
        except PermanentError as error:
            log = Log({"dataset": failure.dataset, "execution_arn": failure.execution_arn})
            log.error("a result of Serve is not kept", error=str(error))
    return found
