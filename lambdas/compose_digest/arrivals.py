"""What people are told of files that were taken: how many of whom, the first by name, and where to follow them."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline import alerts
from pipeline.bursts import Burst
from pipeline.ledger import Item


def subject(environment: str, dataset: str, burst: Burst, files: Sequence[Item]) -> str:
    """One line: the file and its partner when it is one, how many there are otherwise."""
    if burst.size == 1:
        what = f"1 file arrived: {files[0]['file_name']} ({_partners(burst)})"
    else:
        what = f"{burst.size} files arrived ({_partners(burst)})"
    return alerts.subject("info", environment, dataset, what)


def body(dataset: str, burst: Burst, files: Sequence[Item]) -> str:
    """The whole message; `files` are the first of the burst."""
    more = burst.size - len(files)
    lines = [
        f"{alerts.counted(burst.size, 'file')} of {dataset} arrived and will be loaded: {_partners(burst)}.",
        "A run takes them; its own message says what was loaded.",
        f"Next: nothing. To follow them: slipway files list --dataset {dataset}",
        "",
        *(
            f"{item['file_name']}: {item['landing_key']} at {item['received_at']}, {item['size_bytes']} bytes"
            for item in files
        ),
    ]
    return "\n".join([*lines, *([f"... and {more} more"] if more else [])])


def _partners(burst: Burst) -> str:
    """Each with its number of files, the most first."""
    return ", ".join(f"{number} of {partner}" for partner, number in burst.counts.items())
