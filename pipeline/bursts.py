"""Bursts: events of one kind that come close together and are told as one message.

The first event opens a burst, later ones join it, and whoever tells closes it. Joining and closing are conditional
writes on one item, so an event is either in the burst that is told, or is refused by it and opens the next: nothing is
lost between two Lambdas, and no clock has to agree with another. Table: partition `about`, sort `entry`, where `open`
says which burst is joined now, `burst#<id>` is one burst, and `event#<hash>` says which burst an event belongs to.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

OPEN_ENTRY = "open"
ID_FORMAT = "%Y%m%dT%H%M%S%f"  # only characters that the name of an execution may have
HASH_CHARACTERS = 16
# Executions keep their names for 90 days (Step Functions API reference, StartExecution); a burst must not be forgotten
# before, or an event that comes again would join a new one.
KEPT_DAYS = 120
# 10,000 labels of some 30 characters, and the events that are shown, fit into the 400 KB of an item (DynamoDB quotas).
MOST_EVENTS = 10_000
MOST_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Burst:
    """What is told in one message: how many events of each label, the most frequent first, and the first by name."""

    counts: Mapping[str, int]
    shown: frozenset[str]

    @property
    def size(self) -> int:
        """How many events."""
        return sum(self.counts.values())


@dataclass(frozen=True, kw_only=True)
class Bursts:
    """Operations over a boto3 Table. `about` is what a burst is of, e.g. `rejected#sales_records`."""

    table: Any
    now: Callable[[], datetime]

    def join(self, about: str, event: str, label: str) -> str:
        """The id of the burst in which `event` is told, the same however often this is asked.

        `label` says by what events are counted; it must be the same each time too.
        """
        burst = self._assigned(about, event, self._open(about))
        while not self._add(about, burst, event, label):
            burst = self._reassigned(about, event, burst, self._opened_after(about, burst))
        return burst

    def close(self, about: str, burst: str) -> Burst | None:
        """What is in it, and nobody joins any more; the same however often this is asked. None when nobody ever did."""
        found = self._update(
            _key(about, _burst_entry(burst)),
            "SET closed = :true",
            {":true": True},
            "attribute_exists(entry)",
        )
        if found is None:
            return None
        counted = Counter(str(text).partition(" ")[2] for text in found["labels"])
        ranked = sorted(
            counted.items(), key=lambda pair: (-pair[1], pair[0])
        )  # a set of DynamoDB has no order
        return Burst(counts=dict(ranked), shown=frozenset(found["shown"]))

    def _open(self, about: str) -> str:
        """The burst that is joined now."""
        known = self._read(_key(about, OPEN_ENTRY)) or self._always(
            _key(about, OPEN_ENTRY),
            "SET burst = if_not_exists(burst, :new)",
            {":new": self._new_id()},
        )
        return str(known["burst"])

    def _opened_after(self, about: str, closed: str) -> str:
        """The burst after `closed`, opened by this call or by another at the same moment."""
        values = {":new": self._new_id(), ":closed": closed}
        moved = self._update(_key(about, OPEN_ENTRY), "SET burst = :new", values, "burst = :closed")
        return str(moved["burst"]) if moved else self._open(about)

    def _assigned(self, about: str, event: str, burst: str) -> str:
        """The burst of `event`: `burst`, unless it has one."""
        change = (
            "SET burst = if_not_exists(burst, :burst), expires_at = if_not_exists(expires_at, :end)"
        )
        values = {":burst": burst, ":end": self._expires_at()}
        return str(self._always(_key(about, _event_entry(event)), change, values)["burst"])

    def _reassigned(self, about: str, event: str, refused: str, burst: str) -> str:
        """The burst of `event` after it was `refused`; another delivery of the event may have chosen already."""
        values = {":burst": burst, ":refused": refused}
        moved = self._update(
            _key(about, _event_entry(event)), "SET burst = :burst", values, "burst = :refused"
        )
        return burst if moved else self._assigned(about, event, burst)

    def _add(self, about: str, burst: str, event: str, label: str) -> bool:
        """Be part of it, also if that was so before; False when it is closed or full without this event.

        The first ones are kept by name in the write that counts them, so that the message can describe them.
        """
        key, text = _key(about, _burst_entry(burst)), f"{_hash(event)} {label}"
        change = "SET expires_at = if_not_exists(expires_at, :end) ADD labels :label"
        values = {":end": self._expires_at(), ":label": {text}}
        few = "attribute_not_exists(entry) OR (attribute_not_exists(closed) AND size(shown) < :few)"
        named = {**values, ":shown": {event}, ":few": MOST_SHOWN}
        if self._update(key, f"{change}, shown :shown", named, few):
            return True
        joinable = (
            "contains(labels, :text) OR (attribute_not_exists(closed) AND size(labels) < :most)"
        )
        return bool(
            self._update(key, change, {**values, ":text": text, ":most": MOST_EVENTS}, joinable)
        )

    def _new_id(self) -> str:
        return self.now().astimezone(UTC).strftime(ID_FORMAT)

    def _expires_at(self) -> int:
        return int((self.now() + timedelta(days=KEPT_DAYS)).timestamp())

    def _read(self, key: Mapping[str, str]) -> dict[str, Any] | None:
        found = self.table.get_item(Key=dict(key), ConsistentRead=True).get("Item")
        return None if found is None else dict(found)

    def _always(
        self, key: Mapping[str, str], change: str, values: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The item after a change that has no condition."""
        answer = self.table.update_item(
            Key=dict(key),
            UpdateExpression=change,
            ExpressionAttributeValues=dict(values),
            ReturnValues="ALL_NEW",
        )
        return dict(answer["Attributes"])

    def _update(
        self, key: Mapping[str, str], change: str, values: Mapping[str, Any], condition: str
    ) -> dict[str, Any] | None:
        """The item after the change; None when the condition did not hold."""
        try:
            answer = self.table.update_item(
                Key=dict(key),
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeValues=dict(values),
                ReturnValues="ALL_NEW",
            )
        except self.table.meta.client.exceptions.ConditionalCheckFailedException:
            return None
        return dict(answer["Attributes"])


def _key(about: str, entry: str) -> dict[str, str]:
    return {"about": about, "entry": entry}


def _burst_entry(burst: str) -> str:
    return f"burst#{burst}"


def _event_entry(event: str) -> str:
    return f"event#{_hash(event)}"


def _hash(event: str) -> str:
    return hashlib.sha256(event.encode()).hexdigest()[:HASH_CHARACTERS]
