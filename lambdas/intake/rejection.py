"""What happens to a file that cannot be accepted: recorded, moved aside with its reason, and told to people once.

The ledger entry is written first and holds everything that the later steps need, so a crash anywhere is finished by the
redelivered event without reading the file again. `alerted_at` is the last write and means: all of it is done.
Two events at once both do all of it: the file is in one burst (pipeline/bursts.py), and a burst is told once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from contracts.errors import FileRejected, PermanentError
from contracts.naming import LANDING_PREFIX, REJECTED_PREFIX
from lambdas.intake.arrivals import Arrival
from lambdas.intake.registration import received_at
from lambdas.intake.storage import Source, Storage, copy_source
from pipeline.alerts import Announcer, rejections_of
from pipeline.bursts import Bursts
from pipeline.ledger import FileLedger, Item, rejected_entry, timestamp

LONGEST_KEY_BYTES = 1024  # Source: S3 user guide, "Naming Amazon S3 objects"
REASON_SUFFIX = ".reason.json"
HASH_CHARACTERS = 32
LONGEST_TAIL_BYTES = 900


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """Records rejected files and arranges that people are told; those of one dataset within `burst_seconds` at once."""

    environment: str
    burst_seconds: int
    files: FileLedger
    storage: Storage
    bursts: Bursts
    announcer: Announcer

    def unfinished_or_done(self, dataset: str, arrival: Arrival) -> Item | None:
        """The entry of an earlier rejection of this very delivery, or None."""
        return self.files.get(dataset, rejected_entry(arrival.key, arrival.sequencer))

    def record(self, dataset: str, arrival: Arrival, source: Source, why: FileRejected) -> Item:
        """Write the entry, or return the one that is there: the first decision stands."""
        moment = received_at(arrival, source)
        item: Item = {
            "dataset": dataset,
            "entry": rejected_entry(arrival.key, arrival.sequencer),
            "status": "rejected",
            "file_name": arrival.file_name,
            "landing_key": arrival.key,
            "landing_bucket": arrival.bucket,
            "version_id": source.version_id,
            "rejected_key": rejected_key(arrival.key, moment[:10]),
            "size_bytes": source.size_bytes,
            "received_at": moment,
            "reason": why.reason,
            "detail": why.detail,
        }
        self.files.add(item)
        return self.files.get(dataset, item["entry"]) or item

    def finish(self, item: Item) -> None:
        """Move the file aside and arrange that people are told, unless that was done before."""
        if "alerted_at" in item:
            return
        self._move_aside(item)
        dataset, entry, now = item["dataset"], item["entry"], datetime.now(UTC)
        burst = self.bursts.join(rejections_of(dataset), entry, item["reason"])
        tell_at = now + timedelta(seconds=self.burst_seconds)
        self.announcer.tell_of_burst(
            dataset, burst, digest="rejected", environment=self.environment, at=tell_at
        )
        self.files.mark_alerted(dataset, entry, timestamp(now))

    def again(self, dataset: str, entry: str) -> Item:
        """The entry of a rejected file that is to be judged again. Raises PermanentError when there is none."""
        item = self.files.get(dataset, entry)
        if item is None:
            raise PermanentError(
                f"{entry!r} of {dataset} is no rejected file; `slipway files list --status rejected` shows all"
            )
        return item

    def withdraw(self, item: Item, detail: str) -> None:
        """The file was judged again and accepted; its copy stays aside until its retention ends."""
        now = timestamp(datetime.now(UTC))
        self.files.accept_after_all(item["dataset"], item["entry"], detail=detail, moment=now)

    def confirm(self, item: Item, why: FileRejected) -> None:
        """The file was judged again and is rejected still. Nobody is told: who asked for it sees it."""
        now = timestamp(datetime.now(UTC))
        self.files.reject_again(
            item["dataset"], item["entry"], reason=why.reason, detail=why.detail, moment=now
        )
        self._write_reason({**item, "reason": why.reason, "detail": why.detail})

    def _move_aside(self, item: Item) -> None:
        bucket, key, target = item["landing_bucket"], item["landing_key"], item["rejected_key"]
        source = copy_source(bucket, key, item["version_id"])
        self.storage.copy(source, size_bytes=int(item["size_bytes"]), bucket=bucket, key=target)
        self._write_reason(item)
        self.storage.remove_if_current(bucket=bucket, key=key, version_id=item["version_id"])

    def _write_reason(self, item: Item) -> None:
        reason = {
            name: item[name]
            for name in ("dataset", "file_name", "landing_key", "received_at", "reason", "detail")
        }
        key = item["rejected_key"] + REASON_SUFFIX
        self.storage.write_json(bucket=item["landing_bucket"], key=key, content=reason)


def rejected_key(landing_key: str, date: str) -> str:
    """Where a rejected file goes, in the same bucket, outside what raises events.

    A key so long that S3 would not take what is added to it keeps its end, below a hash of the whole.
    """
    tail = landing_key.removeprefix(LANDING_PREFIX)
    key = f"{REJECTED_PREFIX}{date}/{tail}"
    if len(key.encode()) <= LONGEST_KEY_BYTES - len(REASON_SUFFIX):
        return key
    whole = hashlib.sha256(landing_key.encode()).hexdigest()[:HASH_CHARACTERS]
    end = tail.encode()[-LONGEST_TAIL_BYTES:].decode(errors="ignore")
    return f"{REJECTED_PREFIX}{date}/{whole}/{end}"
