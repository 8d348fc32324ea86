"""Wakes the instance of the internal database for a run, and puts it to sleep when no run needs it.

A store is stopped only while it is `available`, no lease is held, and everybody can see that it is being closed. This
function ends long before that closing does, so no stop comes after it; and nobody writes to a store that may be closed.
A run that was killed leaves its lease, which ends by itself; a sweep on a schedule stops what it left, and what AWS
started after seven days. Source: RDS user guide, "Stopping an Amazon RDS DB instance temporarily".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from contracts.errors import PermanentError, StoreAsleep
from pipeline.store_leases import StoreLeases

STORE = "store:database"
# More than write_back.asl.json may take, and the function that it leaves behind.
LEASE_SECONDS = 2 * 60 * 60
CLOSING_SECONDS = 150  # more than the time limit of this function and what clocks may differ by
# A start takes "from minutes to hours" (same source); a run waits no longer than this.
WAKE_SECONDS = 30 * 60
AVAILABLE, STOPPED = "available", "stopped"
ON_THE_WAY = ("starting", "stopping")
COSTS_STORAGE_ONLY = (STOPPED, "stopping")
# Only a person can help. Source: RDS user guide, "Viewing Amazon RDS DB instance status".
BROKEN = (
    *("failed", "inaccessible-encryption-credentials", "incompatible-network", "restore-error"),
    *("incompatible-option-group", "incompatible-parameters", "incompatible-restore", "deleting"),
    *("inaccessible-encryption-credentials-recoverable", "storage-full"),
)


class Instance(Protocol):
    """An instance of RDS."""

    @property
    def name(self) -> str:
        """Its identifier."""

    def status(self) -> str:
        """As RDS calls it."""

    def start(self) -> None:
        """Start it; nothing happens if RDS says that it is in no state to be started."""

    def stop(self) -> None:
        """Stop it, in one attempt; nothing happens if RDS says that it is in no state to be stopped."""


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """Whether the store may be written to now."""

    is_awake: bool
    status: str


@dataclass(frozen=True, kw_only=True)
class Rested:
    """Whether the store was told to stop; if not, who holds it (if anybody) and how it is."""

    is_stopped: bool
    held_by: tuple[str, ...]
    status: str

    @property
    def is_awake_for_nobody(self) -> bool:
        """Whether it costs by the hour although nobody holds it; `is_stopped` then says that this is about to end."""
        return not self.held_by and (self.is_stopped or self.status not in COSTS_STORAGE_ONLY)


@dataclass(frozen=True, kw_only=True)
class RestDatabase:
    """The three things that may be asked of it; `clock` gives seconds since 1970."""

    leases: StoreLeases
    instance: Instance
    clock: Callable[[], float]

    def resume(self, owner: str, *, since: float) -> Resumed:
        """Hold the store for `owner`, who asks since then, and look whether it is awake; ask again until it is.

        Raises StoreAsleep after WAKE_SECONDS, PermanentError in a state from which it will not wake up.
        """
        now = int(self.clock())
        leases = self.leases.hold(owner, until=now + LEASE_SECONDS)
        resumed = self._closing() if leases.is_closing(now) else self._woken()
        if not resumed.is_awake and now - since > WAKE_SECONDS:
            raise StoreAsleep(
                f"the database {self.instance.name} did not wake up within {WAKE_SECONDS // 60} minutes: it is"
                f" {resumed.status!r}"
            )
        return resumed

    def pause(self, owner: str) -> Rested:
        """Give the lease of `owner` back; stop the store if nobody else holds one."""
        self.leases.release(owner)
        return self.sweep()

    def sweep(self) -> Rested:
        """Stop the store if it is awake and nobody holds it."""
        status = self.instance.status()
        now = int(self.clock())
        if status != AVAILABLE:
            held = self.leases.now().held_by(now)
            return Rested(is_stopped=False, held_by=tuple(held), status=status)
        leases = self.leases.close(now, until=now + CLOSING_SECONDS)
        if held := leases.held_by(now):
            return Rested(is_stopped=False, held_by=tuple(held), status=status)
        self.instance.stop()
        return Rested(is_stopped=True, held_by=(), status=status)

    @staticmethod
    def _closing() -> Resumed:
        return Resumed(is_awake=False, status="stopping")

    def _woken(self) -> Resumed:
        status = self.instance.status()
        if status in BROKEN:
            raise PermanentError(
                f"the database {self.instance.name} is {status!r}, from which it does not wake up by itself; see its"
                " events in the console of RDS, then retry the run"
            )
        if status == STOPPED:
            self.instance.start()
            return Resumed(is_awake=False, status="starting")
        return Resumed(is_awake=status not in ON_THE_WAY, status=status)
