"""Closes the burst, then reads the ledger entries of the files that are described. Repeated, it says the same.

A burst is of files that were rejected, or of files that were taken (`arrived`).
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.errors import PermanentError
from lambdas.compose_digest import arrivals, messages
from pipeline import alerts
from pipeline.alerts import arrivals_of, facts, rejections_of
from pipeline.bursts import Burst, Bursts
from pipeline.ledger import FileLedger, Item
from pipeline.logs import Log


@dataclass(frozen=True, kw_only=True)
class Digest:
    """One message about all files of a burst."""

    subject: str
    body: str
    attributes: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class ComposeDigest:
    """Composes digests."""

    environment: str
    files: FileLedger
    bursts: Bursts

    def compose(self, digest: alerts.Digest, dataset: str, burst_id: str) -> Digest:
        """What people are told. Raises PermanentError for a burst that no file joined."""
        about = rejections_of(dataset) if digest == "rejected" else arrivals_of(dataset)
        burst = self.bursts.close(about, burst_id)
        if burst is None:
            raise PermanentError(
                f"burst {burst_id!r} of {dataset!r} has no file; `slipway files list` shows what came"
            )
        files = sorted(
            (self._entry(dataset, entry) for entry in burst.shown), key=messages.in_order
        )
        Log({"dataset": dataset}).info(f"{digest} files told", burst=burst_id, files=burst.size)
        return (
            self._of_rejections(dataset, burst, files)
            if digest == "rejected"
            else self._of_arrivals(dataset, burst, files)
        )

    def _of_arrivals(self, dataset: str, burst: Burst, files: list[Item]) -> Digest:
        return Digest(
            subject=arrivals.subject(self.environment, dataset, burst, files),
            body=arrivals.body(dataset, burst, files),
            attributes=facts(
                kind="arrival", severity="info", environment=self.environment, dataset=dataset
            ),
        )

    def _of_rejections(self, dataset: str, burst: Burst, files: list[Item]) -> Digest:
        return Digest(
            subject=messages.subject(self.environment, dataset, burst, files),
            body=messages.body(dataset, burst, files),
            attributes=facts(
                kind="rejection", severity="warning", environment=self.environment, dataset=dataset
            ),
        )

    def _entry(self, dataset: str, entry: str) -> Item:
        """Its ledger entry, which intake wrote before the file joined a burst."""
        found = self.files.get(dataset, entry)
        if found is None:
            raise PermanentError(
                f"{entry!r} of {dataset!r} is in a burst but not in the file ledger"
            )
        return found
