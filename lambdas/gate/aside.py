"""Takes the files that are too bad out of a batch, so that one partner's mistake does not stop a dataset overnight.

Only of a load: files of a backfill or replay are in the tables already, and what to do with those is for people. The
rest of the batch waits again and is loaded by a run that starts by itself (docs/reference/state_machines.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pipeline.ledger import FileLedger, timestamp
from pipeline.run_documents import LoadResult, Manifest


def set_aside(
    files: FileLedger,
    manifest: Manifest,
    result: LoadResult,
    bad: Mapping[str, str],
    *,
    now: datetime,
) -> list[str]:
    """Set the files in `bad` (hash: how bad) aside, with samples; a sentence per file that says so.

    Repeating it changes nothing.
    """
    dataset, run_id = manifest.dataset, manifest.run_id
    if manifest.mode != "load":
        return [f"- {how}" for how in bad.values()]
    samples = {file.sha256: file.samples or () for file in result.files}
    told = []
    for sha256, how in bad.items():
        reason = f"{how} in run {run_id}, more than the contract allows"
        moved = files.set_aside(
            dataset,
            sha256,
            held="claimed",
            reason=reason,
            moment=timestamp(now),
            run_id=run_id,
            samples=[sample.to_json() for sample in samples[sha256]],
        )
        state = (
            "was set aside"
            if moved
            else "could not be set aside, since this run does not hold it any more"
        )
        told.append(f"- {how}: the file {state} ({sha256})")
    return told
