"""What becomes of runs that were rolled back, and of their files, in the ledgers; all of it may be repeated.

Entries are read many at once and then written one by one, and one that is as it shall be is not written again: so a
rollback of thousands of files comes further with each attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from contracts.errors import PermanentError, RetryableError
from pipeline.ledger import FileLedger, Item, RunLedger, file_entry, timestamp

LOOKS_AT_ONCE = 16
MOST_NAMED = 5  # of the files whose counts are not known; `slipway files show` tells it of each


@dataclass(frozen=True, kw_only=True)
class Undoing:
    """Undoes runs in the ledgers, as care has undone them in the tables."""

    files: FileLedger
    runs: RunLedger
    now: Callable[[], datetime]

    def undo(self, dataset: str, run_ids: Iterable[str], *, by_run: str) -> list[str]:
        """Undo what runs, newest first, made of their files, and mark each `rolled_back` by `by_run`, after its files.

        So a rollback that ends half way leaves the oldest run as one that can be rolled back again. Returns sentences
        on what became of the files. Raises PermanentError, with nothing written, for a run that did not succeed or
        that another one rolled back, and RetryableError when an entry changes meanwhile.
        """
        unknown: dict[str, Item] = {}
        undone = [self._to_undo(dataset, run_id, by_run) for run_id in run_ids]
        for run in undone:
            for entry in self._undone_files(dataset, run, by_run):
                unknown.pop(entry["sha256"], None)
                if entry["status"] == "loaded" and "run_id" not in entry:
                    unknown[entry["sha256"]] = entry
            self._mark(dataset, run["run_id"], by_run)
        return list(_sentences(undone, list(unknown)))

    def brought_files(self, dataset: str, run_ids: Iterable[str]) -> bool:
        """Whether a load is among the runs, so that files were set aside."""
        return any(
            run and run["mode"] == "load"
            for run in (self.runs.get(dataset, run_id) for run_id in run_ids)
        )

    def _to_undo(self, dataset: str, run_id: str, by_run: str) -> Item:
        """The run, which has succeeded, or was rolled back by an earlier attempt of `by_run`."""
        run = self.runs.get(dataset, run_id)
        if run is None or (run["status"] != "succeeded" and run.get("rolled_back_by") != by_run):
            status = run["status"] if run else "not in the ledger"
            raise PermanentError(
                f"run {run_id!r} of {dataset}, rolled back by {by_run}, is {status} in the ledger"
            )
        return run

    def _mark(self, dataset: str, run_id: str, by_run: str) -> None:
        if not self.runs.mark_rolled_back(
            dataset, run_id, by_run=by_run, moment=timestamp(self.now())
        ):
            raise RetryableError(f"run {run_id} of {dataset} changed while {by_run} undid it")

    def _undone_files(self, dataset: str, run: Item, by_run: str) -> Iterator[Item]:
        """The entries of a run's files as they are then; what an earlier attempt has undone stays as it is."""
        with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
            entries = list(
                pool.map(
                    lambda sha256: self.files.get(dataset, file_entry(sha256)), run["file_hashes"]
                )
            )
        for known in entries:
            if known is None:
                continue
            entry = self.files.undo(known, run, by_run=by_run, moment=timestamp(self.now()))
            if entry is None:
                raise RetryableError(
                    f"file {known['sha256']} of {dataset} changed while {by_run} undid its load"
                )
            # A duplicate of it that came meanwhile returns, if the file gives way again.
            self.files.let_return(entry)
            yield entry


def _sentences(undone: Sequence[Item], unknown: Sequence[str]) -> Iterator[str]:
    if undone:
        yield f"Rolled back: {', '.join(run['run_id'] for run in undone)}."
    modes = {run["mode"] for run in undone}
    if "load" in modes:
        yield "Files that a load brought are set aside."
    if modes & {"backfill", "replay"}:
        yield "Files of a backfill or replay stay loaded, with the counts of the load before it."
    if "retraction" in modes:
        yield "What a retraction took out is in the tables again, and its file is loaded."
    if unknown:
        named = ", ".join(unknown[:MOST_NAMED]) + (
            " and others" if len(unknown) > MOST_NAMED else ""
        )
        yield (
            f"Of {len(unknown)} files the ledger does not say what the load before made of them; their counts may be"
            f" those of a run that was rolled back: {named}."
        )
