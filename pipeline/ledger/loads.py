"""What each run made of a file: `loads` of its entry, in the order in which the runs closed over it.

A load that was rolled back or retracted stays in the list and says by which run. The last of the others stands:
`run_id` and the counts of the entry are its own. The order is that of closing, since a run that was resumed has an old
id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.ledger.entries import Item

COUNTS = ("rows_loaded", "rows_quarantined", "rows_deduplicated", "effect")
# An entry has 400 KB (DynamoDB quotas), of which these take 30: whoever lists the files of a dataset reads them all.
MOST_LOADS = 100

NEVER = "9999"  # after every time of an entry

Load = Mapping[str, Any]


def counts(load: Load) -> Item:
    """Its counts and its effect on the table, which an entry has under the same names."""
    return {name: load[name] for name in COUNTS if name in load}


def stands(load: Load) -> bool:
    """Whether it was neither rolled back nor retracted."""
    return "rolled_back_by" not in load and "retracted_by" not in load


def standing(loads: Sequence[Load]) -> Load | None:
    """The load whose rows are in the tables; None when none is known."""
    return next((load for load in reversed(loads) if stands(load)), None)


def replaced_since(entry: Item) -> str | None:
    """When the first of the files came that have taken the place of rows of a loaded file; None if all rows stand.

    Rows that were out of date as they were loaded gave way to a file that came after this one. A file
    that a backfill holds counts as it did before.
    """
    if entry["status"] not in ("loaded", "claimed"):
        return None
    came_late = entry["received_at"] if entry.get("effect", {}).get("outdated") else None
    since = entry.get("replaced_since", came_late)
    return None if since is None else str(since)


def may_lie_beneath(entry: Item, file: Item) -> bool:
    """Whether a loaded file, as far as its entry tells, may have had rows whose place the rows of `file` took.

    Such a file came before it, and gave way to it or to one that came between. Nothing tells of a file
    that was loaded before effects were recorded, so that it may. Where rows of `file` were out of date, newer
    rows may have values of it in columns that their own file lacks: every file that gave way may have theirs.
    """
    if entry["status"] != "loaded" or (entry["received_at"], entry["sha256"]) >= (
        file["received_at"],
        file["sha256"],
    ):
        return False
    gave_way = "effect" not in entry or bool(entry["effect"].get("outdated"))
    since = entry.get("replaced_since", NEVER)
    may_have_given_values = bool(file.get("effect", {}).get("outdated")) and since != NEVER
    return gave_way or may_have_given_values or since <= file["received_at"]


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


def last_retraction(entry: Item) -> Item:
    """Who had a retracted file retracted last, when and why, and by which run."""
    return dict(entry["retractions"][-1])


def retraction_by(entry: Item, run_id: str) -> Item | None:
    """The retraction of a file by a run; None if there is none, or it was rolled back."""
    known = entry.get("retractions", [])
    return next((each for each in known if each["run_id"] == run_id), None)


def is_closed_by(entry: Item, run_id: str) -> bool:
    """Whether a run has closed over the file: loaded it, or retracted it."""
    if entry["status"] == "retracted":
        return bool(last_retraction(entry)["run_id"] == run_id)
    return bool((entry["status"], entry.get("run_id")) == ("loaded", run_id))


def taken_out_at(entry: Item) -> str | None:
    """When the rows of a file that was set aside or retracted left the tables, or never came; None of any other."""
    match entry["status"]:
        case "set_aside":
            return str(entry["set_aside_at"])
        case "retracted":
            return str(last_retraction(entry)["at"])
    return None


def retracted(entry: Item, *, by_run: str) -> list[Item]:
    """The loads of a file once `by_run` has taken its rows out of the tables: none of them stands."""
    return [
        {**load, "retracted_by": by_run} if stands(load) else dict(load)
        for load in entry.get("loads", [])
    ]


def reinstated(entry: Item, *, by_run: str) -> list[Item]:
    """The loads of a file once the retraction by `by_run` was rolled back."""
    return [
        {name: value for name, value in load.items() if (name, value) != ("retracted_by", by_run)}
        for load in entry.get("loads", [])
    ]


def kept(loads: Sequence[Load]) -> list[Load]:
    """What an entry keeps after a load was added: one per run, which may close twice when it was resumed, and only so
    many; the oldest that does not stand goes first, since nothing goes back to it but a rollback of its retraction.
    """
    newest = loads[-1:]
    earlier = [load for load in loads[:-1] if load["run_id"] != loads[-1]["run_id"]]
    if len(earlier) >= MOST_LOADS:
        del earlier[next((place for place, load in enumerate(earlier) if not stands(load)), 0)]
    return [*earlier, *newest]
