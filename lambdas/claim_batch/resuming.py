"""Whether a failed run can go on at a step: what that step reads must be there, and still be true.

A step after the first builds on a branch of the tables as they were. If another run has changed them since, if the
contract or the list of erased people has changed, only the first step gives a right result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from contracts.errors import PermanentError
from contracts.model import Contract
from lambdas.claim_batch.engines import ASKED_FOR
from lambdas.claim_batch.requests import Request, Resume
from pipeline import steps
from pipeline.engines import Engine
from pipeline.ledger import Item, RunLedger
from pipeline.run_documents import CurateResult, Manifest, RunDocument, store


@dataclass(frozen=True, kw_only=True)
class Resumption:
    """Looks whether a failed run can go on."""

    runs: RunLedger
    s3: Any
    processed_bucket: str

    def failed_run(self, request: Request, resume: Resume) -> Item:
        """The run to resume. Raises PermanentError when it is not one that failed."""
        run = self.runs.get(request.dataset, resume.run_id)
        status = run["status"] if run else "not in the run ledger"
        reopened = (
            run is not None
            and status == "running"
            and run["execution_arn"] == request.execution_arn
        )
        if run is None or not (status == "failed" or reopened):
            raise PermanentError(
                f"run {resume.run_id!r} of {request.dataset} is {status}; only a failed run can be resumed"
                f" (if it is dead, first: slipway runs release --dataset {request.dataset})"
            )
        if "file_hashes" not in run or not run["file_hashes"]:
            raise PermanentError(
                f"run {resume.run_id!r} of {request.dataset} has no files; start that again"
            )
        return run

    def manifest(self, request: Request, resume: Resume, contract: Contract) -> Manifest:
        """The run's manifest, to be used as it is by a step after the first.

        Raises PermanentError, naming every reason at once and the step to resume from, when the step cannot go on.
        """
        run_id, dataset = resume.run_id, request.dataset
        found, problems = self._documents(dataset, run_id, (Manifest, *resume.step.reads))
        manifests = [document for document in found if isinstance(document, Manifest)]
        if not problems:
            problems = [
                *_unpublished(found),
                *self._changes(dataset, resume, manifests[0], contract),
            ]
        if problems:
            raise PermanentError(
                f"run {run_id} cannot go on at {resume.step.name}: {'; '.join(problems)};"
                f" resume it from the first step: slipway runs retry {run_id} --from {steps.FIRST.name}"
            )
        return manifests[0]

    def engine_asked_for(self, dataset: str, run_id: str) -> Engine | None:
        """The engine that somebody named for the run, which it keeps when it is resumed; None if its size decided."""
        found, _ = self._documents(dataset, run_id, (Manifest,))
        named = (each for each in found if isinstance(each, Manifest))
        return next((each.engine for each in named if each.engine_reason == ASKED_FOR), None)

    def _documents(
        self, dataset: str, run_id: str, kinds: Iterable[type[RunDocument]]
    ) -> tuple[list[RunDocument], list[str]]:
        """What the run wrote down, and a sentence on each document that cannot be used."""
        found, problems = list[RunDocument](), list[str]()
        for kind in kinds:
            try:
                found.append(
                    store.read(
                        self.s3, kind, bucket=self.processed_bucket, dataset=dataset, run_id=run_id
                    )
                )
            except PermanentError as error:
                problems.append(str(error))
        return found, problems

    def _changes(
        self, dataset: str, resume: Resume, manifest: Manifest, contract: Contract
    ) -> Iterator[str]:
        if manifest.contract_version != contract.version:
            yield f"it was begun under contract {manifest.contract_version}, which is {contract.version} now"
        if list(manifest.erased_subjects) != self.runs.erased_subjects(dataset):
            yield "a data subject was erased since"
        # What a retraction took out may have been loaded anew since, even if it had published.
        if resume.step.works_on == "branch" or manifest.retracted is not None:
            changed = [str(run["run_id"]) for run in self._ended_since(dataset, resume.run_id)]
            if changed:
                yield f"the tables were changed since by {', '.join(changed)}"

    def _ended_since(self, dataset: str, run_id: str) -> Iterator[Item]:
        """Runs of any mode that changed tables after the failed one began; a resumed one may have an older id."""
        every = self.runs.since(dataset, "")
        began = next(run["started_at"] for run in every if run["run_id"] == run_id)
        for run in every:
            if run["status"] in ("succeeded", "rolled_back") and run["ended_at"] > began:
                yield run


def _unpublished(found: Iterable[RunDocument]) -> Iterator[str]:
    """Only steps that work on what was published read the result of ProcessedToCurated."""
    if any(isinstance(document, CurateResult) and not document.published for document in found):
        yield f"its {steps.PROCESSED_TO_CURATED.name} ended without publishing"
