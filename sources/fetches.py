"""What is known of a source between two calls: the fetch that is under way, and where the next one begins.

One DynamoDB item per source, written whole under a version: of two calls that work at once, the second to write loses,
so that a page is never counted twice. Entries `file#<hash>` say which version of a file was delivered last. Entries
`fetch#<id>` are what people look at, and decide nothing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

from contracts.errors import RetryableError
from pipeline.ledger.entries import Item
from sources.files import RemoteFile
from sources.keys import KeyPieces, KnownKeys, other_generation, pieces
from sources.paging import Seen

STATE_ENTRY, FETCH_PREFIX, FILE_PREFIX = "state", "fetch#", "file#"
MOST_KEYS = 100  # of one request. Source: DynamoDB API reference, BatchGetItem
Status = Literal["running", "delivered", "unchanged", "empty", "failed"]


class SourceBusy(RetryableError):
    """Another call wrote while this one worked; what this one did since its last write has no effect."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A large file that is being delivered: the ETags of the parts that landing has of it, in order."""

    file: RemoteFile
    key: str
    upload_id: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FilesSeen:
    """What a fetch of files has done: how many it delivered, why it could not have others, and the one under way."""

    delivered: int = 0
    refused: tuple[tuple[str, str], ...] = ()  # (path, why)
    upload: Upload | None = None


@dataclass(frozen=True, kw_only=True)
class TableSeen:
    """What an extract of a table has done.

    `next_watermark` is what the next extract reads from, taken before the first row; None: everything again. `records`
    and `totals` are of the file under way, as the database counted them; `delivered` are those before it. `notes` are
    for people. `snapshots` are those that its calls read, in the words of the database; `keys` are those of the table.
    """

    begun: bool = False
    next_watermark: str | None = None
    notes: tuple[str, ...] = ()
    records: int = 0
    totals: tuple[tuple[str, str], ...] = ()
    delivered: tuple[str, ...] = ()
    snapshots: tuple[str, ...] = ()
    keys: KnownKeys | None = None


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """A fetch under way. Times are ISO 8601 in UTC; `since` is the watermark that it asks from. `accepts_deleted`: an
    operator has looked at how many rows were deleted, so that it is not refused for them. `plan` is the seal of what it
    must read (sources.plans); None: whatever there is.

    `position` is that of the next page (sources.paging); `parts` are the objects with the rows so far, in order. Only
    `files` is of a source that has files, only `table` of one that is a table.
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
    files: FilesSeen = field(default_factory=FilesSeen)
    table: TableSeen = field(default_factory=TableSeen)
    accepts_deleted: bool = False
    plan: str | None = None


@dataclass(frozen=True, kw_only=True)
class State:
    """What is kept of a source. `held_until` is when a fetch that nobody goes on with counts as dead. `keys` are those
    that its table had at the last extract that ended.

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
    keys: KnownKeys | None = None


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
                "files": fetch.files.delivered,
                "requests": fetch.requests,
                "size_bytes": fetch.size_bytes,
                "snapshots": list(fetch.table.snapshots),
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

    def key_pieces(self, before: KnownKeys | None) -> KeyPieces:
        """Writes keys where those that are known stay."""
        return KeyPieces(table=self.table, source=self.source, generation=other_generation(before))

    def keys(self, known: KnownKeys) -> Iterator[bytes]:
        """Keys that were kept, some at a time."""
        return pieces(self.table, self.source, known)

    def told_apart(self, files: Iterable[RemoteFile]) -> Iterator[tuple[RemoteFile, bool]]:
        """Each of `files`, and whether this very version of it was never delivered."""
        rest = iter(files)
        while some := list(islice(rest, MOST_KEYS)):
            known = self._versions(some)
            yield from ((file, known.get(file.path) != file.version) for file in some)

    def remember(self, file: RemoteFile, *, fetch_id: str, landing_key: str, moment: str) -> None:
        """This version was delivered; it takes the place of the one before."""
        self.table.put_item(
            Item={
                **self._file_key(file),
                "path": file.path,
                "version": file.version,
                "size_bytes": file.size_bytes,
                "modified_at": file.modified_at,
                "fetch_id": fetch_id,
                "landing_key": landing_key,
                "delivered_at": moment,
            }
        )

    def _versions(self, files: Sequence[RemoteFile]) -> dict[str, str]:
        """The version that was delivered last, by path."""
        client, name = self.table.meta.client, self.table.name
        keys = [*{file.path: self._file_key(file) for file in files}.values()]
        asked, known = {name: {"Keys": keys, "ConsistentRead": True}}, {}
        # What one answer has no room for, or was throttled, is named in it.
        while asked:
            answer = client.batch_get_item(RequestItems=asked)
            items = answer["Responses"].get(name, [])
            known.update({str(item["path"]): str(item["version"]) for item in items})
            asked = answer.get("UnprocessedKeys", {})
        return known

    def _file_key(self, file: RemoteFile) -> dict[str, str]:
        digest = hashlib.sha256(file.path.encode("utf-8", "surrogateescape")).hexdigest()
        return {"source": self.source, "entry": f"{FILE_PREFIX}{digest}"}


def _state(data: dict[str, Any]) -> State:
    fetch = data["fetch"]
    if fetch:
        parts, files = tuple(fetch["parts"]), _files(fetch.get("files"))
        fetch = {**fetch, "parts": parts, "seen": Seen(**fetch["seen"]), "files": files}
        fetch["table"] = _table(fetch.get("table"))
        data = {**data, "fetch": Fetch(**fetch)}
    return State(**{**data, "keys": _keys(data.get("keys"))})


def _keys(data: dict[str, Any] | None) -> KnownKeys | None:
    return KnownKeys(**data) if data else None


def _table(data: dict[str, Any] | None) -> TableSeen:
    if data is None:  # written before sources could be tables
        return TableSeen()
    totals = tuple((str(name), str(total)) for name, total in data["totals"])
    # snapshots: not written by versions before 29 November 2026
    lists = {name: tuple(data.get(name, ())) for name in ("notes", "delivered", "snapshots")}
    return TableSeen(**{**data, **lists, "totals": totals, "keys": _keys(data.get("keys"))})


def _files(data: dict[str, Any] | None) -> FilesSeen:
    if data is None:  # written before sources could have files
        return FilesSeen()
    upload = data["upload"]
    if upload:
        file = RemoteFile(**upload["file"])
        upload = Upload(**{**upload, "file": file, "parts": tuple(upload["parts"])})
    refused = tuple((path, why) for path, why in data["refused"])
    return FilesSeen(delivered=data["delivered"], refused=refused, upload=upload)
