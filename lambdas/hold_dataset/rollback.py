"""Which runs a rollback undoes, and the snapshot that each table goes back to; a pure function of the run ledger.

Tables go back as wholes, so a run cannot be undone under later ones: those go with it, when the operator says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contracts.errors import PermanentError
from pipeline.ledger import Item
from pipeline.modes import works_on_files
from pipeline.run_documents import RollbackPlan


def plan(dataset: str, run_id: str, runs: Sequence[Item], *, with_later: bool) -> RollbackPlan:
    """The runs to undo, newest first, and the snapshot of each table before them.

    `runs` are all runs of the dataset. Later is what ended later: a resumed run has an old id and a late end. Only runs
    that loaded something count: maintenance changes no row, and a failed run published none.

    Raises PermanentError when the run did not succeed, when a person was erased since, when later runs would go with it
    and `with_later` is not set, or when a table was changed by something that no ended run tells of: a run that died
    while it published, whose rows are then in the snapshots before the next one.
    """
    wanted = next((run for run in runs if run["run_id"] == run_id), None)
    if wanted is None or wanted["status"] != "succeeded" or not works_on_files(wanted["mode"]):
        status = (
            f"a {wanted['mode']} that is {wanted['status']}" if wanted else "not in the run ledger"
        )
        raise PermanentError(
            f"run {run_id!r} of {dataset} is {status};"
            " only a load, backfill, replay or retraction that succeeded can be rolled back"
        )
    ended = (
        run
        for run in runs
        if run["status"] == "succeeded" and run["ended_at"] >= wanted["ended_at"]
    )
    since = sorted(ended, key=lambda run: str(run["ended_at"]))
    _refuse_erasures(dataset, run_id, since)
    undone = [run for run in since if works_on_files(run["mode"])]
    later = [str(run["run_id"]) for run in undone if run["run_id"] != run_id]
    if later and not with_later:
        raise PermanentError(
            f"{len(later)} later runs of {dataset} changed the same tables: {', '.join(later)}; to undo them too:"
            f" slipway runs rollback {run_id} --dataset {dataset} --with-later"
        )
    tables = _tables_before(undone)
    _refuse_unknown_changes(dataset, run_id, tables, _heads_before(runs, wanted))
    return RollbackPlan(runs=tuple(run["run_id"] for run in reversed(undone)), tables=tables)


def _refuse_erasures(dataset: str, run_id: str, since: Sequence[Item]) -> None:
    erasures = [str(run["run_id"]) for run in since if run["mode"] == "erasure"]
    if erasures:
        raise PermanentError(
            f"a person was erased from {dataset} by {', '.join(erasures)} since run {run_id}: the snapshots before"
            f" still hold that person's rows, or are gone; correct the data instead:"
            f" slipway backfill --dataset {dataset}"
        )


def _refuse_unknown_changes(
    dataset: str, run_id: str, tables: Mapping[str, int | None], heads: Mapping[str, int]
) -> None:
    strange = [table for table, before in tables.items() if before != heads.get(table)]
    if strange:
        raise PermanentError(
            f"before run {run_id} of {dataset}, {', '.join(strange)} had been changed by a run that did not end, so the"
            " snapshot before it holds rows of that run; load the data again instead:"
            f" slipway backfill --dataset {dataset}"
        )


def _heads_before(runs: Sequence[Item], wanted: Item) -> dict[str, int]:
    """The snapshot at which each table was left by what ended before the wanted run."""
    ended = (run for run in runs if run["status"] in ("succeeded", "rolled_back"))
    earlier = sorted(
        (run for run in ended if run["ended_at"] < wanted["ended_at"]),
        key=lambda run: str(run["ended_at"]),
    )
    heads: dict[str, int] = {}
    for run in earlier:
        left = {table: pair["after"] for table, pair in run.get("snapshots", {}).items()}
        left |= {change["table"]: change["after"] for change in run.get("care", ())}
        heads |= {table: int(after) for table, after in left.items() if after is not None}
    return heads


def _tables_before(runs: Sequence[Item]) -> dict[str, int | None]:
    """For each table, what it was before the first of `runs` that changed it."""
    tables: dict[str, int | None] = {}
    for run in runs:
        for table, pair in run["snapshots"].items():
            before = pair["before"]
            tables.setdefault(table, None if before is None else int(before))
    return tables
