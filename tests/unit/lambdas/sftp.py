"""A partner's uploads by SFTP as intake sees them: objects in landing, and the records of all their events."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline import intake_messages
from tests.unit.lambdas.taking import message

BY_SFTP = {"user-agent": "AWSTransfer", "user-agent-id": "acme@s-1111aaaa2222bbbb3"}
Record = dict[str, Any]


@dataclass
class Sftp:
    """Uploads to an account, one every ten seconds of a clock of its own."""

    account: Any
    clock: datetime = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def put(self, key: str, body: bytes) -> dict[str, Record]:
        """An upload that was completed: its records by name, `landed` and `completed`."""
        started, ended = self._span()
        landed = self._landed(key, body, ended)
        told = {"etag": _object(landed)["etag"], "bytes": len(body), "file-path": f"/landing/{key}"}
        return {
            "landed": landed,
            "completed": self._told("sftp_upload_completed", started, ended, told),
        }

    def cut(self, key: str, body: bytes, *, etag: bool = False) -> dict[str, Record]:
        """An upload that broke off after `body`: `landed` and `failed`."""
        started, ended = self._span()
        landed = self._landed(key, body, ended)
        told = {"bytes": len(body), "file-path": f"/landing/{key}"}
        told |= {"etag": _object(landed)["etag"]} if etag else {}
        return {"landed": landed, "failed": self._told("sftp_upload_failed", started, ended, told)}

    def rename(self, old: str, new: str) -> dict[str, Record]:
        """A rename of what `old` holds: `copied`, the landing of the copy, and `renamed`."""
        started, ended = self._span()
        body = self.account.s3.get_object(Bucket="landing", Key=old)["Body"].read()
        copied = self._landed(new, body, ended)
        self.account.s3.delete_object(Bucket="landing", Key=old)
        told = {"original-file-path": f"/landing/{old}", "renamed-file-path": f"/landing/{new}"}
        return {
            "copied": copied,
            "renamed": self._told("sftp_rename_completed", started, ended, told),
        }

    def due(self) -> Record:
        """What the schedule sends."""
        return self._record(intake_messages.due(15))

    def accepted(self, landed: Record) -> Record:
        """What `slipway files accept` sends of an object."""
        item = _object(landed)
        meant = {
            "key": item["key"],
            "sequencer": item["sequencer"],
            "version_id": item["version-id"],
        }
        return self._record(intake_messages.accepted(bucket="landing", by="ada", **meant))

    def _span(self) -> tuple[datetime, datetime]:
        self.clock += timedelta(seconds=10)
        return self.clock, self.clock + timedelta(milliseconds=700)

    def _landed(self, key: str, body: bytes, at: datetime) -> Record:
        record: Record = self.account.upload(
            key, body, sequencer=f"{next(self.numbers):016X}", metadata=BY_SFTP
        )
        return {
            **record,
            "body": json.dumps(json.loads(record["body"]) | {"time": f"{at:%Y-%m-%dT%H:%M:%SZ}"}),
        }

    def _told(
        self, name: str, started: datetime, ended: datetime, detail: dict[str, Any]
    ) -> Record:
        event = self.account.event(name)
        event["detail"] |= detail | {
            "start-timestamp": _stamp(started),
            "end-timestamp": _stamp(ended),
        }
        return self._record(event)

    def _record(self, event: dict[str, Any]) -> Record:
        return message(f"message {next(self.numbers)}", json.dumps(event))


def _object(landed: Record) -> dict[str, Any]:
    return dict(json.loads(landed["body"])["detail"]["object"])


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}408Z"  # nanoseconds, as Transfer Family gives them
