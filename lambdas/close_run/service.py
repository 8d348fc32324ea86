"""Closes a run whose tables are published. Each step may be repeated: files, run, told, lock, in this order.

The lock goes last, so that no other run starts while this one is half closed; the waiting files are counted after that,
so that a file which arrived in between is not forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.errors import PermanentError
from contracts.model import Contract
from lambdas.close_run import messages
from lambdas.close_run.comparison import Written, verify
from lambdas.close_run.figures import ending, engines
from pipeline import table_effects
from pipeline.alerts import Announcer, success_name
from pipeline.costs import EnginePrices
from pipeline.ledger import FileLedger, Item, RunLedger, timestamp
from pipeline.locking import closed_run, run_to_close
from pipeline.logs import Log
from pipeline.run_documents import PARTS, JobResult
from pipeline.table_effects import Partners

MOST_NOTES = 20  # kept in the run's entry, which has at most 400 KB


@dataclass(frozen=True, kw_only=True)
class CloseRun:
    """Closes runs."""

    environment: str
    files: FileLedger
    runs: RunLedger
    announcer: Announcer
    prices: EnginePrices
    now: Callable[[], datetime]

    def close(
        self,
        dataset: str,
        run_id: str,
        written: Written,
        contract: Contract,
        *,
        worker_seconds: Mapping[str, int],
        jobs: Mapping[str, JobResult],
    ) -> dict[str, Any]:
        """The answer to the state machine: {dataset, run_id, waiting, told}.

        Raises ReconciliationFailed when the totals do not match, PermanentError when the run is not this dataset's
        current one any more.
        """
        log = Log({"dataset": dataset, "run_id": run_id})
        run = run_to_close(self.runs, dataset, run_id)
        if run["status"] == "running":
            verify(written, contract)
            partners = Partners(files=self.files, dataset=dataset)
            effects = {
                file.sha256: table_effects.kept(file.effect, file.sha256, partners)
                for file in written.processed.files
            }
            table_effects.mark_replaced(self.files, written.manifest, written.processed)
            notes = self._close_files(dataset, run_id, written, effects)
            self._retract(run, written)
            attributes = ending(
                run,
                written,
                contract,
                ended_at=self.now(),
                effects=effects,
                worker_seconds=worker_seconds,
                cost_usd=self.prices.usd(
                    worker_seconds,
                    {name: job.engine for name, job in jobs.items()},
                    {name: job.billed for name, job in jobs.items() if job.billed},
                ),
            )
            attributes |= engines(run, written, jobs)
            attributes |= {"notes": notes} if notes else {}
            self.runs.finish(dataset, run_id, "succeeded", attributes)
            run = closed_run(self.runs, dataset, run_id)
        told = self._tell(run, written)
        self.runs.release_lock(dataset, run_id)
        waiting = self.files.count_waiting(dataset)
        log.info("run closed", rows_loaded=int(run["rows_loaded"]), waiting=waiting)
        return {"dataset": dataset, "run_id": run_id, "waiting": waiting, "told": told}

    def _close_files(
        self, dataset: str, run_id: str, written: Written, effects: Mapping[str, Item]
    ) -> list[str]:
        """Close every file; what intake has noted about them, the first MOST_NOTES."""
        notes: list[str] = []
        for file in written.processed.files:
            counts: Item = {f"rows_{part}": file.rows(part) for part in PARTS}
            counts["effect"] = effects[file.sha256]
            entry = self.files.close(dataset, file.sha256, run_id, counts)
            if entry is None:
                raise PermanentError(
                    f"file {file.file_name!r} ({file.sha256}) does not belong to run {run_id!r}"
                )
            self.files.let_return(entry)  # rows of it gave way to a newer file as they were loaded
            noted = [
                *entry.get("notes", []),
                *([entry["why_again"]] if "why_again" in entry else []),
            ]
            notes += [f"{file.file_name}: {note}" for note in noted]
        more = len(notes) - MOST_NOTES
        return (
            [*notes[:MOST_NOTES], f"and {more} more, see `slipway files show`"]
            if more > 0
            else notes
        )

    def _retract(self, run: Item, written: Written) -> None:
        """Mark the file that the run took out of the tables, for whom and why."""
        for file in written.manifest.taken_out:
            told = {name: str(run["retracts"][name]) for name in ("by", "reason")}
            moment = timestamp(self.now())
            if not self.files.retract(
                run["dataset"], file.sha256, run["run_id"], **told, moment=moment
            ):
                raise PermanentError(
                    f"file {file.file_name!r} ({file.sha256}) does not belong to run {run['run_id']!r}"
                )

    def _tell(self, run: Item, written: Written) -> bool:
        return self.announcer.tell(
            success_name(run["dataset"], run["run_id"]),
            topic="succeeded",
            subject=messages.subject(self.environment, run, written),
            body=messages.body(run, written),
            attributes=messages.facts(self.environment, run, written),
        )
