"""Closes a run whose tables are published. Each step may be repeated: files, run, message, lock, in this order.

The lock goes last, so that no other run starts while this one is half closed; the waiting files are counted after that,
so that a file which arrived in between is not forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from contracts import alerts
from contracts.errors import PermanentError, ReconciliationFailed
from contracts.ledger import FileLedger, Item, RunLedger, timestamp
from contracts.logs import Log
from contracts.model import Contract

PARTS = ("loaded", "quarantined", "deduplicated")

Document = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Written:
    """What the earlier steps of the run wrote down."""

    manifest: Document
    processed: Document
    curated: Document


@dataclass(frozen=True, kw_only=True)
class CloseRun:
    """Closes runs."""

    environment: str
    topic_arn: str
    files: FileLedger
    runs: RunLedger
    sns: Any
    now: Callable[[], datetime]

    def close(self, dataset: str, run_id: str, written: Written, contract: Contract) -> dict[str, Any]:
        """The answer to the state machine: {dataset, run_id, waiting}.

        Raises ReconciliationFailed when the totals do not match, PermanentError when the run is not this dataset's
        current one any more.
        """
        log = Log({"dataset": dataset, "run_id": run_id})
        run = self._current(dataset, run_id)
        if run["status"] == "running":
            verify(written, contract)
            self._close_files(dataset, run_id, written)
            self.runs.finish(dataset, run_id, "succeeded", self._ending(run, written, contract))
            run = self.runs.get(dataset, run_id) or run
        if "announced_at" not in run:
            self._announce(dataset, run, written)
            self.runs.mark_announced(dataset, run_id, timestamp(self.now()))
        self.runs.release_lock(dataset, run_id)
        waiting = self.files.count_waiting(dataset)
        log.info("run closed", rows_loaded=int(run["rows_loaded"]), waiting=waiting)
        return {"dataset": dataset, "run_id": run_id, "waiting": waiting}

    def _current(self, dataset: str, run_id: str) -> Item:
        run = self.runs.get(dataset, run_id)
        if run is None or run["status"] == "failed":
            status = run["status"] if run else "not in the ledger"
            raise PermanentError(f"run {run_id!r} of {dataset} is {status}, so it cannot be closed")
        lock = self.runs.lock(dataset)
        if run["status"] == "running" and (lock is None or lock["run_id"] != run_id):
            holder = lock["run_id"] if lock else "nobody"
            raise PermanentError(f"run {run_id!r} lost the lock of {dataset} to {holder}; raise CLAIM_LEASE_SECONDS")
        return run

    def _close_files(self, dataset: str, run_id: str, written: Written) -> None:
        for file in written.processed["files"]:
            counts = {f"rows_{part}": int(file[f"rows_{part}"]) for part in PARTS}
            if not self.files.close(dataset, file["sha256"], run_id, counts):
                raise PermanentError(f"file {file['file_name']!r} ({file['sha256']}) does not belong to run {run_id!r}")

    def _ending(self, run: Item, written: Written, contract: Contract) -> dict[str, Any]:
        ended_at = self.now()
        files = written.processed["files"]
        return {
            "ended_at": timestamp(ended_at),
            "duration_seconds": int((ended_at - datetime.fromisoformat(run["started_at"])).total_seconds()),
            "file_count": len(files),
            "rows_read": sum(int(file["rows_read"]) for file in files),
            **{f"rows_{part}": sum(int(file[f"rows_{part}"]) for file in files) for part in PARTS},
            "totals": {part: _totals(files, part, contract) for part in ("read", *PARTS)},
        }

    def _announce(self, dataset: str, run: Item, written: Written) -> None:
        alerts.publish(
            self.sns,
            topic_arn=self.topic_arn,
            subject=f"[{self.environment}] {dataset}: run succeeded, {run['rows_loaded']} rows loaded",
            body=success_body(run, written),
            attributes={"dataset": dataset, "severity": "info", "run_id": run["run_id"]},
        )


def _totals(files: list[dict[str, Any]], part: str, contract: Contract) -> dict[str, str]:
    return {
        column.name: str(sum((Decimal(file["totals"][part][column.name]) for file in files), Decimal(0)))
        for column in contract.control_columns
    }


def verify(written: Written, contract: Contract) -> None:
    """Raises ReconciliationFailed with every figure in which files, processed and curated differ."""
    problems = list(_differences(written, contract))
    if problems:
        raise ReconciliationFailed("\n".join([f"{len(problems)} discrepancies after publishing:", *problems]))


def _differences(written: Written, contract: Contract) -> Iterator[str]:
    if written.curated.get("published") is not True:
        yield "- processed_to_curated ended without publishing"
    planned = {file["sha256"]: int(file["row_count"]) for file in written.manifest["files"]}
    done = {file["sha256"]: sum(int(file[f"rows_{part}"]) for part in PARTS) for file in written.processed["files"]}
    if planned != done:
        yield f"- rows per file: intake counted {planned}, loaded + quarantined + deduplicated are {done}"
    models = {model["name"]: model for model in written.curated["models"]}
    for wanted in contract.curated:
        model = models.get(wanted.name)
        if model is None:
            yield f"- {wanted.name}: processed_to_curated says nothing of it"
            continue
        if not model["periods"] and not model["rows"]:
            continue  # no processed row changed, so there was nothing to recompute
        for column, _source in wanted.conserves:
            pair = model["totals"].get(column)
            if pair is None:
                yield f"- {wanted.name}.{column}: no totals"
            elif Decimal(pair["processed"]) != Decimal(pair["curated"]):
                yield f"- {wanted.name}.{column}: processed {pair['processed']}, curated {pair['curated']}"


def success_body(run: Item, written: Written) -> str:
    """Counts per file, totals, duration."""
    lines = [
        f"Run {run['run_id']} of {run['dataset']} loaded {run['rows_loaded']} of {run['rows_read']} rows"
        f" from {run['file_count']} files in {run['duration_seconds']} seconds.",
        f"Quarantined: {run['rows_quarantined']}. Replaced by a newer row of the same key: {run['rows_deduplicated']}.",
        "",
        *(f"{column}: {total}" for column, total in run["totals"]["loaded"].items()),
        "",
        "file: read = loaded + quarantined + deduplicated",
    ]
    for file in written.processed["files"]:
        parts = " + ".join(str(file[f"rows_{part}"]) for part in PARTS)
        lines.append(f"{file['file_name']}: {file['rows_read']} = {parts}")
    if int(run["rows_quarantined"]):
        lines += ["", f"Next: slipway quarantine list --dataset {run['dataset']}"]
    return "\n".join(lines)
