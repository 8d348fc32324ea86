"""What is known of a source between two calls: the fetch that is under way, and where the next one begins.

One DynamoDB item per source, written whole under a version: of two calls that work at once, the second to write loses,
so that a page is never counted twice. Entries `fetch#<id>` are what people look at, and decide nothing.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from contracts.errors import RetryableError
from pipeline.ledger.entries import Item
from sources.paging import Seen

STATE_ENTRY, FETCH_PREFIX = "state", "fetch#"
Status = Literal["running", "delivered", "unchanged", "empty", "failed"]


class SourceBusy(RetryableError):
    """Another call wrote while this one worked; what this one did since its last write has no effect."""


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """A fetch under way. Times are ISO 8601 in UTC; `since` is the watermark that it asks from.

    `position` is that of the next page (sources.paging); `parts` are the objects with the rows so far, in order.
    """

    fetch_id: str
    execution: str
    started_at: str
    since: str | None
    attempt: int = 1
    position: str | None = None
    has_all_pages: bool = False
    seen: Seen = field(default_factory=Seen)
    total: int | None = None
    parts: tuple[str, ...] = ()
    size_bytes: int = 0
    requests: int = 0
    failures: int = 0
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, kw_only=True)
class State:
    """What is kept of a source. `held_until` is when a fetch that nobody goes on with counts as dead.

    `last_execution` ended the last fetch, with `last_answer`: asked again, it hears the same.
    """

    version: int = 0
    watermark: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    held_until: str = ""
    fetch: Fetch | None = None
    last_execution: str = ""
    last_answer: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FetchLedger:
    """Operations on the table of one source, over a boto3 Table."""

    table: Any
    source: str

    def read(self) -> State:
        """The state as it is now (strongly consistent); an empty one before the first fetch."""
        key = {"source": self.source, "entry": STATE_ENTRY}
        item = self.table.get_item(Key=key, ConsistentRead=True).get("Item")
        return _state(json.loads(item["content"])) if item else State()

    def write(self, state: State) -> State:
        """Replace the state that `state` was made from; what is there now. Raises SourceBusy if that has changed."""
        new = dataclasses.replace(state, version=state.version + 1)
        item = {
            "source": self.source,
            "entry": STATE_ENTRY,
            "version": new.version,
            "content": json.dumps(dataclasses.asdict(new)),
        }
        try:
            self.table.put_item(
                Item=item,
                ConditionExpression="attribute_not_exists(entry) OR #version = :before",
                ExpressionAttributeNames={"#version": "version"},
                ExpressionAttributeValues={":before": state.version},
            )
        except self.table.meta.client.exceptions.ConditionalCheckFailedException as lost:
            raise SourceBusy(
                f"another call of source {self.source!r} went on with its fetch"
            ) from lost
        return new

    def note(self, fetch: Fetch, status: Status, *, moment: str, detail: str = "") -> None:
        """Write down what became of a fetch, for people."""
        self.table.put_item(
            Item={
                "source": self.source,
                "entry": f"{FETCH_PREFIX}{fetch.fetch_id}",
                "fetch_id": fetch.fetch_id,
                "status": status,
                "started_at": fetch.started_at,
                "changed_at": moment,
                "since": fetch.since or "",
                "attempt": fetch.attempt,
                "pages": fetch.seen.pages,
                "records": fetch.seen.records,
                "requests": fetch.requests,
                "size_bytes": fetch.size_bytes,
                "detail": detail,
            }
        )

    def newest(self, limit: int) -> list[Item]:
        """The newest fetches, the newest first."""
        page = self.table.query(
            KeyConditionExpression="#source = :source AND begins_with(entry, :prefix)",
            ExpressionAttributeNames={"#source": "source"},
            ExpressionAttributeValues={":source": self.source, ":prefix": FETCH_PREFIX},
            ScanIndexForward=False,
            Limit=limit,
        )
        return [dict(item) for item in page["Items"]]


def _state(data: dict[str, Any]) -> State:
    fetch = data["fetch"]
    if fetch:
        parts = tuple(fetch["parts"])
        data = {**data, "fetch": Fetch(**{**fetch, "parts": parts, "seen": Seen(**fetch["seen"])})}
    return State(**data)
