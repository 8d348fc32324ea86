"""What happens to an object whose upload is not known to be complete: it stays where it is, on record, and people are
told once. No row of it is loaded, and nothing is lost: it can be accepted, and a whole upload of its name replaces it.

The entry is written first and holds what the message needs; `alerted_at` is the last write, so a crash anywhere is
finished by the redelivered event.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pipeline.alerts import Announcer, rejections_of
from pipeline.bursts import Bursts
from pipeline.ledger import FileLedger, Item, incomplete_entry, timestamp
from pipeline.ledger.transfers import Transfers, Version

Reason = Literal[
    "transfer_ended_early", "transfer_unconfirmed", "checksum_missing", "checksum_differs"
]
ENDED_EARLY: Reason = "transfer_ended_early"
UNCONFIRMED: Reason = "transfer_unconfirmed"
CHECKSUM_MISSING: Reason = "checksum_missing"
CHECKSUM_DIFFERS: Reason = "checksum_differs"


@dataclass(frozen=True, kw_only=True)
class Incomplete:
    """Sets objects aside; those of one dataset within `burst_seconds` are told in one message, with rejected files."""

    environment: str
    burst_seconds: int
    files: FileLedger
    bursts: Bursts
    announcer: Announcer

    def set_aside(
        self, dataset: str, facts: Transfers, version: Version, reason: Reason, detail: str
    ) -> None:
        """Record it and arrange that people are told, unless that was done before; the first reason stands."""
        item = self._entry(dataset, facts, version, reason, detail)
        self.files.add(item)
        known = self.files.get(dataset, item["entry"]) or item
        if "alerted_at" in known:
            return
        now = datetime.now(UTC)
        burst = self.bursts.join(rejections_of(dataset), known["entry"], known["reason"])
        tell_at = now + timedelta(seconds=self.burst_seconds)
        self.announcer.tell_of_burst(
            dataset, burst, digest="rejected", environment=self.environment, at=tell_at
        )
        self.files.mark_alerted(dataset, known["entry"], timestamp(now))

    def replaced(self, dataset: str, key: str, version: Version, detail: str) -> None:
        """Nobody has to look at it any more, because of `detail`; nothing to do when it was never set aside."""
        self.files.replace_incomplete(dataset, incomplete_entry(key, version.sequencer), detail)

    @staticmethod
    def _entry(
        dataset: str, facts: Transfers, version: Version, reason: Reason, detail: str
    ) -> Item:
        return {
            "dataset": dataset,
            "entry": incomplete_entry(facts.key, version.sequencer),
            "status": "incomplete",
            "file_name": facts.key.rpartition("/")[2],
            "landing_key": facts.key,
            "landing_bucket": facts.bucket,
            "version_id": version.version_id,
            "sequencer": version.sequencer,
            "size_bytes": version.size_bytes,
            "received_at": version.created_at,
            "reason": reason,
            "detail": detail,
        }
