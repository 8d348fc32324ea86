"""The tables of the dataset as far as the ledgers care: which run's rows of which file are published.

Branches and publishing are as rows/table_operations.py promises them: a new branch drops those that other runs left,
and a branch is published only onto the state that it was made from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from contracts.errors import RetryableError

Rows = Mapping[str, str]  # the run whose rows of a file are in the table, by the file's hash


@dataclass
class Lake:
    """Snapshots by number, the one that is published (None: no rows yet), and the branch of each run."""

    snapshots: dict[int, Rows] = field(default_factory=dict)
    parents: dict[int, int | None] = field(default_factory=dict)
    head: int | None = None
    branches: dict[str, tuple[int | None, int]] = field(default_factory=dict)

    def rows(self) -> Rows:
        """What readers see."""
        return {} if self.head is None else self.snapshots[self.head]

    def write_aside(
        self, run_id: str, hashes: list[str], taken_out: list[str]
    ) -> tuple[int | None, int]:
        """A branch of the published state with a run's files, without those that it takes out: the snapshot before,
        and the new one.
        """
        number = len(self.snapshots) + 1
        rows = {**self.rows(), **dict.fromkeys(hashes, run_id)}
        self.snapshots[number] = {
            sha256: run for sha256, run in rows.items() if sha256 not in taken_out
        }
        self.parents[number] = self.head
        self.branches = {run_id: (self.head, number)}
        return self.branches[run_id]

    def publish(self, run_id: str, snapshot: int) -> None:
        """Raises RetryableError when the branch is gone unpublished, or somebody else changed the table."""
        if snapshot in self._ancestors():
            return
        before, number = self.branches.get(run_id, (None, 0))
        if number != snapshot or before != self.head:
            raise RetryableError(f"the branch of {run_id} is gone, or the table changed meanwhile")
        self.head = snapshot
        del self.branches[run_id]

    def roll_back(self, snapshot: int | None) -> None:
        """The state before."""
        if snapshot is not None and snapshot not in self._ancestors():
            raise RetryableError(f"snapshot {snapshot} is no longer kept")
        self.branches = {}
        self.head = snapshot

    def _ancestors(self) -> list[int]:
        known, number = list[int](), self.head
        while number is not None:
            known.append(number)
            number = self.parents[number]
        return known
