"""What people are told of rejected files: how many and why, the first in full, what is untouched, what to do."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Literal

from pipeline import alerts
from pipeline.bursts import Burst
from pipeline.ledger import UNKNOWN_DATASET, Item

NEXT_STEP = {
    "not_in_contract": "Ask the partner to upload to an agreed folder, or add a contract for this folder.",
    "partner_not_in_contract": "Ask the partner what it was meant for, or add it to partners in the contract.",
    "invalid_name": "Ask the partner to rename the file and upload it again.",
    "empty_file": "Ask the partner to upload the file again, with its content.",
    "no_rows": "If a day without rows is normal, nothing; otherwise ask the partner for the complete file.",
    "header_mismatch": "Ask the partner for the agreed columns, or change the contract and upload the file again.",
    "replay_origin": "Send it again with: slipway quarantine replay FILE --origin SHA",
    "source_count": "Fetch it again with: slipway source run NAME --since 2026-11-01T00:00:00Z",
    "too_large": "Ask the partner to split the file, or raise maxBytes in the contract and upload it again.",
}
SHOW = {
    "rejected": "slipway files list --status rejected",
    "incomplete": "slipway files list --status incomplete",
}
TRANSFER_STEPS = {
    "transfer_ended_early": "Ask the partner to upload the file again: the whole one replaces it. To load it as it is:",
    "checksum_missing": "Ask the partner to send the checksum; the file is then taken. To load it as it is:",
    "checksum_differs": "Ask the partner to upload file and checksum again: what fits is taken. To load it as it is:",
    "transfer_unconfirmed": "Ask the partner whether the file is whole; if not, to upload it again. If it is whole:",
}
OTHER_NEXT_STEP = "Ask the partner to correct the file and upload it again."
UNTOUCHED = "Not touched: everything that was loaded before, and every other file."


def subject(environment: str, dataset: str, burst: Burst, files: Sequence[Item]) -> str:
    """One line: the file and its reason when it is one, how many there are otherwise."""
    became = "set aside" if _is_of_transfers(burst) else "rejected"
    if burst.size == 1:
        what = f"1 file {became}: {files[0]['file_name']} ({files[0]['reason']})"
    else:
        what = f"{burst.size} files {became} ({_reasons(burst)})"
    return alerts.subject("warning", environment, dataset, what)


def body(dataset: str, burst: Burst, files: Sequence[Item]) -> str:
    """The whole message; `files` are the first of the burst."""
    more = burst.size - len(files)
    lines = [
        f"{_files(dataset, burst)} loaded: {_reasons(burst)}.",
        UNTOUCHED,
        f"Next: {next_command(dataset, 'incomplete' if _is_of_transfers(burst) else 'rejected')}",
    ]
    for item in files:
        lines += ["", *_described(item)]
    return "\n".join(
        [*lines, *(["", f"... and {more} more; the command above shows all."] if more else [])]
    )


def next_command(dataset: str, status: Literal["rejected", "incomplete"]) -> str:
    """What shows every such file; those of no dataset are in the list of each."""
    everything = SHOW[status]
    return everything if dataset == UNKNOWN_DATASET else f"{everything} --dataset {dataset}"


def in_order(item: Item) -> tuple[str, str]:
    """As the files arrived."""
    return str(item["received_at"]), str(item["landing_key"])


def _files(dataset: str, burst: Burst) -> str:
    became = "set aside" if _is_of_transfers(burst) else "rejected"
    if burst.size == 1:
        return f"1 file of {dataset} was {became} and nothing of it was"
    return f"{burst.size} files of {dataset} were {became} and nothing of them was"


def _is_of_transfers(burst: Burst) -> bool:
    """Whether all of them are objects whose upload is not known to be complete."""
    return set(burst.counts) <= set(TRANSFER_STEPS)


def _reasons(burst: Burst) -> str:
    """Each with its number, the most frequent first."""
    return ", ".join(f"{number} {reason}" for reason, number in burst.counts.items())


def _described(item: Item) -> Iterator[str]:
    yield str(item["file_name"])
    yield f"  Uploaded: {item['landing_key']} at {item['received_at']}, {item['size_bytes']} bytes"
    yield f"  Reason:   {item['reason']}: {item['detail']}"
    if item["reason"] in TRANSFER_STEPS:
        yield f"  Still at: s3://{item['landing_bucket']}/{item['landing_key']}"
        yield f"  Do:       {TRANSFER_STEPS[item['reason']]} slipway files accept {shlex.quote(item['landing_key'])}"
        return
    yield f"  Now at:   s3://{item['landing_bucket']}/{item['rejected_key']} (reason next to it: .reason.json)"
    yield f"  Do:       {NEXT_STEP.get(item['reason'], OTHER_NEXT_STEP)}"
