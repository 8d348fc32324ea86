"""One run per dataset at a time, over a batch of files.

The lock is taken first, then the run is written with the files it means to claim, then each file is claimed, then the
manifest is written. Every step may be repeated by the same execution, which so gets its own run back after a crash.
A load that finds the dataset held leaves its files to the holder; what an operator asked for waits (DatasetBusy).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from contracts.errors import DatasetBusy, PermanentError
from contracts.model import Contract
from lambdas.claim_batch.engines import EngineLimits
from lambdas.claim_batch.manifest import manifest
from lambdas.claim_batch.requests import Request, Resume
from lambdas.claim_batch.resuming import Resumption
from lambdas.claim_batch.selection import Left, Selector
from pipeline.engines import Engine
from pipeline.ledger import HELD_STATUS, Item, file_entry, loads, timestamp
from pipeline.locking import DatasetLock
from pipeline.logs import Log
from pipeline.modes import LoadMode
from pipeline.run_documents import Manifest, store
from pipeline.steps import FIRST, Step

MOST_NAMED = 20  # of the files that are left, in the answer; the log has all


@dataclass(frozen=True, kw_only=True)
class ClaimBatch:
    """Claims batches."""

    lock: DatasetLock
    selector: Selector
    resumption: Resumption
    engines: EngineLimits
    s3: Any
    raw_bucket: str
    processed_bucket: str

    def claim(self, request: Request, contract: Contract) -> dict[str, Any]:
        """The answer to the state machine: {dataset, run_id, claimed, from, engine, size_bytes, file_count, reason,
        left}.

        Raises DatasetBusy when an operator's request must wait, PermanentError when it cannot be done as asked.
        """
        self.engines.require_deployed(request.engine)
        if request.resume is not None:
            return self._resume(request, request.resume, contract)
        try:
            run_id = self.lock.take(request.dataset, request.execution_arn)
        except DatasetBusy as busy:
            if request.is_from_operator:
                raise
            return _nothing(request, str(busy), [])
        return self._fill(request, contract, run_id)

    def _fill(self, request: Request, contract: Contract, run_id: str) -> dict[str, Any]:
        hashes, left = self._planned(request, contract, run_id)
        claimed = self._claimed(request.dataset, run_id, hashes, request.mode)
        retraction = request.retraction
        if retraction and retraction.sha256 not in {item["sha256"] for item in claimed}:
            for item in claimed:
                held = HELD_STATUS[request.mode]
                self.lock.files.give_back(request.dataset, item["sha256"], run_id, held=held)
            claimed = []
        if not claimed:
            self.lock.runs.forget(request.dataset, run_id)
            self.lock.runs.release_lock(request.dataset, run_id)
            if request.files is not None:
                raise PermanentError(
                    f"none of the files to {request.mode} can be taken: {_named(left)}"
                )
            return _nothing(request, f"no file is {HELD_STATUS[request.mode]}", left)
        retracted = retraction.sha256 if retraction else None
        written = self._write_manifest(
            request, contract, run_id, request.mode, claimed, retracted=retracted
        )
        self._refuse_if_ended(request, run_id, claimed, request.mode)
        return _answer(written, FIRST, left, engine=written.engine or "spark")

    def _resume(self, request: Request, resume: Resume, contract: Contract) -> dict[str, Any]:
        """A failure from here on is cleaned up by fail_run, which finds the run by the lock of this execution."""
        run = self.resumption.failed_run(request, resume)
        self.lock.take(request.dataset, request.execution_arn, run_id=resume.run_id)
        earlier = (
            None if resume.step == FIRST else self.resumption.manifest(request, resume, contract)
        )
        hashes = list(run["file_hashes"])
        if earlier is not None:
            hashes = [file.sha256 for file in earlier.taken_out]
            hashes += [file.sha256 for file in earlier.files]
        if not self.lock.runs.reopen(
            request.dataset, resume.run_id, execution_arn=request.execution_arn
        ):
            raise PermanentError(
                f"run {resume.run_id} of {request.dataset} was resumed by somebody else in the meantime"
            )
        closed = (
            [] if resume.step == FIRST else self._closed(request.dataset, resume.run_id, hashes)
        )
        done = {item["sha256"] for item in closed}
        open_ones = [sha256 for sha256 in hashes if sha256 not in done]
        claimed = closed + self._claimed(request.dataset, resume.run_id, open_ones, run["mode"])
        retracted = run.get("retracts", {}).get("sha256")
        left = self._left(resume, hashes, claimed, retracted)
        works_on = earlier or self._write_manifest(
            self._as_before(request, resume),
            contract,
            resume.run_id,
            run["mode"],
            claimed,
            retracted=retracted,
        )
        self._refuse_if_ended(request, resume.run_id, claimed, run["mode"])
        engine = self.engines.to_go_on(works_on.engine, request.engine)
        return _answer(works_on, resume.step, left, engine=engine)

    def _as_before(self, request: Request, resume: Resume) -> Request:
        """A run that is begun anew keeps the engine that was named for it, if that is still there."""
        if request.engine is not None:
            return request
        named = self.resumption.engine_asked_for(request.dataset, resume.run_id)
        return replace(request, engine=named and self.engines.to_go_on(named, None))

    def _refuse_if_ended(
        self, request: Request, run_id: str, claimed: list[Item], mode: str
    ) -> None:
        """Give the files back if the run was ended while they were claimed: its execution was stopped meanwhile.

        FailRun ends a run before it gives files back, and looks once more when the lock is gone. So whatever was
        claimed after it looked is given back here. Raises PermanentError then.
        """
        runs, dataset = self.lock.runs, request.dataset
        lock, run = runs.lock(dataset), runs.get(dataset, run_id)
        is_held = lock is not None and lock["execution_arn"] == request.execution_arn
        if is_held and run is not None and run["status"] == "running":
            return
        cause = "its execution was stopped, or its lease was over, while it claimed files"
        if run is not None and run["execution_arn"] == request.execution_arn:
            for item in claimed:
                self.lock.files.give_back(dataset, item["sha256"], run_id, held=HELD_STATUS[mode])
            ending = {"ended_at": timestamp(self.lock.now()), "error": "ClaimEnded", "cause": cause}
            runs.finish(dataset, run_id, "failed", ending)
        raise PermanentError(f"run {run_id!r} of {dataset} was ended: {cause}")

    def _left(
        self, resume: Resume, hashes: list[str], claimed: list[Item], retracted: str | None
    ) -> list[Left]:
        """The files that a run resumed from its first step goes on without; a later step needs every one, and a
        retraction the file that it retracts.
        """
        taken = {item["sha256"] for item in claimed}
        left = [
            Left(sha256=sha256, why="it was set aside, or another run has it")
            for sha256 in hashes
            if sha256 not in taken
        ]
        needs = retracted is not None and retracted not in taken
        if left and (resume.step != FIRST or not claimed or needs):
            raise PermanentError(
                f"run {resume.run_id} cannot go on at {resume.step.name}: {len(left)} of its {len(hashes)} files"
                f" were set aside or belong to another run now, for example {left[0].sha256};"
                f" slipway files show {left[0].sha256}"
            )
        read = [item for item in claimed if item["sha256"] != retracted]
        if resume.step == FIRST and (gone := self.selector.missing(read)):
            raise PermanentError(
                f"run {resume.run_id} cannot be resumed: {', '.join(gone[:MOST_NAMED])} left raw"
            )
        return left

    def _claimed(self, dataset: str, run_id: str, hashes: list[str], mode: str) -> list[Item]:
        claims = (
            self.lock.files.claim(dataset, sha256, run_id, held=HELD_STATUS[mode])
            for sha256 in hashes
        )
        return [item for item in claims if item is not None]

    def _closed(self, dataset: str, run_id: str, hashes: list[str]) -> list[Item]:
        """Files that this very run had closed when its execution was stopped; CloseRun finds them closed."""
        items = (self.lock.files.get(dataset, file_entry(sha256)) for sha256 in hashes)
        return [item for item in items if item is not None and loads.is_closed_by(item, run_id)]

    def _planned(
        self, request: Request, contract: Contract, run_id: str
    ) -> tuple[list[str], list[Left]]:
        """Hashes that the run means to claim; written to the run before the first file is claimed."""
        runs = self.lock.runs
        run = runs.get(request.dataset, run_id)
        if run is not None:
            return list(run["file_hashes"]), []
        chosen = self.selector.select(request)
        for left in chosen.left:
            Log({"dataset": request.dataset, "run_id": run_id}).warning(
                "file left", sha256=left.sha256, why=left.why
            )
        if chosen.hashes:
            runs.start(
                request.dataset,
                run_id,
                trigger=request.trigger,
                execution_arn=request.execution_arn,
                started_at=timestamp(self.lock.now()),
                contract_version=contract.version,
                file_hashes=chosen.hashes,
                mode=request.mode,
                retracts=asdict(request.retraction) if request.retraction else None,
            )
        return chosen.hashes, chosen.left

    def _write_manifest(
        self,
        request: Request,
        contract: Contract,
        run_id: str,
        mode: LoadMode,
        claimed: list[Item],
        *,
        retracted: str | None,
    ) -> Manifest:
        erased = self.lock.runs.erased_subjects(contract.dataset)
        content = manifest(
            contract,
            run_id,
            mode=mode,
            raw_bucket=self.raw_bucket,
            erased_subjects=erased,
            items=claimed,
            retracted=retracted,
            choice=self.engines.choose(contract, claimed, request.engine),
        )
        store.write(self.s3, content, bucket=self.processed_bucket)
        return content


def _answer(works_on: Manifest, step: Step, left: list[Left], *, engine: Engine) -> dict[str, Any]:
    """`engine` is the manifest's, or the one that a resumed run shall go on with."""
    file_count = len(works_on.files)
    Log({"dataset": works_on.dataset, "run_id": works_on.run_id}).info(
        "batch claimed",
        files=file_count,
        begins_at=step.name,
        left=len(left),
        engine=engine,
        why=works_on.engine_reason,
    )
    return {
        "dataset": works_on.dataset,
        "run_id": works_on.run_id,
        "claimed": True,
        "from": step.name,
        "engine": engine,
        "size_bytes": works_on.size_bytes,
        "file_count": file_count,
        "reason": None,
        "left": [f"{item.sha256}: {item.why}" for item in left[:MOST_NAMED]],
    }


def _nothing(request: Request, reason: str, left: list[Left]) -> dict[str, Any]:
    Log({"dataset": request.dataset}).info("nothing claimed", reason=reason)
    return {
        "dataset": request.dataset,
        "run_id": None,
        "claimed": False,
        "from": FIRST.name,
        "engine": None,
        "size_bytes": 0,
        "file_count": 0,
        "reason": reason,
        "left": [f"{item.sha256}: {item.why}" for item in left[:MOST_NAMED]],
    }


def _named(left: list[Left]) -> str:
    return (
        "; ".join(f"{item.sha256} {item.why}" for item in left[:MOST_NAMED])
        or "another run took them first"
    )
