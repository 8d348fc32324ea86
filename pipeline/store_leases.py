"""Who needs a store awake: one item of leases per store, each with an owner and an end; and whether it is being put to
sleep.

Whoever closes a store says so first, under the condition that nothing has changed since no lease was seen. Whoever
opens one holds a lease first and then looks whether somebody closes it. So one of the two always sees the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from contracts.errors import RetryableError
from pipeline.ledger import items

ENTRY = "leases"
MOST_TRIES = 20  # of one change: each refusal means that somebody else made one


@dataclass(frozen=True, kw_only=True)
class Leases:
    """What is known of a store; moments are seconds since 1970. `version` grows with each change."""

    version: int
    ends: Mapping[str, int]
    closing_until: int

    def held_by(self, now: int) -> list[str]:
        """Owners whose lease has not ended."""
        return sorted(owner for owner, end in self.ends.items() if end > now)

    def is_closing(self, now: int) -> bool:
        """Whether somebody may still put the store to sleep, whatever else is known of it."""
        return self.closing_until > now


NOBODY = Leases(version=0, ends={}, closing_until=0)
Change = Callable[[Leases], Leases | None]
"""What to write in the place of what is there; None: nothing."""


@dataclass(frozen=True, kw_only=True)
class StoreLeases:
    """The leases of one store in a table with the keys of the run ledger."""

    table: Any
    store: str

    def now(self) -> Leases:
        """As they are at this moment (strongly consistent)."""
        found = items.get(self.table, self.store, ENTRY)
        if found is None:
            return NOBODY
        return Leases(
            version=int(found["version_number"]),
            ends={str(owner): int(end) for owner, end in found["ends"].items()},
            closing_until=int(found["closing_until"]),
        )

    def hold(self, owner: str, *, until: int) -> Leases:
        """Let `owner` have a lease until then; what is known afterwards. Again, it prolongs the lease."""
        return self._change(lambda seen: replace(seen, ends={**seen.ends, owner: until}))

    def release(self, owner: str) -> Leases:
        """Take the lease of `owner` away; what is known afterwards."""

        def without(seen: Leases) -> Leases | None:
            others = {each: end for each, end in seen.ends.items() if each != owner}
            return None if len(others) == len(seen.ends) else replace(seen, ends=others)

        return self._change(without)

    def close(self, now: int, *, until: int) -> Leases:
        """Say that the store is put to sleep until then, unless somebody holds it; what is known afterwards.

        Whoever did say so finds `closing_until` as given. Leases that have ended are forgotten.
        """

        def closed(seen: Leases) -> Leases | None:
            if seen.held_by(now):
                return None
            return replace(seen, ends={}, closing_until=max(until, seen.closing_until))

        return self._change(closed)

    def _change(self, change: Change) -> Leases:
        for _ in range(MOST_TRIES):
            seen = self.now()
            changed = change(seen)
            if changed is None:
                return seen
            changed = replace(changed, version=seen.version + 1)
            if self._put(changed, seen.version):
                return changed
        raise RetryableError(f"leases of {self.store} were changed {MOST_TRIES} times in a row")

    def _put(self, leases: Leases, seen: int) -> bool:
        item = {
            "dataset": self.store,
            "entry": ENTRY,
            "version_number": leases.version,
            "ends": dict(leases.ends),
            "closing_until": leases.closing_until,
        }
        if seen == NOBODY.version:
            return items.put(self.table, item, "attribute_not_exists(entry)")
        return items.put(self.table, item, "version_number = :seen", {":seen": seen})
