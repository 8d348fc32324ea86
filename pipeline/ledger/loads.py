"""What each run made of a file: `loads` of its entry, in the order in which the runs closed over it.

A load that was rolled back stays in the list and says by which run. The last of the others stands: `run_id` and the
counts of the entry are its own. The order is that of closing, since a run that was resumed has an old id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.ledger.entries import Item

COUNTS = ("rows_loaded", "rows_quarantined", "rows_deduplicated", "effect")
# An entry has 400 KB (DynamoDB quotas), of which these take 30: whoever lists the files of a dataset reads them all.
MOST_LOADS = 100

Load = Mapping[str, Any]


def counts(load: Load) -> Item:
    """Its counts and its effect on the table, which an entry has under the same names."""
    return {name: load[name] for name in COUNTS if name in load}


def stands(load: Load) -> bool:
    """Whether it was not rolled back."""
    return "rolled_back_by" not in load


def standing(loads: Sequence[Load]) -> Load | None:
    """The load whose rows are in the tables; None when none is known."""
    return next((load for load in reversed(loads) if stands(load)), None)


def replaced_since(entry: Item) -> str | None:
    """When the first of the files came that have taken the place of rows of a loaded file; None if all rows stand.

    Rows that were out of date as they were loaded gave way to a file that came after this one.
    """
    if entry["status"] != "loaded":
        return None
    came_late = entry["received_at"] if entry.get("effect", {}).get("outdated") else None
    since = entry.get("replaced_since", came_late)
    return None if since is None else str(since)


def undone(entry: Item, run_id: str, *, by_run: str) -> list[Item]:
    """The loads of a loaded file when that of `run_id` was rolled back.

    An entry from before loads were kept tells of one, that of its `run_id`.
    """
    known = entry.get("loads")
    if known is None:
        known = [{"run_id": run_id, **counts(entry)}] if entry.get("run_id") == run_id else []
    return [
        {**load, "rolled_back_by": by_run} if load["run_id"] == run_id else dict(load)
        for load in known
    ]


def kept(loads: Sequence[Load]) -> list[Load]:
    """What an entry keeps after a load was added: one per run, which may close twice when it was resumed, and only so
    many; the oldest that was rolled back goes first, since nothing ever goes back to it.
    """
    newest = loads[-1:]
    earlier = [load for load in loads[:-1] if load["run_id"] != loads[-1]["run_id"]]
    if len(earlier) >= MOST_LOADS:
        del earlier[next((place for place, load in enumerate(earlier) if not stands(load)), 0)]
    return [*earlier, *newest]
