"""The file ledger: each content once per dataset, and the only writes that move it from state to state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.ledger import items, loads
from pipeline.ledger.entries import (
    BY_STATUS,
    FileStatus,
    Item,
    dataset_status,
    duplicate_entry,
    file_entry,
    ignored_entry,
)

# What tells one delivery of a content from another.
DELIVERY = ("file_name", "landing_key", "sequencer", "received_at")
SET_ASIDE = (
    "set_aside_reason, set_aside_at, refused_samples"  # what only a file that is set aside has
)


@dataclass(frozen=True)
class FileLedger:
    """Operations on the file ledger table."""

    table: Any

    def get(self, dataset: str, entry: str) -> Item | None:
        """The entry as it is now (strongly consistent), or None."""
        return items.get(self.table, dataset, entry)

    def add(self, item: Mapping[str, Any]) -> bool:
        """Write a new entry; False when there is one already."""
        status: FileStatus = item["status"]
        full = {**item, "dataset_status": dataset_status(item["dataset"], status)}
        return items.put(self.table, full, "attribute_not_exists(entry)")

    def ignore(
        self, dataset: str, landing_key: str, *, received_at: str, size_bytes: int, detail: str
    ) -> None:
        """Record that an object is no delivery by its name; the newest of a key stands for all."""
        item = {
            "dataset": dataset,
            "entry": ignored_entry(landing_key),
            "status": "ignored",
            "dataset_status": dataset_status(dataset, "ignored"),
            "file_name": landing_key.rpartition("/")[2],
            "landing_key": landing_key,
            "size_bytes": size_bytes,
            "received_at": received_at,
            "detail": detail,
        }
        is_newest = "attribute_not_exists(entry) OR received_at < :received_at"
        items.put(self.table, item, is_newest, {":received_at": received_at})

    def replace_incomplete(self, dataset: str, entry: str, detail: str) -> None:
        """incomplete -> replaced, with `detail`; nothing when there is no such entry, or it was replaced before."""
        self._change_record(dataset, entry, "incomplete", "replaced", {"detail": detail})

    def accept_after_all(self, dataset: str, entry: str, *, detail: str, moment: str) -> None:
        """rejected -> replaced, because the file was judged again and accepted; nothing when that was done before."""
        given = {"detail": detail, "judged_at": moment}
        self._change_record(dataset, entry, "rejected", "replaced", given)

    def reject_again(
        self, dataset: str, entry: str, *, reason: str, detail: str, moment: str
    ) -> None:
        """A rejected file was judged again, and is rejected still: with this reason from now on."""
        given = {"reason": reason, "detail": detail, "judged_at": moment}
        self._change_record(dataset, entry, "rejected", "rejected", given)

    def _change_record(
        self,
        dataset: str,
        entry: str,
        held: FileStatus,
        status: FileStatus,
        given: Mapping[str, str],
    ) -> None:
        """`held` -> `status` of an entry that stands for no content; nothing when it is in another state."""
        items.update(
            self.table,
            dataset,
            entry,
            change=", ".join(
                [
                    "SET #status = :to, dataset_status = :dataset_status",
                    *(f"{name} = :{name}" for name in given),
                ]
            ),
            condition="#status = :from",
            values={
                ":from": held,
                ":to": status,
                ":dataset_status": dataset_status(dataset, status),
                **{f":{name}": value for name, value in given.items()},
            },
        )

    def mark_waiting(self, dataset: str, sha256: str) -> bool:
        """registering -> waiting; False when it was past that already."""
        return bool(
            self._move(
                dataset,
                sha256,
                "waiting",
                condition="#status = :from",
                values={":from": "registering"},
            )
        )

    def precede(self, known: Item, earlier: Mapping[str, Any]) -> Item | None:
        """Let an `earlier` delivery of the same content stand for it: the entry as it is then.

        Events come in any order, and which row wins over another depends on `received_at`. `known` is the entry as it
        was read, `earlier` has the attributes named in DELIVERY; the delivery that gives way is kept in `displaced`.
        None when the entry has changed since, or no longer waits.
        """
        displaced = {name: known[name] for name in DELIVERY}
        return self._move(
            known["dataset"],
            known["sha256"],
            "waiting",
            condition=" AND ".join(
                ["#status = :to", *(f"{name} = :was_{name}" for name in DELIVERY)]
            ),
            values={
                **{f":{name}": earlier[name] for name in DELIVERY},
                **{f":was_{name}": displaced[name] for name in DELIVERY},
                ":none": [],
                ":displaced": [displaced],
            },
            sets=", ".join(
                [
                    *(f"{name} = :{name}" for name in DELIVERY),
                    "displaced = list_append(if_not_exists(displaced, :none), :displaced)",
                ]
            ),
        )

    def claim(
        self, dataset: str, sha256: str, run_id: str, *, held: FileStatus = "waiting"
    ) -> Item | None:
        """`held` -> claimed by `run_id`: the whole entry, also when the run holds it already; None when it cannot."""
        return self._move(
            dataset,
            sha256,
            "claimed",
            condition="#status = :from OR (#status = :to AND run_id = :run)",
            values={":from": held, ":run": run_id},
            sets="run_id = :run",
        )

    def give_back(
        self, dataset: str, sha256: str, run_id: str, *, held: FileStatus = "waiting"
    ) -> bool:
        """claimed by `run_id` -> `held`, where the run took it from; False when this run does not hold it.

        A file that was loaded says again which run's load stands; one of whose loads the entry knows nothing, none.
        """
        before = self._standing(dataset, sha256) if held == "loaded" else None
        return bool(
            self._move(
                dataset,
                sha256,
                held,
                condition="#status = :from AND run_id = :run",
                values={
                    ":from": "claimed",
                    ":run": run_id,
                    **({":before": before["run_id"]} if before else {}),
                },
                sets="run_id = :before" if before else "",
                removes="" if before else "run_id",
            )
        )

    def close(
        self, dataset: str, sha256: str, run_id: str, counts: Mapping[str, Any]
    ) -> Item | None:
        """claimed by `run_id` -> loaded with `counts` (loads.COUNTS), also when repeated.

        None when the run does not hold it.
        The load is added to those of earlier runs, once: a repeated call finds the file loaded and adds nothing.
        """
        closed = self._move(
            dataset,
            sha256,
            "loaded",
            condition="#status = :from AND run_id = :run",
            values={
                **{f":{name}": count for name, count in counts.items()},
                ":from": "claimed",
                ":run": run_id,
                ":none": [],
                ":load": [{"run_id": run_id, **counts}],
            },
            sets=", ".join(
                [
                    *(f"{name} = :{name}" for name in counts),
                    "loads = list_append(if_not_exists(loads, :none), :load)",
                ]
            ),
        ) or self._move(
            dataset,
            sha256,
            "loaded",
            condition="#status = :to AND run_id = :run",
            values={":run": run_id},
        )
        if closed is not None:
            self._shorten(dataset, sha256, closed.get("loads", []))
        return closed

    def retract(
        self, dataset: str, sha256: str, run_id: str, *, reason: str, by: str, moment: str
    ) -> Item | None:
        """claimed by `run_id` -> retracted, without counts, also when repeated; None when the run does not hold it.

        `retractions` keeps who had it retracted, when and why, and the delivery whose rows were taken out.
        """
        known = self.get(dataset, file_entry(sha256))
        if known is None or (
            known["status"] == "retracted" and loads.last_retraction(known)["run_id"] == run_id
        ):
            return known
        told = {"run_id": run_id, "by": by, "reason": reason, "at": moment}
        before = {**{name: known[name] for name in DELIVERY}, **loads.counts(known)}
        return self._move(
            dataset,
            sha256,
            "retracted",
            condition="#status = :from AND run_id = :run",
            values={
                ":from": "claimed",
                ":run": run_id,
                ":loads": loads.retracted(known, by_run=run_id),
                ":none": [],
                ":retraction": [{**told, "before": before}],
            },
            sets="loads = :loads, retractions = list_append(if_not_exists(retractions, :none), :retraction)",
            removes=", ".join(["run_id", *loads.COUNTS]),
        )

    def undo(self, known: Item, run: Item, *, by_run: str, moment: str) -> Item | None:
        """Remove what `run` loaded of a file, because `by_run` rolled it back; return the updated entry.

        `known` is the entry as it was read. The previous load counts again, with its run and its counts. If there is
        none, a file that a plain load brought is in no table: it is set aside, without counts. A file of a backfill or
        replay was loaded before loads were recorded: it stays loaded and keeps its counts, since no others are known,
        but names no run. A file that the run retracted is loaded again, as it was. Returns None if the entry has
        changed since it was read.
        """
        if (retraction := loads.retraction_by(known, run["run_id"])) is not None:
            return self._reinstate(known, retraction)
        if known["status"] != "loaded":
            return known  # an earlier attempt did it
        left = loads.undone(known, run["run_id"], by_run=by_run)
        before = loads.standing(left)
        if before is None and run["mode"] == "load":
            reason = f"run {run['run_id']} was rolled back by {by_run}"
            return self._take_out(known, left, reason=reason, moment=moment)
        if left == known.get("loads", []):
            return known  # an earlier attempt did it, or the run never closed over this file
        return self._stand_again(known, left, before)

    def set_aside(
        self,
        dataset: str,
        sha256: str,
        *,
        held: FileStatus,
        reason: str,
        moment: str,
        run_id: str | None = None,
        samples: Sequence[Mapping[str, Any]] = (),
    ) -> bool:
        """waiting or claimed (`held`) -> set aside with `reason`, also when repeated: no run takes it any more.

        A run that takes a file out of its own batch gives its `run_id`, and `samples` of what it refused. False when
        the file is in another state.
        """
        ours = " AND run_id = :run" if run_id else ""
        return bool(
            self._move(
                dataset,
                sha256,
                "set_aside",
                condition=f"(#status = :from{ours}) OR #status = :to",
                values={
                    ":from": held,
                    ":reason": reason,
                    ":moment": moment,
                    **({":samples": list(samples)} if samples else {}),
                    **({":run": run_id} if run_id else {}),
                },
                sets="set_aside_reason = :reason, set_aside_at = :moment"
                + (", refused_samples = :samples" if samples else ""),
                removes="run_id, released_at",
            )
        )

    def release(self, dataset: str, sha256: str, *, decided_at: str | None = None) -> bool:
        """set aside -> waiting; False when it was not set aside.

        `decided_at`: when a person decided that it may replace as many rows as it does; None when nobody did.
        """
        return bool(
            self._move(
                dataset,
                sha256,
                "waiting",
                condition="#status = :from",
                values={
                    ":from": "set_aside",
                    **({":decided": decided_at} if decided_at else {}),
                },
                sets="released_at = :decided" if decided_at else "",
                removes=SET_ASIDE,
            )
        )

    def deliver_again(self, known: Item, delivery: Mapping[str, Any]) -> Item | None:
        """set aside or retracted -> waiting, because its content was delivered again since: the entry as it is then.

        `known` is the entry as it was read, `delivery` has the attributes named in DELIVERY, and stands
        for the content from now on; the delivery before it is kept in `displaced`. None when the entry
        has changed since.
        """
        displaced = {name: known[name] for name in DELIVERY}
        return self._move(
            known["dataset"],
            known["sha256"],
            "waiting",
            condition="#status = :from AND sequencer = :was_sequencer",
            values={
                **{f":{name}": delivery[name] for name in DELIVERY},
                ":from": known["status"],
                ":was_sequencer": known["sequencer"],
                ":none": [],
                ":displaced": [displaced],
                ":zero": 0,
                ":one": 1,
            },
            sets=", ".join(
                [
                    *(f"{name} = :{name}" for name in DELIVERY),
                    "displaced = list_append(if_not_exists(displaced, :none), :displaced)",
                    "redeliveries = if_not_exists(redeliveries, :zero) + :one",
                ]
            ),
            removes=SET_ASIDE,
        )

    def dismiss(
        self, dataset: str, sha256: str, *, records: str, by: str, reason: str, moment: str
    ) -> bool:
        """Remember that a person looked at refused records of a file and leaves them; False when there is no such file.

        `records` are numbers and spans of them, such as `3, 7-12`.
        """
        dismissal = {"records": records, "by": by, "reason": reason, "at": moment}
        moved = items.update(
            self.table,
            dataset,
            file_entry(sha256),
            change="SET dismissals = list_append(if_not_exists(dismissals, :none), :dismissal)",
            condition="attribute_exists(#status)",
            values={":none": [], ":dismissal": [dismissal]},
        )
        return moved is not None

    def mark_replaced(self, dataset: str, sha256: str, *, by: str, received_at: str) -> Item | None:
        """Remember that the file `by`, received then, takes the place of rows of this one; the first one stays.

        The entry as it is then; None for a content that has no entry.
        """
        return items.update(
            self.table,
            dataset,
            file_entry(sha256),
            change="SET replaced_since = :at, replaced_by = :by",
            condition="attribute_exists(#status)"
            " AND (attribute_not_exists(replaced_since) OR replaced_since > :at)",
            values={":at": received_at, ":by": by},
        ) or self.get(dataset, file_entry(sha256))

    def note_duplicate(
        self, dataset: str, sha256: str, *, sequencer: str, received_at: str
    ) -> Item | None:
        """Remember the newest delivery that is a duplicate of a file: the entry of the file as it is then.

        It is noted on the file itself, so that of this write and one that says that rows of the file
        were replaced the second sees the first (`let_return`).
        """
        return items.update(
            self.table,
            dataset,
            file_entry(sha256),
            change="SET redelivered_at = :at, redelivered_as = :sequencer",
            condition="attribute_exists(#status)"
            " AND (attribute_not_exists(redelivered_at) OR redelivered_at < :at)",
            values={":at": received_at, ":sequencer": sequencer},
        ) or self.get(dataset, file_entry(sha256))

    def let_return(self, known: Item) -> None:
        """duplicate -> registering, for the newest duplicate of `known` if rows were replaced that came before it.

        `known` is the entry of a file as it is now. Intake makes a file of its own of the duplicate.
        Nothing when all rows stand, when it came before what stands for the content now, or when a later
        delivery of the content is a file already.
        """
        since, newest = loads.replaced_since(known), known.get("redelivered_at")
        if since is None or newest is None or "again" in known:
            return
        if newest >= max(since, known["received_at"]):
            entry = duplicate_entry(known["sha256"], known["redelivered_as"])
            self.return_duplicate(known["dataset"], entry)

    def return_duplicate(self, dataset: str, entry: str) -> None:
        """duplicate -> registering; nothing when it was done before."""
        self._change_record(dataset, entry, "duplicate", "registering", {})

    def end_return(
        self, dataset: str, entry: str, status: Literal["replaced", "duplicate"], detail: str
    ) -> None:
        """registering -> replaced by a file of its own, or a duplicate after all, with `detail` in words."""
        self._change_record(dataset, entry, "registering", status, {"detail": detail})

    def follow(self, known: Item, again: str) -> bool:
        """Note that the content of `known` was delivered once more as the file `again`.

        False if another stands there.
        """
        return bool(
            items.update(
                self.table,
                known["dataset"],
                known["entry"],
                change="SET again = :again",
                condition="attribute_exists(#status) AND (attribute_not_exists(again) OR again = :again)",
                values={":again": again},
            )
        )

    def mark_alerted(self, dataset: str, entry: str, moment: str) -> None:
        """Remember that people were told about this entry."""
        self.table.update_item(
            Key={"dataset": dataset, "entry": entry},
            UpdateExpression="SET alerted_at = :moment",
            ExpressionAttributeValues={":moment": moment},
        )

    def waiting(self, dataset: str, limit: int) -> list[str]:
        """Hashes of waiting files, oldest first, at most `limit`. Eventually consistent: claim() decides."""
        page = self.table.query(
            **_with_status(dataset, "waiting"), ScanIndexForward=True, Limit=limit
        )
        return [item["entry"].removeprefix(file_entry("")) for item in page["Items"]]

    def with_status(self, dataset: str, status: FileStatus) -> Iterator[Item]:
        """Every entry in a status, oldest first, over all pages. Eventually consistent: claim() decides."""
        return items.every(self.table, {**_with_status(dataset, status), "ScanIndexForward": True})

    def count_waiting(self, dataset: str) -> int:
        """How many files wait, up to one page of the index (1 MB of entries); eventually consistent."""
        return int(self.table.query(**_with_status(dataset, "waiting"), Select="COUNT")["Count"])

    def _standing(self, dataset: str, sha256: str) -> loads.Load | None:
        """The load of a file that stands. Read apart from the write after it: only who holds the file changes it."""
        entry = self.get(dataset, file_entry(sha256)) or {}
        return loads.standing(entry.get("loads", []))

    def _shorten(self, dataset: str, sha256: str, every: Sequence[loads.Load]) -> None:
        """Keep the loads for which an entry has room; whoever repeats the close finds it done."""
        kept = loads.kept(every)
        if len(kept) < len(every):
            condition, values = "#status = :to AND loads = :every", {":every": every, ":kept": kept}
            self._move(
                dataset, sha256, "loaded", condition=condition, values=values, sets="loads = :kept"
            )

    def _stand_again(
        self, known: Item, left: Sequence[Item], before: loads.Load | None
    ) -> Item | None:
        shown = {"run_id": before["run_id"], **loads.counts(before)} if before else {}
        unknown = [name for name in loads.COUNTS if name not in shown] if before else ["run_id"]
        return self._move_loaded(
            known, "loaded", {"loads": left, **shown}, removes=", ".join(unknown)
        )

    def _reinstate(self, known: Item, retraction: Item) -> Item | None:
        """The file as it was before it was retracted; a delivery of its content since then gives way to it."""
        left = loads.reinstated(known, by_run=retraction["run_id"])
        standing = loads.standing(left)
        others = [each for each in known["retractions"] if each != retraction]
        given = {
            **retraction["before"],
            **({"run_id": standing["run_id"]} if standing else {}),
            "loads": left,
            "retractions": others,
        }
        since = {name: known[name] for name in DELIVERY}
        if since["sequencer"] != given["sequencer"] or since["landing_key"] != given["landing_key"]:
            given["displaced"] = [*known.get("displaced", []), since]
        return self._move(
            known["dataset"],
            known["sha256"],
            "loaded",
            condition="#status = :from AND retractions = :was",
            values={
                ":from": known["status"],
                ":was": known["retractions"],
                **{f":{name}": value for name, value in given.items()},
            },
            sets=", ".join(f"{name} = :{name}" for name in given),
            removes=SET_ASIDE,
        )

    def _take_out(
        self, known: Item, left: Sequence[Item], *, reason: str, moment: str
    ) -> Item | None:
        given = {"loads": left, "set_aside_reason": reason, "set_aside_at": moment}
        return self._move_loaded(
            known, "set_aside", given, removes=", ".join(["run_id", *loads.COUNTS])
        )

    def _move_loaded(
        self, known: Item, status: FileStatus, given: Item, *, removes: str
    ) -> Item | None:
        """loaded -> `status` with the attributes `given`, if the loads are still as they were read."""
        is_as_read = "loads = :was" if "loads" in known else "attribute_not_exists(loads)"
        was = {":was": known["loads"]} if "loads" in known else {}
        return self._move(
            known["dataset"],
            known["sha256"],
            status,
            condition=f"#status = :from AND {is_as_read}",
            values={
                ":from": "loaded",
                **was,
                **{f":{name}": value for name, value in given.items()},
            },
            sets=", ".join(f"{name} = :{name}" for name in given),
            removes=removes,
        )

    def _move(
        self,
        dataset: str,
        sha256: str,
        status: FileStatus,
        *,
        condition: str,
        values: Mapping[str, Any],
        sets: str = "",
        removes: str = "",
    ) -> Item | None:
        assignments = [
            "#status = :to",
            "dataset_status = :dataset_status",
            *([sets] if sets else []),
        ]
        return items.update(
            self.table,
            dataset,
            file_entry(sha256),
            change=f"SET {', '.join(assignments)}" + (f" REMOVE {removes}" if removes else ""),
            condition=condition,
            values={":to": status, ":dataset_status": dataset_status(dataset, status), **values},
        )


def _with_status(dataset: str, status: FileStatus) -> dict[str, Any]:
    return {
        "IndexName": BY_STATUS,
        "KeyConditionExpression": "dataset_status = :dataset_status",
        "ExpressionAttributeValues": {":dataset_status": dataset_status(dataset, status)},
    }
