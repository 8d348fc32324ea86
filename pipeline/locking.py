"""One run per dataset at a time: who may take the lock, and what becomes of a run whose lease is over.

The same execution asking again gets its own run back, so that a caller that crashed may be retried. A lock whose lease
is over belongs to a dead run: its files go back to where it took them before the lock changes hands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from contracts.errors import DatasetBusy, PermanentError
from pipeline.ledger import HELD_STATUS, FileLedger, Item, RunLedger, new_run_id, timestamp
from pipeline.logs import Log


@dataclass(frozen=True, kw_only=True)
class DatasetLock:
    """Takes locks that last `lease_seconds`."""

    files: FileLedger
    runs: RunLedger
    lease_seconds: int
    now: Callable[[], datetime]

    def take(self, dataset: str, execution_arn: str, *, run_id: str | None = None) -> str:
        """The run under which this execution holds the dataset: `run_id`, or a new one.

        Raises DatasetBusy when a living run of another execution holds it.
        """
        lock = self.runs.lock(dataset)
        if lock and lock["execution_arn"] == execution_arn:
            run = self.runs.get(dataset, lock["run_id"])
            if run_id == lock["run_id"] or run is None or run["status"] == "running":
                return str(lock["run_id"])
            self._give_back(dataset, run)  # whoever ended it may have died before that
            self.runs.release_lock(dataset, lock["run_id"])
            lock = None
        if lock and lock["expires_at"] > self.now().timestamp():
            raise DatasetBusy(
                f"run {lock['run_id']} is working on {dataset}; if it is dead: slipway runs release --dataset {dataset}"
            )
        if lock:
            self._bury(dataset, lock)
        wanted = run_id or new_run_id(self.now())
        expires_at = int(self.now().timestamp()) + self.lease_seconds
        if not self.runs.take_lock(
            dataset, run_id=wanted, execution_arn=execution_arn, expires_at=expires_at, dead=lock
        ):
            raise DatasetBusy(f"another execution was faster to take {dataset}")
        return wanted

    def _give_back(self, dataset: str, run: Item) -> int:
        """Give back what an ended run still holds: the number of files."""
        held = HELD_STATUS.get(run["mode"], "waiting")
        returned = (
            self.files.give_back(dataset, sha256, run["run_id"], held=held)
            for sha256 in run["file_hashes"]
        )
        return sum(returned)

    def _bury(self, dataset: str, lock: Item) -> None:
        """Give the files of a run whose lease is over back, and say in the ledger what became of it."""
        run_id = lock["run_id"]
        dead = self.runs.get(dataset, run_id)
        returned = 0
        if (
            dead
        ):  # before its files, so that a claim which still goes on finds it ended (ClaimBatch)
            cause = "the run did not end before its lease did; another run took the dataset"
            ending = {"ended_at": timestamp(self.now()), "error": "LeaseExpired", "cause": cause}
            self.runs.finish(dataset, run_id, "failed", ending)
            returned = self._give_back(dataset, dead)
        Log({"dataset": dataset, "run_id": run_id}).warning(
            "lease over, lock taken over", files=returned
        )


def closed_run(runs: RunLedger, dataset: str, run_id: str) -> Item:
    """The run, once it was written as succeeded. Raises PermanentError when somebody else ended it before that."""
    run = runs.get(dataset, run_id)
    if run is None or run["status"] != "succeeded":
        status = run["status"] if run else "not in the ledger"
        raise PermanentError(
            f"run {run_id!r} of {dataset} is {status}: its execution was stopped, or its lease was over,"
            f" while it was closed; slipway runs show {run_id}"
        )
    return run


def run_to_close(runs: RunLedger, dataset: str, run_id: str) -> Item:
    """The run, which holds the dataset or was closed before by a call that then crashed.

    Raises PermanentError when it failed, is unknown, or lost the lock to another run.
    """
    run = runs.get(dataset, run_id)
    if run is None or run["status"] not in ("running", "succeeded"):
        status = run["status"] if run else "not in the ledger"
        raise PermanentError(f"run {run_id!r} of {dataset} is {status}, so it cannot be closed")
    lock = runs.lock(dataset)
    if run["status"] == "running" and (lock is None or lock["run_id"] != run_id):
        holder = lock["run_id"] if lock else "nobody"
        raise PermanentError(
            f"run {run_id!r} lost the lock of {dataset} to {holder}; raise CLAIM_LEASE_SECONDS"
        )
    return run
