"""What happens to an acceptable file: one claim per content, a copy in raw, then it waits for a run.

Every step is conditional or repeatable, so a crash anywhere is finished by the redelivered event. A delivery that finds
the same content half registered finishes that work too: its first deliverer may never come back.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from contracts import naming
from contracts.errors import FileRejected
from contracts.model import Redelivery
from contracts.naming import TOTALS_METADATA
from lambdas.intake.arrivals import Arrival
from lambdas.intake.inspection import Inspection
from lambdas.intake.storage import Source, Storage, copy_source
from pipeline.ledger import (
    FileLedger,
    Item,
    again_sha256,
    duplicate_entry,
    file_entry,
    loads,
    timestamp,
)
from pipeline.ledger.transfers import in_order

LONGEST_STEM = 150
SECONDS = len("2026-11-28T15:30:00")  # of a time in the ledger's form
REPLAY_METADATA = "replay-of"  # written by `slipway quarantine replay`
# Spark reads *, ?, [ and { in a path as patterns, and S3 wants other characters encoded: none of them in raw keys.
UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
HIDDEN, SHOWN = ("_", "."), "f"  # Hadoop 3.4, FileInputFormat.HIDDEN_FILE_FILTER

Registered = Literal["waiting", "taken", "duplicate"]


@dataclass(frozen=True, kw_only=True)
class Registration:
    """Registers accepted files."""

    raw_bucket: str
    files: FileLedger
    storage: Storage

    def register(
        self,
        dataset: str,
        arrival: Arrival,
        source: Source,
        found: Inspection,
        suffix: str,
        *,
        redelivery: Redelivery,
        replay_of: str | None = None,
    ) -> tuple[Registered, Item]:
        """What became of the delivery, and the entry of its content.

        `waiting`: a run has yet to take it. `taken`: a run has it already (a repeated event). `duplicate`: the same
        content came before as another delivery, which is recorded. `replay_of` is the hash of the file that a replay
        corrects.
        """
        delivery = _entry(dataset, arrival, source, found, suffix)
        if replay_of is not None:
            delivery["replay_of"] = replay_of
            redelivery = "once"  # a correction that is sent twice is no newer word
        item = delivery = self._as_file_of_its_own(delivery, redelivery)
        if not self.files.add(item):
            item = self.files.get(dataset, item["entry"]) or item
        if item["status"] == "registering":
            self._keep_raw(item, source)
            self.files.mark_waiting(dataset, item["sha256"])
            item = self.files.get(dataset, item["entry"]) or item
        item = self._taken_back(item, delivery, source)
        item = self._in_order_of_upload(item, delivery)
        may_return = redelivery == "load"
        for displaced in item.get("displaced", []):
            self._record_duplicate(item, displaced, may_return=may_return)
        if not _is_of(item, delivery):
            self._record_duplicate(item, delivery, may_return=may_return)
            return "duplicate", item
        return ("waiting" if item["status"] == "waiting" else "taken"), item

    def _as_file_of_its_own(self, delivery: Item, redelivery: Redelivery) -> Item:
        """The delivery under the hash that stands for it: that of its content, or its own where it is loaded again.

        A content that comes again is loaded again once other files have replaced rows of it: the newest delivery
        stands. It is a file of its own then, with a load, a rollback and refused records of its own; the one before
        says which came after it (`again`). A delivery that came before what replaced those rows, and a repeated event,
        change nothing.
        """
        content, known = delivery["sha256"], self.files.get(delivery["dataset"], delivery["entry"])
        while known is not None:
            delivery = _of_file(delivery, known["sha256"], content)
            recorded = duplicate_entry(known["sha256"], delivery["sequencer"])
            if _is_known(known, delivery) or self.files.get(delivery["dataset"], recorded):
                return delivery
            if "again" not in known:
                since = loads.replaced_since(known)
                if redelivery == "once" or since is None or delivery["received_at"] < since:
                    return delivery
                return self._again(known, delivery, content)
            known = self.files.get(delivery["dataset"], file_entry(known["again"]))
        return delivery

    def _again(self, known: Item, delivery: Item, content: str) -> Item:
        own = again_sha256(content, delivery["landing_key"], delivery["sequencer"])
        again = _of_file(delivery, own, content)
        self.files.add(again)
        # Of two deliveries of a content that are registered at once each is loaded; the chain goes on from one of them.
        self.files.follow(known, own)
        return again

    def _taken_back(self, item: Item, delivery: Item, source: Source) -> Item:
        """The entry, which waits again if it was set aside or retracted before this delivery of its content.

        What was taken out is in no table: people send it again to have it loaded, after a rollback or
        when the contract was corrected. Deliveries from before it was taken out change nothing, nor
        do repeated events; whole seconds are compared, since S3 gives no finer time.
        """
        while (since := loads.taken_out_at(item)) and since[:SECONDS] <= delivery["received_at"]:
            if _is_known(item, delivery):
                break
            self._keep_raw(item, source)
            item = (
                self.files.deliver_again(item, delivery)
                or self.files.get(item["dataset"], item["entry"])
                or item
            )
        return item

    def _keep_raw(self, item: Item, source: Source) -> None:
        """Copy the delivery to the raw key of its content, whose object may have expired by now."""
        version = copy_source(source.bucket, source.key, source.version_id)
        self.storage.copy(
            version, size_bytes=source.size_bytes, bucket=self.raw_bucket, key=item["raw_key"]
        )

    def _in_order_of_upload(self, item: Item, delivery: Item) -> Item:
        """The entry, for which the earliest upload stands: events come in any order. A run that has it keeps it."""
        while (
            item["status"] == "waiting"
            and "content_sha256" not in item  # it came after what it replaces, and must stay so
            and not _is_known(item, delivery)
            and _order(delivery) < _order(item)
        ):
            item = (
                self.files.precede(item, delivery)
                or self.files.get(item["dataset"], item["entry"])
                or item
            )
        return item

    def ignore(self, dataset: str, arrival: Arrival, why: str) -> None:
        """Record an object whose name is no delivery's."""
        self.files.ignore(
            dataset,
            arrival.key,
            received_at=arrival.created_at,
            size_bytes=arrival.size_bytes,
            detail=why,
        )

    def origin_of(self, dataset: str, source: Source) -> str:
        """Hash of the file that a replay corrects. Raises FileRejected unless it names one that was loaded."""
        sha256 = source.metadata.get(REPLAY_METADATA, "")
        origin = self.files.get(dataset, file_entry(sha256)) if sha256 else None
        if origin is None or origin["status"] != "loaded":
            status = f"is {origin['status']}" if origin else "is not in the file ledger"
            raise FileRejected(
                "replay_origin",
                f"the S3 metadata {REPLAY_METADATA!r} is {sha256!r}, and no loaded file: it {status}",
            )
        return sha256

    def _record_duplicate(
        self, item: Item, delivery: Mapping[str, Any], *, may_return: bool
    ) -> None:
        """Record that a delivery brought nothing new, beside the newest file of its content.

        What replaces rows of that file may be on its way: the delivery returns then, if it `may_return`.
        """
        while True:
            self._add_duplicate(item, delivery)
            if not may_return:
                return
            known = self.files.note_duplicate(
                item["dataset"],
                item["sha256"],
                sequencer=delivery["sequencer"],
                received_at=delivery["received_at"],
            )
            again = known and known.get("again")
            following = again and self.files.get(item["dataset"], file_entry(again))
            if not following or _is_known(following, delivery):
                break
            item = following
        if known is not None:
            self.files.let_return(known)

    def _add_duplicate(self, item: Item, delivery: Mapping[str, Any]) -> None:
        self.files.add(
            {
                "dataset": item["dataset"],
                "entry": duplicate_entry(item["sha256"], delivery["sequencer"]),
                "status": "duplicate",
                "sha256": item["sha256"],
                "file_name": delivery["file_name"],
                "landing_key": delivery["landing_key"],
                "size_bytes": item["size_bytes"],
                "received_at": delivery["received_at"],
                "duplicate_of": item["landing_key"],
            }
        )


def delivery_id(item: Item) -> str:
    """What names the run of a delivery: the hash of the content, another one each time it is taken back.

    Step Functions takes a name once in 90 days, so the run of a content that is sent again needs its own.
    """
    again = item.get("redeliveries", 0)
    return (
        hashlib.sha256(f"{item['sha256']} {again}".encode()).hexdigest()
        if again
        else item["sha256"]
    )


def _of_file(delivery: Item, sha256: str, content: str) -> Item:
    """The delivery under the hash that stands for its file; `content` is that of its bytes."""
    if sha256 == content:
        return delivery
    return {
        **delivery,
        "entry": file_entry(sha256),
        "sha256": sha256,
        "raw_key": delivery["raw_key"].replace(f"/{delivery['sha256']}/", f"/{sha256}/"),
        "content_sha256": content,
    }


def _is_of(item: Item, delivery: Mapping[str, Any]) -> bool:
    return all(item[name] == delivery[name] for name in ("landing_key", "sequencer"))


def _is_known(item: Item, delivery: Mapping[str, Any]) -> bool:
    """Whether the event of this delivery came before: it stands for the content, or gave way to another."""
    return any(_is_of(known, delivery) for known in (item, *item.get("displaced", [])))


def _order(delivery: Mapping[str, Any]) -> tuple[str, str, str]:
    """Uploads of one moment are told apart by their keys, so that every order of events has one outcome.

    Sequencers decide among uploads of one key only.
    """
    return delivery["received_at"], delivery["landing_key"], in_order(delivery["sequencer"])


def received_at(arrival: Arrival, source: Source) -> str:
    """When the delivery was complete: microseconds where Transfer Family told it, else S3's whole seconds.

    Not the time of this call: SQS may deliver out of order, and the later upload must win.
    """
    return arrival.completed_at or timestamp(source.uploaded_at)


def raw_name(file_name: str, suffix: str) -> str:
    """A name for raw that every reader takes literally; it ends with `suffix`, by which Spark knows gzip.

    It begins with neither `_` nor `.`: Hadoop takes such files for hidden, and Spark would read none of their rows.
    """
    stem = UNSAFE.sub("_", file_name[: -len(suffix)])[:LONGEST_STEM]
    return (SHOWN if stem.startswith(HIDDEN) else "") + stem + suffix


def _declared_totals(arrival: Arrival, source: Source) -> Item:
    """What a database said that the file's money adds up to; the gate compares it with what was read."""
    text = source.metadata.get(TOTALS_METADATA) if arrival.is_fetched else None
    totals = json.loads(text) if text else {}
    declared = {name: total for name, total in totals.items() if Decimal(total).is_finite()}
    return {"declared_totals": declared} if declared else {}


def _entry(dataset: str, arrival: Arrival, source: Source, found: Inspection, suffix: str) -> Item:
    moment = received_at(arrival, source)
    return {
        "dataset": dataset,
        "entry": file_entry(found.sha256),
        "status": "registering",
        "sha256": found.sha256,
        "file_name": arrival.file_name,
        "landing_key": arrival.key,
        "sequencer": arrival.sequencer,
        "raw_key": naming.raw_key(
            dataset=dataset,
            ingest_date=moment[:10],
            sha256=found.sha256,
            file_name=raw_name(arrival.file_name, suffix),
        ),
        "size_bytes": found.size_bytes,
        "received_at": moment,
        "row_count": found.row_count,
        "header": list(found.header),
        "has_quotes": found.spans_lines,
        **_declared_totals(arrival, source),
        **({"notes": list(found.notes)} if found.notes else {}),
        **({"transfer_completed_at": arrival.completed_at} if arrival.completed_at else {}),
    }
