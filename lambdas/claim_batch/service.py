"""One run per dataset at a time, over a batch of waiting files.

The lock is taken first, then the run is written with the files it means to claim, then each file is claimed, then the
manifest is written. Every step may be repeated by the same execution, which so gets its own run back after a crash.
A lock whose lease is over belongs to a dead run: its files return to waiting before the lock changes hands.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts import naming
from contracts.ledger import FileLedger, Item, RunLedger, new_run_id, timestamp
from contracts.logs import Log
from contracts.model import Contract


@dataclass(frozen=True, kw_only=True)
class Request:
    """Who asks for a batch of which dataset, and why."""

    dataset: str
    trigger: str
    execution_arn: str


@dataclass(frozen=True, kw_only=True)
class ClaimBatch:
    """Claims batches."""

    files: FileLedger
    runs: RunLedger
    s3: Any
    raw_bucket: str
    processed_bucket: str
    max_files: int
    lease_seconds: int
    now: Callable[[], datetime]

    def claim(self, request: Request, contract: Contract) -> dict[str, Any]:
        """The answer to the state machine: {dataset, run_id, claimed, file_count, reason}."""
        lock = self.runs.lock(request.dataset)
        if lock and lock["execution_arn"] == request.execution_arn:
            if self._has_ended(request.dataset, lock["run_id"]):
                self.runs.release_lock(request.dataset, lock["run_id"])
                return self.claim(request, contract)
            return self._fill(request, contract, lock["run_id"])
        if lock and lock["expires_at"] > self.now().timestamp():
            return _nothing(request, f"run {lock['run_id']} is working on this dataset")
        if lock:
            self._bury(request.dataset, lock)
        run_id = new_run_id(self.now())
        expires_at = int(self.now().timestamp()) + self.lease_seconds
        taken = self.runs.take_lock(
            request.dataset, run_id=run_id, execution_arn=request.execution_arn, expires_at=expires_at, dead=lock
        )
        if not taken:
            return _nothing(request, "another execution was faster")
        return self._fill(request, contract, run_id)

    def _has_ended(self, dataset: str, run_id: str) -> bool:
        run = self.runs.get(dataset, run_id)
        return run is not None and run["status"] != "running"

    def _bury(self, dataset: str, lock: Item) -> None:
        """Give the files of a run whose lease is over back, and say in the ledger what became of it."""
        dead = self.runs.get(dataset, lock["run_id"])
        hashes = dead["file_hashes"] if dead else []
        returned = [sha256 for sha256 in hashes if self.files.give_back(dataset, sha256, lock["run_id"])]
        if dead:
            cause = "the run did not end before its lease did; another run took its files"
            ending = {"ended_at": timestamp(self.now()), "error": "LeaseExpired", "cause": cause}
            self.runs.finish(dataset, lock["run_id"], "failed", ending)
        Log({"dataset": dataset, "run_id": lock["run_id"]}).warning("lease over, lock taken over", files=len(returned))

    def _fill(self, request: Request, contract: Contract, run_id: str) -> dict[str, Any]:
        hashes = self._planned(request, contract, run_id)
        claims = [self.files.claim(request.dataset, sha256, run_id) for sha256 in hashes]
        claimed = [item for item in claims if item is not None]
        if not claimed:
            self.runs.forget(request.dataset, run_id)
            self.runs.release_lock(request.dataset, run_id)
            return _nothing(request, "no file is waiting")
        self.s3.put_object(
            Bucket=self.processed_bucket,
            Key=naming.manifest_key(request.dataset, run_id),
            Body=json.dumps(manifest(contract, run_id, self.raw_bucket, claimed), indent=2).encode(),
            ContentType="application/json",
        )
        Log({"dataset": request.dataset, "run_id": run_id}).info("batch claimed", files=len(claimed))
        answer = {"dataset": request.dataset, "run_id": run_id, "claimed": True}
        return {**answer, "file_count": len(claimed), "reason": None}

    def _planned(self, request: Request, contract: Contract, run_id: str) -> list[str]:
        """Hashes that the run means to claim; written to the run before the first file is claimed."""
        run = self.runs.get(request.dataset, run_id)
        if run is None:
            hashes = self.files.waiting(request.dataset, self.max_files)
            if not hashes:
                return []
            self.runs.start(
                request.dataset,
                run_id,
                trigger=request.trigger,
                execution_arn=request.execution_arn,
                started_at=timestamp(self.now()),
                contract_version=contract.version,
                file_hashes=hashes,
            )
            run = self.runs.get(request.dataset, run_id)
        return list(run["file_hashes"]) if run else []


def manifest(contract: Contract, run_id: str, raw_bucket: str, items: list[Item]) -> dict[str, Any]:
    """What the jobs work on. The order of its files decides which row wins: later wins."""
    ordered = sorted(items, key=lambda item: (item["received_at"], item["sha256"]))
    return {
        "dataset": contract.dataset,
        "run_id": run_id,
        "contract_version": contract.version,
        "files": [
            {
                "sha256": item["sha256"],
                "raw_uri": f"s3://{raw_bucket}/{item['raw_key']}",
                "file_name": item["file_name"],
                "received_at": item["received_at"],
                "size_bytes": int(item["size_bytes"]),
                "row_count": int(item["row_count"]),
                "header": list(item["header"]),
                "has_quotes": bool(item["has_quotes"]),
            }
            for item in ordered
        ],
    }


def _nothing(request: Request, reason: str) -> dict[str, Any]:
    Log({"dataset": request.dataset}).info("nothing claimed", reason=reason)
    return {"dataset": request.dataset, "run_id": None, "claimed": False, "file_count": 0, "reason": reason}
