"""The messages that intake takes from its queue: an object landed, how its upload ended, and what to do about it.

S3 and Transfer Family put their events there through EventBridge; three more are Slipway's own:
`Arrivals Due`, from a schedule, `Arrival Accepted`, from `slipway files accept`, and `Rejection
Reopened`, from `slipway files judge-again`. One function decides, one dead-letter queue keeps failures.
Source: Transfer Family user guide, "Transfer Family events detail reference".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from contracts.errors import PermanentError
from lambdas.intake.arrivals import Arrival, arrived
from pipeline.intake_messages import ARRIVAL_ACCEPTED, ARRIVALS_DUE, REJECTION_REOPENED
from pipeline.ledger import timestamp
from pipeline.ledger.transfers import Ending, Rename


@dataclass(frozen=True, kw_only=True)
class Uploaded:
    """Transfer Family ended an upload to `key`, whole or not."""

    bucket: str
    key: str
    ending: Ending


@dataclass(frozen=True, kw_only=True)
class Renamed:
    """Transfer Family completed a rename of `old_key` to `new_key`."""

    bucket: str
    old_key: str
    new_key: str
    started_at: str
    ended_at: str

    @property
    def as_origin(self) -> Rename:
        """As the new key's entry remembers it."""
        return Rename(key=self.old_key, started_at=self.started_at, ended_at=self.ended_at)

    @property
    def as_target(self) -> Rename:
        """As the old key's entry remembers it."""
        return Rename(key=self.new_key, started_at=self.started_at, ended_at=self.ended_at)


@dataclass(frozen=True, kw_only=True)
class Due:
    """It is time to set aside what landed `minutes` ago or earlier, if nothing has told how its upload ended."""

    minutes: int


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A person takes an object for a whole delivery."""

    bucket: str
    key: str
    sequencer: str
    version_id: str | None
    by: str


@dataclass(frozen=True, kw_only=True)
class Reopened:
    """A person wants a rejected file to be judged again, since the contract has changed."""

    dataset: str
    entry: str
    by: str


Told = Uploaded | Renamed | Due | Accepted  # of transfers
Event = Arrival | Told | Reopened


def parse(body: str) -> Event:
    """The event of an SQS message body.

    Raises PermanentError when it is none of those that intake takes; the message then ends in the dead-letter queue.
    """
    try:
        event: dict[str, Any] = json.loads(body)
        kind = event["detail-type"]
        if kind not in _PARSERS:
            raise PermanentError(
                f"event {kind!r} is none that intake takes; correct the pattern of the rule that sent it"
            )
        return _PARSERS[kind](event)
    except (KeyError, TypeError, ValueError) as error:
        raise PermanentError(
            f"not an event from EventBridge as documented ({error!r}): {body[:500]!r}"
        ) from error


def keys(event: Event) -> tuple[str, ...]:
    """The landing keys that an event is about."""
    match event:
        case Arrival() | Uploaded() | Accepted():
            return (event.key,)
        case Renamed():
            return (event.old_key, event.new_key)
        case Due() | Reopened():
            return ()
        case _:
            assert_never(event)


def _uploaded(event: Mapping[str, Any]) -> Uploaded:
    detail = event["detail"]
    bucket, key = _place(detail["file-path"])
    started_at, ended_at = _times(event)
    size = detail.get("bytes")
    ending = Ending(
        is_complete=event["detail-type"].endswith("Completed"),
        etag=str(detail.get("etag") or "").strip('"'),
        size_bytes=None if size is None else int(size),
        started_at=started_at,
        ended_at=ended_at,
        detail=_why_it_failed(detail),
    )
    return Uploaded(bucket=bucket, key=key, ending=ending)


def _why_it_failed(detail: Mapping[str, Any]) -> str:
    code, message = detail.get("failure-code", ""), detail.get("failure-message", "")
    return ": ".join(part for part in (code, message) if part)


def _renamed(event: Mapping[str, Any]) -> Renamed:
    bucket, old_key = _place(event["detail"]["original-file-path"])
    _, new_key = _place(event["detail"]["renamed-file-path"])
    started_at, ended_at = _times(event)
    return Renamed(
        bucket=bucket, old_key=old_key, new_key=new_key, started_at=started_at, ended_at=ended_at
    )


def _due(event: Mapping[str, Any]) -> Due:
    return Due(minutes=int(event["detail"]["minutes"]))


def _accepted(event: Mapping[str, Any]) -> Accepted:
    detail = event["detail"]
    return Accepted(
        **{name: detail[name] for name in ("bucket", "key", "sequencer", "version_id", "by")}
    )


def _reopened(event: Mapping[str, Any]) -> Reopened:
    return Reopened(**{name: event["detail"][name] for name in ("dataset", "entry", "by")})


def _place(path: str) -> tuple[str, str]:
    """Bucket and key of `/<bucket>/<key>`, which is what a path of a server on S3 is."""
    bucket, _, key = path.removeprefix("/").partition("/")
    if not bucket or not key:
        raise ValueError(f"{path!r} is not /<bucket>/<key>")
    return bucket, key


def _times(event: Mapping[str, Any]) -> tuple[str, str]:
    """Start and end of an operation. They are documented for those that succeed; others have the event's own time."""
    detail = event["detail"]
    ended = detail.get("end-timestamp") or event["time"]
    started = detail.get("start-timestamp") or ended
    return _timestamp(started), _timestamp(ended)


def _timestamp(text: str) -> str:
    return timestamp(datetime.fromisoformat(text))  # nanoseconds are cut to microseconds


_PARSERS: dict[str, Callable[[Mapping[str, Any]], Event]] = {
    "Object Created": arrived,
    "SFTP Server File Upload Completed": _uploaded,
    "SFTP Server File Upload Failed": _uploaded,
    "SFTP Server File Rename Completed": _renamed,
    ARRIVALS_DUE: _due,
    ARRIVAL_ACCEPTED: _accepted,
    REJECTION_REOPENED: _reopened,
}
