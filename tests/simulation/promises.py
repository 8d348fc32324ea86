"""The promises of docs/guarantees.md: some are looked at after every write, the others once nothing moves any more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pipeline.alerts import failure_name, success_name
from pipeline.ledger import (
    DUPLICATE_PREFIX,
    duplicate_entry,
    incomplete_entry,
    loads,
    rejected_entry,
)
from tests.simulation.deployment import DATASET, Deployment
from tests.simulation.lake import Rows
from tests.simulation.machines import Machines, kin_of
from tests.simulation.services import Execution
from tests.simulation.world import BrokenPromise

Item = dict[str, Any]
MOVES = {
    "registering": {"registering", "waiting"},
    "waiting": {"waiting", "claimed", "set_aside", "loaded"},
    "claimed": {"claimed", "waiting", "loaded", "set_aside", "retracted"},
    "loaded": {"loaded", "claimed", "set_aside"},
    "set_aside": {"set_aside", "waiting", "loaded"},
    "retracted": {"retracted", "waiting", "loaded"},
}
RUN_MOVES = {
    "running": {"running", "succeeded", "failed"},
    "failed": {"running"},
    "succeeded": {"rolled_back"},
    "rolled_back": {"rolled_back"},
}
ENDED_BADLY = ("FAILED", "ABORTED")


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One upload, whose event comes at least once."""

    key: str
    sequencer: str
    version_id: str
    sha256: str


@dataclass
class Promises:
    """Watches one schedule."""

    deployment: Deployment
    machines: Machines
    deliveries: list[Delivery] = field(default_factory=list)
    leases: dict[str, float] = field(default_factory=dict)
    waits_since: dict[str, float] = field(default_factory=dict)
    released_by_hand: set[str] = field(default_factory=set)
    failure_told_at: float = -1.0
    """When the lock of a failed run was freed last: what came to wait since then finds it free."""

    def __post_init__(self) -> None:
        self.deployment.file_table.watch = self._file_moved
        self.deployment.run_table.watch = self._run_moved

    def _holds(self, run_id: str) -> bool:
        """Whether its execution was told that it holds the dataset, is at work, and its lease is not over."""
        return run_id in self.machines.at_work and self.leases[run_id] > self._clock()

    def _clock(self) -> float:
        return self.deployment.world.moment().timestamp()

    def _file_moved(self, before: Item | None, after: Item | None) -> None:
        if after is None or not after["entry"].startswith("file#"):
            return
        name = after["file_name"]
        if after["status"] == "waiting":
            self._waits(before or {}, after["sha256"])
        if before is None:
            return
        if after["status"] not in MOVES[before["status"]]:
            raise BrokenPromise(f"{name} went from {before['status']} to {after['status']}")
        if before["status"] == "claimed":
            self._left_a_run(before, after)
        if after["status"] == "loaded" and before["status"] in ("waiting", "set_aside"):
            self._was_reinstated(before, after)
        if after["status"] == "loaded":
            self._is_counted_as_loaded(after)

    def _was_reinstated(self, before: Item, after: Item) -> None:
        """Nothing that is in no run's hands becomes loaded but by the rollback of its retraction."""
        if len(after.get("retractions", [])) >= len(before.get("retractions", [])):
            raise BrokenPromise(f"{after['file_name']} went from {before['status']} to loaded")

    def _waits(self, before: Item, sha256: str) -> None:
        """Since when; what a stopped execution had claims of has waited all along, and people were told of it."""
        run = self.deployment.run_items().get(before.get("run_id", ""), {})
        if before.get("status") != "waiting" and not self._was_stopped(
            run.get("execution_arn", "")
        ):
            self.waits_since[sha256] = self.deployment.world.now

    def _left_a_run(self, before: Item, after: Item) -> None:
        run_id, name = before["run_id"], after["file_name"]
        added = after.get("loads", [])[len(before.get("loads", [])) :]
        if after["status"] == "claimed" and after["run_id"] != run_id:
            raise BrokenPromise(f"{name} is claimed by {run_id} and by {after['run_id']}")
        if any(load["run_id"] != run_id for load in added):
            raise BrokenPromise(f"{name} is claimed by {run_id}, and {added} was closed over it")
        if after["status"] == "retracted":
            if loads.last_retraction(after)["run_id"] != run_id:
                raise BrokenPromise(f"{name} is claimed by {run_id}, and another run retracted it")
        elif after["status"] != "claimed" and not added and self._holds(run_id):
            raise BrokenPromise(
                f"{name} was taken from {run_id}, which is at work: it is {after['status']}"
            )

    def _is_counted_as_loaded(self, item: Item) -> None:
        """Its run and its counts are those of the load that stands."""
        standing = loads.standing(item.get("loads", []))
        if standing is None:
            raise BrokenPromise(f"{item['file_name']} is loaded, and no load of it stands")
        if item.get("run_id") != standing["run_id"] or loads.counts(item) != loads.counts(standing):
            raise BrokenPromise(
                f"{item['file_name']} does not say what its standing load {standing} says: {item}"
            )
        counted = self.machines.counts[standing["run_id"], item["sha256"]]
        if loads.counts(standing) != counted:
            raise BrokenPromise(
                f"{item['file_name']}: {standing['run_id']} counted {counted}, not {standing}"
            )

    def _run_moved(self, before: Item | None, after: Item | None) -> None:
        entry = (after or before or {})["entry"]
        if entry == "claim":
            self._lock_moved(before, after)
        elif before is not None and after is not None and "status" in after:
            self._status_moved(before, after)

    def _lock_moved(self, before: Item | None, after: Item | None) -> None:
        if after is not None:
            self.leases[after["run_id"]] = float(after["expires_at"])
        if before is None or (after is not None and after["run_id"] == before["run_id"]):
            return
        if self._has_failed(before["run_id"]):
            self.failure_told_at = self.deployment.world.now
        if after is not None and before["expires_at"] > self._clock():
            raise BrokenPromise(
                f"{after['run_id']} took the lock of {before['run_id']}, whose lease is not over"
            )
        if (
            self._holds(before["run_id"])
            and self.deployment.run_items()[before["run_id"]]["status"] == "running"
        ):
            raise BrokenPromise(f"the lock was freed while {before['run_id']} is at work")

    def _has_failed(self, run_id: str) -> bool:
        run = self.deployment.run_items().get(run_id)
        return run is None or run["status"] != "succeeded"

    def _status_moved(self, before: Item, after: Item) -> None:
        run_id, old, new = after["run_id"], before["status"], after["status"]
        if new not in RUN_MOVES[old]:
            raise BrokenPromise(f"run {run_id} went from {old} to {new}")
        lock = self.deployment.lock_item() or {}
        if old == "running" and new == "succeeded" and lock.get("run_id") != run_id:
            raise BrokenPromise(f"{run_id} closed, while {lock.get('run_id')} holds the dataset")
        if old == "running" and new == "failed" and self._holds(run_id):
            raise BrokenPromise(f"{run_id} was ended as failed, and is at work")

    def at_rest(self) -> None:
        """Nothing moves, and no person has helped yet."""
        found = [
            *self._unfinished(),
            *self._lost(may_be_incomplete=True),
            *self._untold(),
            *self._wrongly_told(),
        ]
        for problem in found:
            raise BrokenPromise(problem)

    def retracted_are_out(self) -> None:
        """After a person repeated the rollbacks that failed, and before anything is sent again."""
        rows = self.deployment.lake.rows()
        for item in self.deployment.file_items():
            if item["status"] == "retracted" and item["sha256"] in rows:
                run_id = rows[item["sha256"]]
                raise BrokenPromise(
                    f"{item['file_name']} is retracted, and the table has rows of {run_id}"
                )

    def at_end(self) -> None:
        """After a person did what the messages say."""
        for problem in [
            *self._still_open(),
            *self._lost(),
            *self._untold(),
            *self._wrongly_told(),
            *self._tables(),
            *self._newest_stand(),
        ]:
            raise BrokenPromise(problem)

    def _unfinished(self) -> Iterator[str]:
        """What is still held must be held by an execution that somebody stopped."""
        lock, runs = self.deployment.lock_item(), self.deployment.run_items()
        for name in self.returning():
            yield f"nothing moves, and {name} is to be loaded after all"
        if lock and not self._was_stopped(lock["execution_arn"]):
            yield f"nothing moves, and {lock['run_id']} still holds the dataset"
        for run_id, run in runs.items():
            if run["status"] == "running" and not self._was_stopped(run["execution_arn"]):
                yield f"nothing moves, and run {run_id} is still running"
        for item in self.deployment.file_items():
            holder = runs.get(item.get("run_id", ""), {})
            if item["status"] == "registering":
                yield f"nothing moves, and {item['file_name']} is half registered"
            if item["status"] == "claimed" and not self._was_stopped(
                holder.get("execution_arn", "")
            ):
                yield f"nothing moves, and {item['file_name']} is claimed by {item['run_id']}"
            if item["status"] == "waiting" and not self._is_known_to_wait(item["sha256"]):
                yield f"{item['file_name']} waits, no run will take it, and nobody was told"

    def returning(self) -> list[str]:
        """Duplicates that are to be loaded after all, and are no files yet."""
        return [
            item["file_name"]
            for (_, entry), item in self.deployment.file_table.items.items()
            if entry.startswith(DUPLICATE_PREFIX) and item["status"] == "registering"
        ]

    def _was_stopped(self, arn: str) -> bool:
        execution = self.deployment.stepfunctions.executions.get(arn)
        return execution is not None and execution.status == "ABORTED"

    def _is_known_to_wait(self, sha256: str) -> bool:
        """A failure that was announced since says how many files wait; or a person let it wait again."""
        since = self.waits_since[sha256]
        told_at = [
            each.started_at for each in self.deployment.told() if each.name.startswith("failed-")
        ]
        lock = self.deployment.lock_item()
        if lock and self._was_stopped(
            lock["execution_arn"]
        ):  # until `slipway runs release` (docs/guarantees.md)
            return True
        return sha256 in self.released_by_hand or max([self.failure_told_at, *told_at]) >= since

    def _executions(self) -> list[Execution]:
        return [
            each
            for each in self.deployment.stepfunctions.executions.values()
            if each.machine != "announce"
        ]

    def _lost(self, *, may_be_incomplete: bool = False) -> Iterator[str]:
        """Each delivery stands for its content, gave way to another, or was recorded as duplicate or rejected.

        Until a person has accepted it, one whose transfer was not told to have ended is on record as incomplete.
        """
        entries = {entry: item for (_, entry), item in self.deployment.file_table.items.items()}
        for delivery in self.deliveries:
            files = [
                each
                for each in self.deployment.file_items()
                if each.get("content_sha256", each["sha256"]) == delivery.sha256
            ]
            known = [one for each in files for one in (each, *each.get("displaced", []))]
            is_there = any(
                (each.get("landing_key"), each.get("sequencer"))
                == (delivery.key, delivery.sequencer)
                for each in known
            )
            others = (
                *(duplicate_entry(each["sha256"], delivery.sequencer) for each in files),
                rejected_entry(delivery.key, delivery.sequencer),
                *(
                    [incomplete_entry(delivery.key, delivery.sequencer)]
                    if may_be_incomplete
                    else []
                ),
            )
            if not is_there and not any(entry in entries for entry in others):
                yield f"the delivery {delivery} is nowhere in the ledger"

    def _untold(self) -> Iterator[str]:
        announced = {each.name for each in self.deployment.told()}
        for execution in self._executions():
            if execution.status in ENDED_BADLY and failure_name(execution.arn) not in announced:
                yield f"nobody was told that {execution.name} ended as {execution.status}"
        for run_id, run in self.deployment.run_items().items():
            names = success_name(DATASET, run_id), failure_name(run["execution_arn"])
            if run["status"] in ("succeeded", "rolled_back") and not any(
                name in announced for name in names
            ):
                yield f"nobody was told how {run_id} ended"

    def _wrongly_told(self) -> Iterator[str]:
        """A success that was none, or one thing told twice."""
        announced = [each.name for each in self.deployment.told()]
        runs = self.deployment.run_items()
        good = {
            success_name(DATASET, run)
            for run, item in runs.items()
            if item["status"] in ("succeeded", "rolled_back")
        }
        bad = {failure_name(each.arn) for each in self._executions() if each.status in ENDED_BADLY}
        for name in announced:
            if not name.startswith("rejected-") and name not in good | bad:
                yield f"{name} was announced, which did not happen"
        if len(announced) != len(set(announced)):
            yield "something was announced twice"

    def _newest_stand(self) -> Iterator[str]:
        """Of files with a key in common the table has that row as the delivery says that came last.

        Of deliveries of one second any may be the last. Nothing is said where a failed run closed over a file,
        or a retraction failed (docs/guarantees.md).
        """
        runs, rows = self.deployment.run_items(), self.deployment.lake.rows()
        loaded = [item for item in self.deployment.file_items() if item["status"] == "loaded"]
        closed_by_failed = {
            self._kin(item) for item in loaded if runs[item["run_id"]]["status"] == "failed"
        }
        retracted_in_part = {
            sha256
            for run in runs.values()
            if (run["mode"], run["status"]) == ("retraction", "failed")
            for sha256 in run["file_hashes"]
        }
        left_out = closed_by_failed | {
            self._kin(item) for item in loaded if item["sha256"] in retracted_in_part
        }
        for kin in {self._kin(item) for item in loaded} - left_out:
            same = [item for item in loaded if self._kin(item) == kin]
            there = [item for item in same if item["sha256"] in rows]
            if not there:  # the ledger says loaded of what the table has not (_tables)
                continue
            stands = max(there, key=lambda item: self._order_in_table(item, rows))
            came = [(at, item) for item in same for at in self._times_of(item)]
            last = max(at for at, _ in came)
            if _content(stands) not in [_content(item) for at, item in came if at == last]:
                yield (
                    f"the table has the row of {stands['file_name']}, though another content came"
                    f" last, at {last}"
                )

    def _order_in_table(self, item: Item, rows: Rows) -> tuple[str, str]:
        """As order_of, by what the rows say: an earlier upload may have become the file's since they were written."""
        sha256 = item["sha256"]
        at = self.machines.written_as.get((rows[sha256], sha256), item["received_at"])
        return at, sha256

    def _kin(self, item: Item) -> int:
        return kin_of(item["file_name"], self.deployment.world.seed)

    def _times_of(self, file: Item) -> Iterator[str]:
        """When a file and its duplicates were received."""
        yield file["received_at"]
        for (_, entry), item in self.deployment.file_table.items.items():
            if entry.startswith(duplicate_entry(file["sha256"], "")):
                yield item["received_at"]

    def _still_open(self) -> Iterator[str]:
        for name in self.returning():
            yield f"{name} is to be loaded after all, for ever"
        if lock := self.deployment.lock_item():
            yield f"{lock['run_id']} still holds the dataset"
        for run_id, run in self.deployment.run_items().items():
            if run["status"] == "running":
                yield f"run {run_id} never ended"
        for item in self.deployment.file_items():
            if item["status"] not in ("loaded", "set_aside", "retracted"):
                yield f"{item['file_name']} is {item['status']} for ever"
            if item["status"] != "loaded" and not self._is_loaded_elsewhere(item):
                why = item.get("set_aside_reason", "")
                yield f"{item['file_name']} was sent again and stays {item['status']}: {why}"

    def _is_loaded_elsewhere(self, item: Item) -> bool:
        """Whether its content is too bad, or another delivery of it is loaded."""
        content = item.get("content_sha256", item["sha256"])
        return content in self.machines.bad or any(
            each["status"] == "loaded" and each.get("content_sha256", each["sha256"]) == content
            for each in self.deployment.file_items()
        )

    def _tables(self) -> Iterator[str]:
        """What the ledger calls loaded is in the table, from the run it names, and nothing else is."""
        rows, runs = self.deployment.lake.rows(), self.deployment.run_items()
        failed = {run_id for run_id, run in runs.items() if run["status"] == "failed"}
        taken_out = {
            run["retracts"]["sha256"]
            for run_id, run in runs.items()
            if run_id in failed and "retracts" in run
        }
        for item in self.deployment.file_items():
            run_id, name = rows.get(item["sha256"]), item["file_name"]
            if (
                run_id is None and item["sha256"] in taken_out
            ):  # by a run that was stopped while it closed (docs/guarantees.md)
                continue
            if (
                item.get("run_id") in failed
            ):  # closed over it, and was then stopped (docs/guarantees.md)
                continue
            if item["status"] == "loaded" and run_id != item["run_id"] and run_id not in failed:
                yield f"{name} is loaded by {item['run_id']} in the ledger; the table has rows of {run_id}"
            if item["status"] == "set_aside" and run_id is not None and run_id not in failed:
                yield f"{name} is set aside, and the table has rows of {run_id}"


def _content(item: Item) -> str:
    """The hash of the bytes of a file."""
    return str(item.get("content_sha256", item["sha256"]))
