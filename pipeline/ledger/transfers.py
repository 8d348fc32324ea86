"""What is known of the transfers to one landing key, and whether an object that landed there is a whole delivery.

S3 says that an object is there; Transfer Family says how its upload ended. The events come in any order, repeated, and
those of Transfer Family not always. Each is a fact of one entry per key, kept by conditional writes; whoever wrote a
fact judges what all facts say, so that the last writer sees them all. This module only reads and writes the ledger.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

from contracts.errors import RetryableError
from pipeline.ledger import items
from pipeline.ledger.entries import BY_STATUS, Item, dataset_status, transfer_entry

# S3 gives whole seconds, Transfer Family nanoseconds, each by its own clock.
CLOCKS = timedelta(seconds=2)
# A client that went silent is dropped after 300 seconds (Transfer Family user guide, "Transferring files over a server
# endpoint using a client"), and only then is what it sent an object.
SILENCE = timedelta(minutes=10)
LONGEST_CHAIN = 5  # renames of a file that was renamed
# An entry has 400 KB (DynamoDB quotas), and each of these takes some 300 bytes. Open versions are never dropped.
MOST_SETTLED = 50
MOST_FACTS = 100
MOST_TRIES = 50

# ignored: a temporary name, of interest only because it may be renamed. incomplete: set aside. replaced: it was, and a
# whole upload of its name came.
Outcome = Literal["pending", "ignored", "taken", "incomplete", "replaced"]
OPEN: tuple[Outcome, ...] = ("pending", "incomplete", "replaced")  # until it is known to be whole
KEPT: tuple[Outcome, ...] = ("pending", "incomplete")


def in_order(sequencer: str) -> str:
    """A sequencer as events of one key are compared by it; of different keys it says nothing.

    Source: S3 user guide, "Event message structure", sequencer: hexadecimal, the shorter is padded with zeros.
    """
    return sequencer.upper().ljust(64, "0")


@dataclass(frozen=True, kw_only=True)
class Version:
    """One object that landed, by its S3 event. `created_at` has whole seconds; `accepted_by` is a person.

    `is_stored_whole`: it did not come by SFTP, and S3 stores no half of an object.
    """

    sequencer: str
    version_id: str | None
    etag: str
    size_bytes: int
    created_at: str
    outcome: Outcome = "pending"
    accepted_by: str | None = None
    is_stored_whole: bool = False

    def is_same(self, other: Version) -> bool:
        """Whether both are of one S3 event."""
        return (self.sequencer, self.version_id) == (other.sequencer, other.version_id)

    @property
    def order(self) -> str:
        """Objects of one key are in the order of this."""
        return in_order(self.sequencer)


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How an upload ended, by Transfer Family. `etag` is "" and `size_bytes` None where the event does not say."""

    is_complete: bool
    etag: str
    size_bytes: int | None
    started_at: str
    ended_at: str
    detail: str

    def is_of(self, version: Version) -> bool:
        """Whether `version` is what the upload left: by its entity tag, otherwise by its size and time."""
        if self.etag and version.etag:
            return self.etag == version.etag
        late = CLOCKS if self.is_complete else SILENCE
        created = _moment(version.created_at)
        in_time = _moment(self.started_at) - CLOCKS <= created <= _moment(self.ended_at) + late
        return in_time and self.size_bytes == version.size_bytes


@dataclass(frozen=True, kw_only=True)
class Rename:
    """A rename that Transfer Family completed; `key` is the other key, the old or the new one."""

    key: str
    started_at: str
    ended_at: str

    def made(self, version: Version) -> bool:
        """Whether `version` may be the copy that the rename made."""
        created = _moment(version.created_at)
        return _moment(self.started_at) - CLOCKS <= created <= _moment(self.ended_at) + CLOCKS


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """What a partner says that the checksum of a file is; `ended_at` and `started_at`: when that landed."""

    digest: str
    started_at: str
    ended_at: str


@dataclass(frozen=True, kw_only=True)
class Complete:
    """The object is a whole delivery, since `at` where an event says so; `why` for the record."""

    at: str | None
    why: str


@dataclass(frozen=True, kw_only=True)
class EndedEarly:
    """The object is what was left of an upload that broke off."""

    detail: str


@dataclass(frozen=True, kw_only=True)
class Transfers:
    """All facts about one key."""

    key: str
    bucket: str
    versions: tuple[Version, ...] = ()
    endings: tuple[Ending, ...] = ()
    came_from: tuple[Rename, ...] = ()
    went_to: tuple[Rename, ...] = ()
    checksums: tuple[Claimed, ...] = ()
    revision: int = 0

    @property
    def open(self) -> list[Version]:
        """Objects that would be taken if they proved whole, in the order in which they came."""
        return [version for version in self.versions if version.outcome in OPEN]

    def with_version(self, version: Version) -> Transfers:
        """After an object landed; a repeated event changes nothing."""
        if any(version.is_same(known) for known in self.versions):
            return self
        versions = sorted((*self.versions, version), key=lambda each: each.order)
        return replace(self, versions=_settled_ones_dropped(versions))

    def with_ending(self, ending: Ending) -> Transfers:
        """After an upload ended."""
        return replace(self, endings=_with(self.endings, ending))

    def with_origin(self, rename: Rename) -> Transfers:
        """After another key was renamed to this one."""
        return replace(self, came_from=_with(self.came_from, rename))

    def with_target(self, rename: Rename) -> Transfers:
        """After this key was renamed to another one."""
        return replace(self, went_to=_with(self.went_to, rename))

    def with_checksum(self, checksum: Claimed) -> Transfers:
        """After a checksum landed beside it."""
        return replace(self, checksums=_with(self.checksums, checksum))

    def marked(self, version: Version, **changes: Any) -> Transfers:
        """After the outcome of one object, or who accepted it, changed."""
        marked = (
            replace(each, **changes) if each.is_same(version) else each for each in self.versions
        )
        return replace(self, versions=tuple(marked))

    def has_taken_after(self, version: Version) -> bool:
        """Whether a later object of the key is a delivery."""
        return any(each.outcome == "taken" and each.order > version.order for each in self.versions)

    def renamed_by(self, rename: Rename, size_bytes: int) -> list[Version]:
        """The objects of this key of which the one with `size_bytes` may be what `rename` copied.

        That is the newest one before it; those within the two clocks' difference cannot be told apart by time.
        """
        started = _moment(rename.started_at)
        before = [
            version for version in self.versions if _moment(version.created_at) <= started + CLOCKS
        ]
        near = [version for version in before if _moment(version.created_at) >= started - CLOCKS]
        if fitting := [version for version in near if version.size_bytes == size_bytes]:
            return fitting
        older = [version for version in before if version not in near][-1:]
        return [
            each
            for each in older
            if each.size_bytes == size_bytes and not self._was_gone(each, rename)
        ]

    def _was_gone(self, version: Version, rename: Rename) -> bool:
        """Whether an earlier rename had taken it away already."""
        created = _moment(version.created_at)
        return any(
            created < _moment(other.started_at) - CLOCKS and other.ended_at < rename.started_at
            for other in self.went_to
        )


def judged(
    version: Version,
    facts: Transfers,
    of: Callable[[str], Transfers],
    *,
    chain: int = LONGEST_CHAIN,
) -> Complete | EndedEarly | None:
    """What the facts say of an object; None while they say nothing. `of` reads the facts about another key."""
    if version.accepted_by:
        return Complete(at=None, why=f"accepted by {version.accepted_by}")
    if version.is_stored_whole:
        return Complete(at=None, why="S3 stored it whole")
    endings = [ending for ending in facts.endings if ending.is_of(version)]
    if completed := [ending for ending in endings if ending.is_complete]:
        return Complete(
            at=_first_after(completed, version).ended_at, why="its upload was completed"
        )
    by_rename = _judged_by_renames(version, facts, of, chain=chain) if chain else None
    if isinstance(by_rename, Complete) or not endings:
        return by_rename
    return EndedEarly(detail=endings[-1].detail)


def _judged_by_renames(
    version: Version, facts: Transfers, of: Callable[[str], Transfers], *, chain: int
) -> Complete | EndedEarly | None:
    found: EndedEarly | None = None
    for rename in facts.came_from:
        if not rename.made(version):
            continue
        origin = of(rename.key)
        for source in origin.renamed_by(rename, version.size_bytes):
            match judged(source, origin, of, chain=chain - 1):
                case Complete():
                    return Complete(
                        at=rename.ended_at, why=f"{rename.key} was renamed to it when complete"
                    )
                case EndedEarly(detail=detail):
                    found = EndedEarly(detail=f"{rename.key} was renamed to it: {detail}")
                case None:
                    pass
    return found


@dataclass(frozen=True)
class TransferLedger:
    """The facts in the file ledger table, one entry per landing key."""

    table: Any

    def read(self, dataset: str, bucket: str, key: str) -> Transfers:
        """All facts about a key (strongly consistent); none if nothing is known."""
        item = items.get(self.table, dataset, transfer_entry(key))
        return _of_item(item) if item else Transfers(key=key, bucket=bucket)

    def overdue(self, dataset: str, before: str) -> list[Transfers]:
        """Keys of a dataset of which an object that landed by then (`before`) is pending.

        The index may lag (eventually consistent); each entry is read as it is now.
        """
        query = {
            "IndexName": BY_STATUS,
            "KeyConditionExpression": "dataset_status = :arriving AND received_at <= :before",
            "ExpressionAttributeValues": {
                ":arriving": dataset_status(dataset, "arriving"),
                ":before": before,
            },
        }
        known = [
            items.get(self.table, dataset, each["entry"]) for each in items.every(self.table, query)
        ]
        return [_of_item(item) for item in known if item is not None]

    def change(
        self, dataset: str, bucket: str, key: str, change: Callable[[Transfers], Transfers]
    ) -> Transfers:
        """Make one change, whatever others write meanwhile: all facts as they are then.

        Raises RetryableError when too many others write.
        """
        for _ in range(MOST_TRIES):
            known = self.read(dataset, bucket, key)
            changed = change(known)
            if changed == known or self._put(dataset, changed):
                return changed
        raise RetryableError(
            f"others kept changing the entry of {key!r} in the file ledger; it is tried again"
        )

    def _put(self, dataset: str, facts: Transfers) -> bool:
        item = _item(dataset, replace(facts, revision=facts.revision + 1))
        if facts.revision:
            return items.put(self.table, item, "revision = :was", {":was": facts.revision})
        return items.put(self.table, item, "attribute_not_exists(entry)")


def pending(item: Item) -> list[Version]:
    """The objects of a transfer entry that wait for the end of their upload to be known."""
    return [version for version in _of_item(item).versions if version.outcome == "pending"]


def _item(dataset: str, facts: Transfers) -> Item:
    waiting = [version.created_at for version in facts.versions if version.outcome == "pending"]
    times = waiting or [version.created_at for version in facts.versions] or _times_of_facts(facts)
    index = {"dataset_status": dataset_status(dataset, "arriving")} if waiting else {}
    return {
        "dataset": dataset,
        "entry": transfer_entry(facts.key),
        "status": "arriving" if waiting else "arrived",
        **index,
        "file_name": facts.key.rpartition("/")[2],
        "landing_key": facts.key,
        "landing_bucket": facts.bucket,
        "received_at": min(times),
        "revision": facts.revision,
        "versions": [dataclasses.asdict(each) for each in facts.versions],
        "endings": [dataclasses.asdict(each) for each in facts.endings],
        "came_from": [dataclasses.asdict(each) for each in facts.came_from],
        "went_to": [dataclasses.asdict(each) for each in facts.went_to],
        **(
            {"checksums": list(map(dataclasses.asdict, facts.checksums))} if facts.checksums else {}
        ),
    }


def _times_of_facts(facts: Transfers) -> list[str]:
    renames = (*facts.came_from, *facts.went_to)
    return [
        *(checksum.ended_at for checksum in facts.checksums),
        *(ending.ended_at for ending in facts.endings),
        *(rename.ended_at for rename in renames),
    ]


def _of_item(item: Item) -> Transfers:
    return Transfers(
        key=item["landing_key"],
        bucket=item["landing_bucket"],
        versions=tuple(Version(**_whole_numbers(each)) for each in item["versions"]),
        endings=tuple(Ending(**_whole_numbers(each)) for each in item["endings"]),
        came_from=tuple(Rename(**each) for each in item["came_from"]),
        went_to=tuple(Rename(**each) for each in item["went_to"]),
        checksums=tuple(Claimed(**each) for each in item.get("checksums", ())),
        revision=int(item["revision"]),
    )


def _whole_numbers(fields: Mapping[str, Any]) -> dict[str, Any]:
    """DynamoDB gives numbers as Decimal."""
    size = fields["size_bytes"]
    return {**fields, "size_bytes": None if size is None else int(size)}


def _first_after(endings: Sequence[Ending], version: Version) -> Ending:
    """Of several completed uploads of the same bytes the one that left this object."""
    created = _moment(version.created_at) - CLOCKS
    in_order = sorted(endings, key=lambda ending: ending.ended_at)
    return next((each for each in in_order if _moment(each.ended_at) >= created), in_order[-1])


def _settled_ones_dropped(versions: Sequence[Version]) -> tuple[Version, ...]:
    settled = [version for version in versions if version.outcome not in KEPT]
    dropped = settled[:-MOST_SETTLED]
    return tuple(version for version in versions if version not in dropped)


_Fact = TypeVar("_Fact", bound=Ending | Rename | Claimed)


def _with(facts: tuple[_Fact, ...], fact: _Fact) -> tuple[_Fact, ...]:
    if fact in facts:
        return facts
    every: list[_Fact] = [*facts, fact]
    return tuple(sorted(every, key=lambda each: (each.ended_at, each.started_at))[-MOST_FACTS:])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
