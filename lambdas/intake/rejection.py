"""What happens to a file that cannot be accepted: recorded, moved aside with its reason, and told to people once.

The ledger entry is written first and holds everything that the later steps need, so a crash anywhere is finished by the
redelivered event without reading the file again. `alerted_at` is the last write and means: all of it is done.
Two events at once both do all of it; the name of the message lets one tell.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from contracts.alerts import Announcer, rejection_name
from contracts.errors import FileRejected
from contracts.ledger import FileLedger, Item, rejected_entry, timestamp
from contracts.naming import LANDING_PREFIX, REJECTED_PREFIX
from lambdas.intake.arrivals import Arrival
from lambdas.intake.storage import Source, Storage, copy_source

NEXT_STEP = {
    "not_in_contract": "Ask the partner to upload to an agreed folder, or add a contract for this folder.",
    "invalid_name": "Ask the partner to rename the file and upload it again.",
    "empty_file": "Ask the partner to upload the file again, with its content.",
    "no_rows": "If a day without rows is normal, nothing; otherwise ask the partner for the complete file.",
    "header_mismatch": "Ask the partner for the agreed columns, or change the contract and upload the file again.",
    "replay_origin": "Send it again with: slipway quarantine replay FILE --origin SHA",
    "too_large": "Ask the partner to split the file, or raise maxBytes in the contract and upload it again.",
}
LONGEST_KEY_BYTES = 1024  # Source: S3 user guide, "Naming Amazon S3 objects"
REASON_SUFFIX = ".reason.json"
HASH_CHARACTERS = 32
LONGEST_TAIL_BYTES = 900
OTHER_NEXT_STEP = "Ask the partner to correct the file and upload it again."


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """Records and announces rejected files."""

    environment: str
    files: FileLedger
    storage: Storage
    announcer: Announcer

    def unfinished_or_done(self, dataset: str, arrival: Arrival) -> Item | None:
        """The entry of an earlier rejection of this very delivery, or None."""
        return self.files.get(dataset, rejected_entry(arrival.key, arrival.sequencer))

    def record(self, dataset: str, arrival: Arrival, source: Source, why: FileRejected) -> Item:
        """Write the entry, or return the one that is there: the first decision stands."""
        received_at = timestamp(source.uploaded_at)
        item: Item = {
            "dataset": dataset,
            "entry": rejected_entry(arrival.key, arrival.sequencer),
            "status": "rejected",
            "file_name": arrival.file_name,
            "landing_key": arrival.key,
            "landing_bucket": arrival.bucket,
            "version_id": source.version_id,
            "rejected_key": rejected_key(arrival.key, received_at[:10]),
            "size_bytes": source.size_bytes,
            "received_at": received_at,
            "reason": why.reason,
            "detail": why.detail,
        }
        self.files.add(item)
        return self.files.get(dataset, item["entry"]) or item

    def finish(self, item: Item) -> None:
        """Move the file aside and tell people, unless that was done before."""
        if "alerted_at" in item:
            return
        self._move_aside(item)
        self.announcer.tell(
            rejection_name(item["dataset"], item["entry"]),
            topic="rejected",
            subject=f"[{self.environment}] file rejected: {item['file_name']} ({item['reason']})",
            body=alert_body(item),
            attributes={"dataset": item["dataset"], "severity": "warning", "reason": item["reason"]},
        )
        self.files.mark_alerted(item["dataset"], item["entry"], timestamp(datetime.now(UTC)))

    def _move_aside(self, item: Item) -> None:
        bucket, key, target = item["landing_bucket"], item["landing_key"], item["rejected_key"]
        source = copy_source(bucket, key, item["version_id"])
        self.storage.copy(source, size_bytes=int(item["size_bytes"]), bucket=bucket, key=target)
        reason = {
            name: item[name] for name in ("dataset", "file_name", "landing_key", "received_at", "reason", "detail")
        }
        self.storage.write_json(bucket=bucket, key=target + REASON_SUFFIX, content=reason)
        self.storage.remove_if_current(bucket=bucket, key=key, version_id=item["version_id"])


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


def alert_body(item: Item) -> str:
    """What, which file, why with the place, where it is now, what to do next."""
    place = f"s3://{item['landing_bucket']}/{item['rejected_key']}"
    return "\n".join(
        (
            f"A file was rejected and none of it was loaded: {item['file_name']}",
            "",
            f"Dataset:  {item['dataset']}",
            f"Uploaded: {item['landing_key']} at {item['received_at']}, {item['size_bytes']} bytes",
            f"Reason:   {item['reason']}: {item['detail']}",
            f"Now at:   {place} (reason beside it: .reason.json)",
            f"Next:     {NEXT_STEP.get(item['reason'], OTHER_NEXT_STEP)}",
        )
    )
