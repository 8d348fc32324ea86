"""Ends care that succeeded. Each step may be repeated: runs and files undone, run closed, told, lock, waiting files.

The lock goes before the waiting files are started, so that their run does not find the dataset held.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lambdas.release_dataset import messages
from lambdas.release_dataset.undoing import Undoing
from lambdas.release_dataset.waiting import WaitingFiles
from pipeline import costs, serving
from pipeline.alerts import Announcer, facts, success_name
from pipeline.costs import EnginePrices
from pipeline.ledger import FileLedger, Item, RunLedger, timestamp
from pipeline.locking import closed_run, run_to_close
from pipeline.logs import Log
from pipeline.run_documents import MaintenanceRequest, MaintenanceResult, ServeResult


@dataclass(frozen=True, kw_only=True)
class ReleaseDataset:
    """Releases datasets."""

    environment: str
    files: FileLedger
    runs: RunLedger
    announcer: Announcer
    prices: EnginePrices
    waiting: WaitingFiles
    now: Callable[[], datetime]

    def release(
        self,
        request: MaintenanceRequest,
        care: MaintenanceResult,
        *,
        execution_arn: str,
        worker_seconds: Mapping[str, int],
        serve: Sequence[ServeResult],
    ) -> dict[str, Any]:
        """The answer to the state machine: {dataset, run_id, started, told}.

        `request` is what hold_dataset wrote, `care` what the job did, `serve` what the step Serve gave. Raises
        PermanentError when the run is not this dataset's current one any more.
        """
        dataset, run_id = request.dataset, request.run_id
        run = run_to_close(self.runs, dataset, run_id)
        undone = list(request.undone_runs)
        if run["status"] == "running":
            report = [*care.report, *self._undoing.undo(dataset, undone, by_run=run_id)]
            ending = self._ending(run, care, worker_seconds, serve)
            self.runs.finish(dataset, run_id, "succeeded", {**ending, "report": report})
            run = closed_run(self.runs, dataset, run_id)
        told = self._tell(run, care, undone)
        self.runs.release_lock(dataset, run_id)
        started = self.waiting.start(dataset, execution_arn)
        Log({"dataset": dataset, "run_id": run_id}).info(
            "dataset released", mode=run["mode"], started=started
        )
        return {"dataset": dataset, "run_id": run_id, "started": started, "told": told}

    @property
    def _undoing(self) -> Undoing:
        return Undoing(files=self.files, runs=self.runs, now=self.now)

    def _ending(
        self,
        run: Item,
        care: MaintenanceResult,
        worker_seconds: Mapping[str, int],
        serve: Sequence[ServeResult],
    ) -> dict[str, Any]:
        ended_at = self.now()
        return {
            "ended_at": timestamp(ended_at),
            "duration_seconds": int(
                (ended_at - datetime.fromisoformat(run["started_at"])).total_seconds()
            ),
            "care": [table.to_json() for table in care.tables],
            "worker_seconds": costs.added(run.get("worker_seconds", {}), worker_seconds),
            # Spark alone takes care of tables.
            "cost_usd": costs.added_usd(
                run.get("cost_usd", {}), self.prices.usd(worker_seconds, {})
            ),
            "served": serving.kept(serve, {}),
        }

    def _tell(self, run: Item, care: MaintenanceResult, undone: list[str]) -> bool:
        return self.announcer.tell(
            success_name(run["dataset"], run["run_id"]),
            topic="succeeded",
            subject=messages.subject(self.environment, run, care),
            body=messages.body(
                run, care, set_aside=self._undoing.brought_files(run["dataset"], undone)
            ),
            attributes=facts(
                kind="success",
                severity="info",
                environment=self.environment,
                dataset=run["dataset"],
                run_id=run["run_id"],
                mode=run["mode"],
            ),
        )
