"""Branches and commits of Iceberg tables: what pyiceberg leaves to its callers.

It refuses a branch on a table without a snapshot, so an empty one is staged first, as Spark makes it. It moves `main`
to any snapshot, so ancestry is looked at here. It makes a branch anew when somebody dropped it, so the parent of every
new snapshot is compared with the head that the writer knew.
Source: pyiceberg 0.12, table/update/snapshot.py, _SnapshotProducer._refresh_for_retry and ManageSnapshots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyiceberg.manifest import DataFile
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.table.update.snapshot import ManageSnapshots

from contracts.errors import PermanentError, RetryableError
from rows.iceberg import MAIN, RUN_BRANCHES

AGAIN = "run the whole batch again"


def head(loaded: IcebergTable, branch: str) -> int | None:
    """The snapshot at the head of a branch; None when there is no such branch."""
    ref = loaded.refs().get(branch)
    return ref.snapshot_id if ref else None


def ancestry(loaded: IcebergTable, version: int | None) -> list[Snapshot]:
    """The snapshot and those it was built on, newest first, as far back as they are kept."""
    found: list[Snapshot] = []
    while version is not None and (snapshot := loaded.snapshot_by_id(version)) is not None:
        found.append(snapshot)
        version = snapshot.parent_snapshot_id
    return found


def is_published(loaded: IcebergTable, version: int) -> bool:
    """Whether `main` is this snapshot or was built on it."""
    return any(s.snapshot_id == version for s in ancestry(loaded, head(loaded, MAIN)))


def open_draft(loaded: IcebergTable, draft: str) -> tuple[int | None, int]:
    """Begin the draft anew at `main` and drop all others; the head of `main`, and where the draft begins."""
    published = head(loaded, MAIN)
    start = published if published is not None else _empty_snapshot(loaded)
    with loaded.transaction() as transaction:
        change = ManageSnapshots(transaction)
        for name in loaded.refs():
            if name.startswith(RUN_BRANCHES) and name != draft:
                change.remove_branch(name)
        change.create_branch(start, draft)
        change.commit()
    return published, start


def commit(
    loaded: IcebergTable,
    branch: str,
    *,
    added: Sequence[DataFile],
    removed: Sequence[DataFile] = (),
    properties: Mapping[str, str],
) -> int:
    """One snapshot on the branch, which takes files in and off the list; its id.

    Raises RetryableError when the branch is no longer where `loaded` has it.
    """
    expected = head(loaded, branch)
    with loaded.transaction() as transaction:
        update = transaction.update_snapshot(branch=branch, snapshot_properties=dict(properties))
        producer = update.overwrite() if removed or properties else update.merge_append()
        for file in removed:
            producer.delete_data_file(file)
        for file in added:
            producer.append_data_file(file)
        producer.commit()
    made = loaded.snapshot_by_id(producer.snapshot_id)
    if made is None or made.parent_snapshot_id != expected:
        raise RetryableError(
            f"{'.'.join(loaded.name())}: a snapshot was written to branch {branch!r} on top of "
            f"{made.parent_snapshot_id if made else None}, not of {expected}: another attempt writes there; {AGAIN}"
        )
    return made.snapshot_id


def publish(loaded: IcebergTable, draft: str, version: int) -> None:
    """Move `main` forward to the head of the draft and drop the draft, in one commit.

    Raises RetryableError when `main` is not an ancestor of it, or moves meanwhile.
    """
    published = head(loaded, MAIN)
    known = [snapshot.snapshot_id for snapshot in ancestry(loaded, version)]
    if published is not None and published not in known:
        raise RetryableError(
            f"{'.'.join(loaded.name())}: {MAIN} cannot be moved forward to snapshot {version} of branch {draft!r}, "
            f"most likely because maintenance changed the table in the meantime; {AGAIN}"
        )
    with loaded.transaction() as transaction:
        change = ManageSnapshots(transaction)
        if published != version:
            change.set_current_snapshot(snapshot_id=version)
        change.remove_branch(draft)
        change.commit()


def roll_back(loaded: IcebergTable, version: int) -> None:
    """Move `main` back to a snapshot that it was built on. Raises PermanentError when it was not."""
    if not is_published(loaded, version):
        raise PermanentError(
            f"{'.'.join(loaded.name())}: {MAIN} was not built on snapshot {version}, so it cannot go back to it"
        )
    if head(loaded, MAIN) == version:
        return
    with loaded.transaction() as transaction:
        change = ManageSnapshots(transaction)
        change.set_current_snapshot(snapshot_id=version)
        change.commit()


def _empty_snapshot(loaded: IcebergTable) -> int:
    """A snapshot without rows and without a parent: one that is there, or a new one, which no branch has yet."""
    for snapshot in loaded.metadata.snapshots:
        summary = snapshot.summary.additional_properties if snapshot.summary else {}
        if snapshot.parent_snapshot_id is None and summary.get("total-records", "0") == "0":
            return snapshot.snapshot_id
    with loaded.transaction() as transaction:
        producer = transaction.update_snapshot(branch=None).fast_append()
        producer.commit()
    return producer.snapshot_id
