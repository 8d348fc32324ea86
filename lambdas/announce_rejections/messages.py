"""What people are told of rejected files: how many and why, the first in full, what is untouched, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline import alerts
from pipeline.bursts import Burst
from pipeline.ledger import UNKNOWN_DATASET, Item

NEXT_STEP = {
    "not_in_contract": "Ask the partner to upload to an agreed folder, or add a contract for this folder.",
    "invalid_name": "Ask the partner to rename the file and upload it again.",
    "empty_file": "Ask the partner to upload the file again, with its content.",
    "no_rows": "If a day without rows is normal, nothing; otherwise ask the partner for the complete file.",
    "header_mismatch": "Ask the partner for the agreed columns, or change the contract and upload the file again.",
    "replay_origin": "Send it again with: slipway quarantine replay FILE --origin SHA",
    "too_large": "Ask the partner to split the file, or raise maxBytes in the contract and upload it again.",
}
OTHER_NEXT_STEP = "Ask the partner to correct the file and upload it again."
UNTOUCHED = "Not touched: everything that was loaded before, and every other file."


def subject(environment: str, dataset: str, burst: Burst, files: Sequence[Item]) -> str:
    """One line: the file and its reason when it is one, how many there are otherwise."""
    if burst.size == 1:
        what = f"1 file rejected: {files[0]['file_name']} ({files[0]['reason']})"
    else:
        what = f"{burst.size} files rejected ({_reasons(burst)})"
    return alerts.subject("warning", environment, dataset, what)


def body(dataset: str, burst: Burst, files: Sequence[Item]) -> str:
    """The whole message; `files` are the first of the burst."""
    more = burst.size - len(files)
    lines = [
        f"{_files(dataset, burst.size)} loaded: {_reasons(burst)}.",
        UNTOUCHED,
        f"Next: {next_command(dataset)}",
    ]
    for item in files:
        lines += ["", *_described(item)]
    return "\n".join([*lines, *(["", f"... and {more} more; the command above shows all."] if more else [])])


def next_command(dataset: str) -> str:
    """What shows every rejected file; those of no dataset are in the list of each."""
    everything = "slipway files list --status rejected"
    return everything if dataset == UNKNOWN_DATASET else f"{everything} --dataset {dataset}"


def in_order(item: Item) -> tuple[str, str]:
    """As the files arrived."""
    return str(item["received_at"]), str(item["landing_key"])


def _files(dataset: str, number: int) -> str:
    if number == 1:
        return f"1 file of {dataset} was rejected and nothing of it was"
    return f"{number} files of {dataset} were rejected and nothing of them was"


def _reasons(burst: Burst) -> str:
    """Each with its number, the most frequent first."""
    return ", ".join(f"{number} {reason}" for reason, number in burst.counts.items())


def _described(item: Item) -> Iterator[str]:
    yield str(item["file_name"])
    yield f"  Uploaded: {item['landing_key']} at {item['received_at']}, {item['size_bytes']} bytes"
    yield f"  Reason:   {item['reason']}: {item['detail']}"
    yield f"  Now at:   s3://{item['landing_bucket']}/{item['rejected_key']} (reason next to it: .reason.json)"
    yield f"  Do:       {NEXT_STEP.get(item['reason'], OTHER_NEXT_STEP)}"
