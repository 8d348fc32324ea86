"""Takes the dataset for care: lock, run, erased subject, request, in this order; each may be repeated.

An erased subject is remembered before any row is deleted, so that no load in between can bring the person back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contracts.errors import PermanentError
from contracts.model import Contract
from lambdas.hold_dataset import rollback
from lambdas.hold_dataset.requests import Request
from pipeline.ledger import timestamp
from pipeline.locking import DatasetLock
from pipeline.logs import Log
from pipeline.run_documents import ErasureRequest, MaintenanceRequest, store


@dataclass(frozen=True, kw_only=True)
class HoldDataset:
    """Holds datasets."""

    lock: DatasetLock
    s3: Any
    processed_bucket: str

    def hold(self, request: Request, contract: Contract) -> dict[str, Any]:
        """The answer to the state machine: {dataset, run_id}.

        Raises DatasetBusy while a run holds the dataset, PermanentError when the request cannot be done; then fail_run
        frees the lock, which it finds by the execution.
        """
        if request.mode == "erasure" and contract.subject_column is None:
            raise PermanentError(
                f"the contract of {request.dataset} marks no column as dataSubject: nobody to erase"
            )
        if request.forecast is not None:
            _require_forecast(contract, request.forecast.table)
        run_id = self.lock.take(request.dataset, request.execution_arn)
        wanted = self._wanted(request, run_id)
        self.lock.runs.start(
            request.dataset,
            run_id,
            trigger=request.trigger,
            execution_arn=request.execution_arn,
            started_at=timestamp(self.lock.now()),
            contract_version=contract.version,
            file_hashes=[],
            mode=request.mode,
        )
        if request.subject is not None:
            moment = timestamp(self.lock.now())
            self.lock.runs.remember_erased(
                request.dataset, request.subject, run_id=run_id, moment=moment
            )
        store.write(self.s3, wanted, bucket=self.processed_bucket)
        Log({"dataset": request.dataset, "run_id": run_id}).info("dataset held", mode=request.mode)
        return {"dataset": request.dataset, "run_id": run_id}

    def _wanted(self, request: Request, run_id: str) -> MaintenanceRequest:
        """The document that the care job works on."""
        undo = None
        if request.rollback_to is not None:
            every = self.lock.runs.since(request.dataset, "")
            undo = rollback.plan(
                request.dataset, request.rollback_to, every, with_later=request.with_later
            )
        return MaintenanceRequest(
            dataset=request.dataset,
            run_id=run_id,
            mode=request.mode,
            rollback=undo,
            erasure=ErasureRequest(subject=request.subject)
            if request.subject is not None
            else None,
            forecast=request.forecast,
        )


def _require_forecast(contract: Contract, table: str) -> None:
    forecast = [model.name for model in contract.forecast_models]
    if table not in forecast:
        raise PermanentError(
            f"{contract.dataset} has no forecast of {table!r};"
            f" its contract has forecasts of: {', '.join(forecast) or 'nothing'}"
        )
