"""Old versions of an Iceberg table leave, and with them the files that no other version names.

pyiceberg takes snapshots off the table and leaves their files. They are found by what the snapshots name, before these
leave, and not by a listing: nothing can be removed that was not the table's own. Whoever is killed in between leaves
files behind that nobody removes; their number is bounded by that of such kills.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from pyiceberg.table import Table as IcebergTable
from pyiceberg.table.snapshots import Snapshot

from duckdb_jobs.tables import drafts
from rows.iceberg import MAIN


def expire(loaded: IcebergTable, older_than: datetime, least: int) -> int:
    """Remove snapshots from before a moment, but neither the newest `least` published ones nor the head of a branch.

    The number of snapshots that left. Nobody else may write to the table meanwhile.
    """
    leaving = set(_leaving(loaded, int(older_than.timestamp() * 1000), least))
    if not leaving:
        return 0
    every = loaded.metadata.snapshots
    named = _files(loaded, (each for each in every if each.snapshot_id in leaving))
    kept = _files(loaded, (each for each in every if each.snapshot_id not in leaving))
    loaded.maintenance.expire_snapshots().by_ids(sorted(leaving)).commit()
    for location in sorted(named - kept):
        loaded.io.delete(location)
    return len(leaving)


def _leaving(loaded: IcebergTable, before_millis: int, least: int) -> Iterator[int]:
    newest = drafts.ancestry(loaded, drafts.head(loaded, MAIN))[:least]
    stay = {each.snapshot_id for each in newest}
    stay |= {ref.snapshot_id for ref in loaded.refs().values()}
    for snapshot in loaded.metadata.snapshots:
        if snapshot.timestamp_ms < before_millis and snapshot.snapshot_id not in stay:
            yield snapshot.snapshot_id


def _files(loaded: IcebergTable, snapshots: Iterable[Snapshot]) -> set[str]:
    """Lists, manifests and data files of the snapshots."""
    found: set[str] = set()
    for snapshot in snapshots:
        found.add(snapshot.manifest_list)
        for manifest in snapshot.manifests(loaded.io):
            if manifest.manifest_path not in found:
                found.add(manifest.manifest_path)
                entries = manifest.fetch_manifest_entry(loaded.io, discard_deleted=True)
                found |= {entry.data_file.file_path for entry in entries}
    return found
