"""Which objects are whole: every order of their events, each lost, late or repeated, over a ledger in memory.

The same as test_transfers.py shows with the whole of intake, thousands of times.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from contracts import model
from lambdas.intake.arrivals import Arrival
from lambdas.intake.completion import Completion
from lambdas.intake.events import Accepted, Due, Event, Renamed, Uploaded
from pipeline.ledger import timestamp
from pipeline.ledger.transfers import Ending, TransferLedger, Transfers, Version

FOLDER = "partners/acme/sales_records"
DUE = Due(minutes=15)
MUCH_LATER = datetime(2026, 12, 24, tzinfo=UTC)
KEY, PART = f"{FOLDER}/orders.csv", f"{FOLDER}/orders.csv.part"


class ConditionFailed(Exception):
    """As boto3 names it, in the table's client."""


class Crash(Exception):
    """What a test injects right after a write."""


class Table:
    """The few calls of a DynamoDB table that the transfer ledger makes."""

    meta = SimpleNamespace(
        client=SimpleNamespace(
            exceptions=SimpleNamespace(ConditionalCheckFailedException=ConditionFailed)
        )
    )

    def __init__(self) -> None:
        self.entries: dict[str, dict[str, Any]] = {}
        self.writes = 0
        self.crash_after = 0

    def get_item(self, *, Key: Mapping[str, str], ConsistentRead: bool) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert ConsistentRead
        known = self.entries.get(Key["entry"])
        return {"Item": known} if known else {}

    def query(self, **request: Any) -> dict[str, Any]:
        values = request["ExpressionAttributeValues"]
        found = (
            each
            for each in self.entries.values()
            if each.get("dataset_status") == values[":arriving"]
        )
        return {"Items": [each for each in found if each["received_at"] <= values[":before"]]}

    def put_item(
        self,
        *,
        Item: dict[str, Any],  # noqa: N803 - boto3's names
        ConditionExpression: str,  # noqa: N803 - boto3's names
        ExpressionAttributeValues: Mapping[str, Any] | None = None,  # noqa: N803 - boto3's names
    ) -> None:
        known = self.entries.get(Item["entry"])
        if ConditionExpression == "attribute_not_exists(entry)":
            holds = known is None
        else:
            assert ConditionExpression == "revision = :was"
            holds = (
                known is not None and known["revision"] == (ExpressionAttributeValues or {})[":was"]
            )
        if not holds:
            raise ConditionFailed
        self.entries[Item["entry"]] = Item
        self.writes += 1
        if self.writes == self.crash_after:
            raise Crash


@dataclass
class Aside:
    """Remembers what was set aside and not replaced since, and how often people were told."""

    open: dict[tuple[str, str], str] = field(default_factory=dict)
    told: int = 0

    def set_aside(
        self, _dataset: str, facts: Transfers, version: Version, reason: str, _detail: str
    ) -> None:
        self.told += (facts.key, version.sequencer) not in self.open
        self.open[facts.key, version.sequencer] = reason

    def replaced(self, _dataset: str, key: str, version: Version, _detail: str) -> None:
        self.open.pop((key, version.sequencer), None)


class Intake:
    """Takes what completion says is whole."""

    def __init__(self) -> None:
        self.aside = Aside()
        self.table = Table()
        ledger: Any = TransferLedger(self.table)
        aside: Any = self.aside
        self.completion = Completion(
            contracts=[model.load("sales_records")],
            transfers=ledger,
            incomplete=aside,
            now=lambda: MUCH_LATER,
        )
        self.taken: dict[str, str | None] = {}

    def give(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, Arrival):
                outcome: Any = "ignored" if event.key.endswith(".part") else "pending"
                wholes = self.completion.landed(event, outcome)
            else:
                wholes = self.completion.told(event)
            for whole in wholes:
                self.taken[whole.arrival.sequencer] = whole.arrival.completed_at
                self.completion.taken(whole)


@dataclass
class Partner:
    """Uploads; the clock goes on by `pace` with each. S3 gives whole seconds."""

    pace: timedelta = timedelta(seconds=10)
    clock: datetime = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
    numbers: Any = field(default_factory=lambda: itertools.count(1))
    sizes: dict[str, int] = field(default_factory=dict)

    def put(self, key: str, size: int = 100) -> list[Event]:
        return self._upload(key, size, is_complete=True)

    def cut(self, key: str, size: int = 50) -> list[Event]:
        return self._upload(key, size, is_complete=False)

    def rename(self, old: str, new: str) -> list[Event]:
        started, ended = self._span()
        arrival = self._arrival(new, self.sizes.pop(old), ended)
        at = {"started_at": timestamp(started), "ended_at": timestamp(ended)}
        return [arrival, Renamed(bucket="landing", old_key=old, new_key=new, **at)]

    def _upload(self, key: str, size: int, *, is_complete: bool) -> list[Event]:
        started, ended = self._span()
        arrival = self._arrival(key, size, ended)
        ending = Ending(
            is_complete=is_complete,
            etag=arrival.etag if is_complete else "",
            size_bytes=size,
            started_at=timestamp(started),
            ended_at=timestamp(ended),
            detail="" if is_complete else "PARTIAL_UPLOAD",
        )
        return [arrival, Uploaded(bucket="landing", key=key, ending=ending)]

    def _arrival(self, key: str, size: int, at: datetime) -> Arrival:
        number = next(self.numbers)
        self.sizes[key] = size
        return Arrival(
            bucket="landing",
            key=key,
            etag=f"etag of {number}",  # also of a copy: that of an object under a KMS key is no hash of its content
            version_id=f"version {number}",
            sequencer=f"{number:X}",
            size_bytes=size,
            created_at=timestamp(at.replace(microsecond=0)),
        )

    def _span(self) -> tuple[datetime, datetime]:
        started = self.clock
        self.clock += self.pace
        return started, started + self.pace * 0.7


def arrivals(events: Sequence[Event]) -> list[Arrival]:
    return [event for event in events if isinstance(event, Arrival)]


def sequencer(event: Event) -> str:
    assert isinstance(event, Arrival)
    return event.sequencer


def accepted(arrival: Arrival) -> Accepted:
    meant = {"sequencer": arrival.sequencer, "version_id": arrival.version_id}
    return Accepted(bucket=arrival.bucket, key=arrival.key, by="ada", **meant)


@pytest.mark.parametrize("repeats", [1, 2])
def test_an_upload_is_taken_with_the_last_of_its_events(repeats: int) -> None:
    events = Partner().put(KEY)
    for order in itertools.permutations(events):
        intake = Intake()
        intake.give(order[:1] * repeats)
        assert intake.taken == {}
        intake.give(order[1:] * repeats)
        assert intake.taken == {"1": "2026-11-20T08:00:07.000000Z"}


@pytest.mark.parametrize("pace", [timedelta(seconds=10), timedelta(milliseconds=100)])
def test_a_renamed_file_is_taken_with_the_last_of_its_events(pace: timedelta) -> None:
    partner = Partner(pace=pace)
    events = [*partner.put(PART), *partner.rename(PART, KEY)]
    copy = events[2]
    for order in itertools.permutations(events):
        intake = Intake()
        for count in range(4):
            intake.give(order[:count])
            assert intake.taken == {}
        intake.give(order)
        assert list(intake.taken) == [sequencer(copy)]
        assert intake.aside.told == 0


def test_whichever_events_of_a_rename_are_lost_it_is_taken_only_with_all_four() -> None:
    partner = Partner()
    events = [*partner.put(PART), *partner.rename(PART, KEY)]
    copy = arrivals(events)[1]
    for count in (1, 2, 3):
        for kept in itertools.combinations(events, count):
            if copy not in kept:
                continue
            intake = Intake()
            intake.give([*kept, DUE, DUE])
            assert intake.taken == {}
            assert intake.aside.open == {(KEY, copy.sequencer): "transfer_unconfirmed"}
            intake.give([accepted(copy), accepted(copy)])
            assert list(intake.taken) == [copy.sequencer]
            assert (intake.aside.open, intake.aside.told) == ({}, 1)


def test_what_was_lost_and_comes_late_has_the_file_taken() -> None:
    partner = Partner()
    events = [*partner.put(PART), *partner.rename(PART, KEY)]
    copy = arrivals(events)[1]
    for late in events:
        if late != copy:
            intake = Intake()
            intake.give([*(event for event in events if event != late), DUE, late])
            assert (list(intake.taken), intake.aside.open) == ([copy.sequencer], {})


def test_a_cut_upload_is_replaced_by_the_whole_one_in_every_order() -> None:
    partner = Partner()
    cut, whole = partner.cut(KEY), partner.put(KEY)
    for order in itertools.permutations([*cut, *whole]):
        intake = Intake()
        intake.give(order)
        assert (list(intake.taken), intake.aside.open) == ([sequencer(whole[0])], {})
        assert intake.aside.told <= 1


def test_a_cut_upload_is_replaced_by_a_whole_one_that_was_renamed_in_every_order() -> None:
    partner = Partner()
    cut, whole = partner.cut(KEY), [*partner.put(PART), *partner.rename(PART, KEY)]
    for order in itertools.permutations([*cut, *whole]):
        intake = Intake()
        intake.give(order)
        assert (list(intake.taken), intake.aside.open) == ([sequencer(whole[2])], {})


def test_a_cut_upload_whose_failure_was_lost_is_told_although_a_whole_one_came() -> None:
    partner = Partner()
    cut, whole = partner.cut(KEY), partner.put(KEY)
    intake = Intake()
    intake.give([cut[0], *whole, DUE])
    assert (list(intake.taken), list(intake.aside.open)) == (
        [sequencer(whole[0])],
        [(KEY, sequencer(cut[0]))],
    )


def test_an_upload_that_was_resumed_is_taken_by_its_entity_tag() -> None:
    """The bytes that were transferred are then fewer than those of the object."""
    partner = Partner()
    cut, whole = partner.cut(KEY, 60), partner.put(KEY, 100)
    assert isinstance(whole[1], Uploaded)
    resumed = replace(whole[1], ending=replace(whole[1].ending, size_bytes=40))
    intake = Intake()
    intake.give([*cut, whole[0], resumed])
    assert list(intake.taken) == [sequencer(whole[0])]


def test_one_temporary_name_for_all_files_of_a_burst() -> None:
    """The clocks cannot tell these apart, the sizes can."""
    partner = Partner(pace=timedelta(milliseconds=50))
    events: list[Event] = []
    for number in range(6):
        events += [
            *partner.put(PART, 100 + number),
            *partner.rename(PART, f"{FOLDER}/{number}.csv"),
        ]
    wanted = {event.sequencer for event in arrivals(events) if event.key != PART}
    for seed in range(20):
        intake = Intake()
        intake.give(Random(seed).sample(events, len(events)))
        assert set(intake.taken) == wanted


def test_yesterdays_events_vouch_for_nothing_of_today() -> None:
    partner = Partner(pace=timedelta(hours=12))
    yesterday = [*partner.put(PART), *partner.rename(PART, KEY)]
    today = [*partner.cut(PART, 100), *partner.rename(PART, KEY)]
    for lost in range(2):
        kept = [event for place, event in enumerate(today) if place != 1 or lost == 0]
        for order in itertools.permutations(kept):
            intake = Intake()
            intake.give([*yesterday, *order])
            assert list(intake.taken) == [sequencer(yesterday[2])]


def test_entity_tags_that_are_hashes_vouch_for_the_same_content_only() -> None:
    partner = Partner()
    first, again, other = partner.put(KEY), partner.cut(KEY, 100), partner.cut(KEY, 100)
    same = replace(
        arrivals(again)[0], etag=arrivals(first)[0].etag
    )  # SSE-S3: the tag is the content's hash
    intake = Intake()
    intake.give([*first, same, other[0]])
    assert list(intake.taken) == [sequencer(first[0]), same.sequencer]


def test_a_crash_after_any_write_is_finished_by_the_redelivered_event() -> None:
    partner = Partner()
    events = [*partner.cut(KEY), *partner.put(PART), *partner.rename(PART, KEY)]
    wanted = arrivals(events)[2].sequencer
    for crash_after in itertools.count(1):
        intake = Intake()
        intake.table.crash_after = crash_after
        for event in events:
            try:
                intake.give([event])
            except Crash:
                intake.give([event])
        assert (set(intake.taken), intake.aside.open, intake.aside.told) == ({wanted}, {}, 1), (
            crash_after
        )
        if intake.table.writes < crash_after:
            break
    assert crash_after > len(events)


def test_a_cut_upload_that_came_after_a_whole_one_is_not_replaced_by_it() -> None:
    partner = Partner()
    whole, cut = partner.put(KEY), partner.cut(KEY)
    intake = Intake()
    intake.give([whole[0], *cut, whole[1]])
    assert list(intake.taken) == [sequencer(whole[0])]
    assert list(intake.aside.open) == [(KEY, sequencer(cut[0]))]


def test_what_was_replaced_and_proves_whole_is_taken_all_the_same() -> None:
    """Its failure was reported by mistake, or was that of another upload."""
    partner = Partner()
    first, second = partner.cut(KEY), partner.put(KEY)
    assert isinstance(first[1], Uploaded)
    completed = replace(first[1].ending, is_complete=True, etag=arrivals(first)[0].etag)
    intake = Intake()
    intake.give([*first, *second, replace(first[1], ending=completed)])
    assert set(intake.taken) == {sequencer(first[0]), sequencer(second[0])}


def test_an_ending_without_entity_tag_is_of_its_own_time_only() -> None:
    partner = Partner(pace=timedelta(hours=1))
    before, today = partner.put(KEY), partner.cut(KEY, 100)
    assert isinstance(before[1], Uploaded)
    untagged = replace(before[1], ending=replace(before[1].ending, etag=""))
    intake = Intake()
    intake.give([before[0], untagged, today[0]])
    assert list(intake.taken) == [sequencer(before[0])]


def test_what_is_whole_and_was_not_taken_yet_is_taken_when_it_is_due_and_nobody_is_told() -> None:
    intake = Intake()
    landed, ending = Partner().put(KEY)
    assert isinstance(landed, Arrival)
    assert isinstance(ending, Uploaded)
    intake.completion.landed(landed)
    assert len(intake.completion.told(ending)) == 1  # and then intake crashed
    intake.give([DUE])
    assert (list(intake.taken), intake.aside.told) == ([landed.sequencer], 0)


def test_a_repeated_event_writes_nothing() -> None:
    partner, intake = Partner(), Intake()
    events = [*partner.put(PART), *partner.rename(PART, KEY), *partner.cut(KEY)]
    intake.give(events)
    before = intake.table.writes
    intake.give(events)
    assert intake.table.writes == before


@pytest.mark.parametrize("seed", range(60))
def test_only_whole_uploads_are_taken_and_what_was_not_is_told(seed: int) -> None:
    """Ten random uploads under three names; events lost, repeated and in any order; what has no end is overdue."""
    random = Random(seed)
    partner = Partner(pace=timedelta(seconds=random.choice((1, 30))))
    events, whole, broken = _story(random, partner)
    transfers = [event for event in events if not isinstance(event, Arrival)]
    lost = random.sample(transfers, len(transfers) // 4) if seed % 2 else []
    kept = [event for event in events if event not in lost for _ in range(random.randint(1, 3))]
    random.shuffle(kept)
    intake = Intake()
    intake.give(kept)
    assert set(intake.taken) <= whole
    assert lost or set(intake.taken) == whole
    intake.give([DUE])
    aside = {number for _, number in intake.aside.open}
    assert aside.isdisjoint(intake.taken)
    assert whole <= aside | set(intake.taken)  # never lost
    assert not broken & set(intake.taken)  # never loaded unseen
    intake.give(kept)
    assert set(intake.taken) <= whole


def _story(random: Random, partner: Partner) -> tuple[list[Event], set[str], set[str]]:
    """Events, and the sequencers of objects that are whole, and broken, deliveries."""
    events: list[Event] = []
    whole: set[str] = set()
    broken: set[str] = set()
    for number in range(10):
        key = f"{FOLDER}/{random.randrange(3)}.csv"
        is_whole, is_renamed = random.random() < 0.6, random.random() < 0.5
        upload = partner.put if is_whole else partner.cut
        told = upload(
            PART if is_renamed else key, 100 + number
        )  # sizes tell uploads of one second apart
        told += partner.rename(PART, key) if is_renamed else []
        (whole if is_whole else broken).add(arrivals(told)[-1].sequencer)
        events += told
    return events, whole, broken
