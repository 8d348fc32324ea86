"""Runs and locks of marts, in the run ledger under the key `mart#<name>`, which no dataset has.

A mart's lock is its own: a mart waits for no dataset, and no dataset for a mart, so nobody can wait in a circle. Who
finds it taken notes on the lock itself that the mart is wanted again. Release removes lock and note in one call, so a
note is either handed over with the lock or was never written, and then its writer takes the lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.errors import PermanentError, RetryableError
from pipeline.ledger import items
from pipeline.ledger.entries import (
    LOCK_ENTRY,
    RUN_PREFIX,
    Item,
    RunStatus,
    new_run_id,
    run_entry,
    timestamp,
)

TRIES = 5  # to take a lock that changes hands meanwhile
LEASE_OVER = "the run did not end before its lease did; another run took the mart"


@dataclass(frozen=True, kw_only=True)
class MartLedger:
    """Lock and runs of one mart; `table` is the run ledger."""

    table: Any
    mart: str

    @property
    def key(self) -> str:
        """Partition key of everything of this mart."""
        return f"mart#{self.mart}"

    def take(
        self, execution: str, *, trigger: str, now: datetime, lease_seconds: int
    ) -> str | None:
        """The run under which the execution holds the mart; the same execution gets its own again.

        None while another holds it: that one then knows that the mart is wanted again. A lock whose lease is over
        belongs to a dead run, and changes hands. Raises RetryableError when others are faster each time.
        """
        for _ in range(TRIES):
            lock = items.get(self.table, self.key, LOCK_ENTRY)
            if lock and lock["execution_arn"] == execution:
                self._start(lock["run_id"], execution, trigger=trigger, now=now)
                return str(lock["run_id"])
            if lock and lock["expires_at"] > now.timestamp():
                if self._want_again(lock):
                    return None
            elif run_id := self._taken(execution, lock, now=now, lease_seconds=lease_seconds):
                if lock:
                    self.finish(
                        lock["run_id"],
                        "failed",
                        {"error": "LeaseExpired", "cause": LEASE_OVER},
                        now=now,
                    )
                self._start(run_id, execution, trigger=trigger, now=now)
                return run_id
        raise RetryableError(
            f"the lock of mart {self.mart!r} changed hands {TRIES} times; try again"
        )

    def release(self, run_id: str) -> bool:
        """Free the lock if this run holds it; whether the mart was wanted again meanwhile."""
        try:
            answer = self.table.delete_item(
                Key={"dataset": self.key, "entry": LOCK_ENTRY},
                ConditionExpression="run_id = :run",
                ExpressionAttributeValues={":run": run_id},
                ReturnValues="ALL_OLD",
            )
        except self.table.meta.client.exceptions.ConditionalCheckFailedException:
            return False
        return bool(answer["Attributes"].get("wanted_again"))

    def held_by(self, execution: str) -> str | None:
        """The run under which the execution holds the mart, or None."""
        lock = items.get(self.table, self.key, LOCK_ENTRY)
        return str(lock["run_id"]) if lock and lock["execution_arn"] == execution else None

    def finish(
        self, run_id: str, status: RunStatus, attributes: Mapping[str, Any], *, now: datetime
    ) -> bool:
        """running -> `status` with `attributes`; False when the run had ended before."""
        given = {"ended_at": timestamp(now), **attributes}
        names = {f"#{index}": name for index, name in enumerate(given)}
        values = {f":{index}": value for index, value in enumerate(given.values())}
        assignments = ", ".join(f"#{index} = :{index}" for index in range(len(given)))
        moved = items.update(
            self.table,
            self.key,
            run_entry(run_id),
            change=f"SET #status = :to, {assignments}",
            condition="#status = :from",
            values={":to": status, ":from": "running", **values},
            names=names,
        )
        return moved is not None

    def run(self, run_id: str) -> Item:
        """One run. Raises PermanentError for an unknown one."""
        found = items.get(self.table, self.key, run_entry(run_id))
        if found is None:
            raise PermanentError(f"mart {self.mart!r} has no run {run_id!r}")
        return found

    def note(self, run_id: str, *, served: Mapping[str, Any], shown: Mapping[str, str]) -> None:
        """What was served after a run that succeeded, and what each consumer shows now; again is harmless."""
        items.update(
            self.table,
            self.key,
            run_entry(run_id),
            change="SET served = :served, shown = :shown",
            condition="#status = :succeeded",
            values={":served": dict(served), ":shown": dict(shown), ":succeeded": "succeeded"},
        )

    def newest(self, number: int) -> list[Item]:
        """The last runs, the newest first."""
        answer = self.table.query(
            KeyConditionExpression="dataset = :mart AND begins_with(entry, :prefix)",
            ExpressionAttributeValues={":mart": self.key, ":prefix": RUN_PREFIX},
            ScanIndexForward=False,
            ConsistentRead=True,
            Limit=number,
        )
        return [dict(item) for item in answer["Items"]]

    def _want_again(self, lock: Item) -> bool:
        """Note it on this very lock; False when it was released meanwhile."""
        try:
            self.table.update_item(
                Key={"dataset": self.key, "entry": LOCK_ENTRY},
                UpdateExpression="SET wanted_again = :yes",
                ConditionExpression="run_id = :run",
                ExpressionAttributeValues={":yes": True, ":run": lock["run_id"]},
            )
        except self.table.meta.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _taken(
        self, execution: str, dead: Item | None, *, now: datetime, lease_seconds: int
    ) -> str | None:
        run_id = new_run_id(now)
        item = {
            "dataset": self.key,
            "entry": LOCK_ENTRY,
            "run_id": run_id,
            "execution_arn": execution,
            "expires_at": int(now.timestamp()) + lease_seconds,
        }
        # botocore repeats a call whose answer was lost, and must find its own lock.
        ours = "(run_id = :run AND execution_arn = :arn)"
        values = {":run": run_id, ":arn": execution}
        if dead is None:
            won = items.put(self.table, item, f"attribute_not_exists(entry) OR {ours}", values)
        else:
            values |= {":dead": dead["run_id"]}
            won = items.put(self.table, item, f"run_id = :dead OR {ours}", values)
        return run_id if won else None

    def _start(self, run_id: str, execution: str, *, trigger: str, now: datetime) -> None:
        """Write the run that begins, unless it is there already."""
        item = {
            "dataset": self.key,
            "entry": run_entry(run_id),
            "run_id": run_id,
            "status": "running",
            "trigger": trigger,
            "execution_arn": execution,
            "started_at": timestamp(now),
        }
        items.put(self.table, item, "attribute_not_exists(entry)")
