"""A DynamoDB table in memory, with the calls that the ledgers make of a boto3 Table and nothing else.

What is read strongly consistent is as it is now. An index, and a read that is not, show the table as it was: each
change reaches them after a delay that `lag` gives, and those of one item in their order.
`test_table_like_dynamodb.py` plays random calls against this and moto and compares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.simulation.expressions import Invalid, Item, Scope, Unknown, condition, update

Key = tuple[str, str]
Watcher = Callable[[Item | None, Item | None], None]


class ConditionalCheckFailed(Exception):
    """What boto3 calls ConditionalCheckFailedException."""


class Exceptions:
    """`table.meta.client.exceptions`."""

    ConditionalCheckFailedException = ConditionalCheckFailed


class Client:
    """`table.meta.client`."""

    exceptions = Exceptions


class Meta:
    """`table.meta`."""

    client = Client


@dataclass
class Replica:
    """A copy of the table that lags behind: what it shows, and the changes that have not reached it."""

    shown: dict[Key, Item] = field(default_factory=dict)
    pending: list[tuple[float, Key, Item | None]] = field(default_factory=list)

    def hears(self, at: float, key: Key, item: Item | None) -> None:
        """A change will be seen at a time, never before an earlier one of the same item."""
        earlier = [moment for moment, known, _ in self.pending if known == key]
        self.pending.append((max([at, *earlier]), key, item))

    def at(self, now: float) -> dict[Key, Item]:
        """What it shows now."""
        if self.pending:
            due = [change for change in self.pending if change[0] <= now]
            self.pending = [change for change in self.pending if change[0] > now]
            for _, key, item in due:
                self.shown.pop(key, None)
                if item is not None:
                    self.shown[key] = item
        return self.shown


@dataclass(frozen=True, kw_only=True)
class Index:
    """A global secondary index that has keys only."""

    name: str
    partition: str
    sort: str


@dataclass
class MemoryTable:
    """The table. `step` is called with a label before each call, and after each one that was carried out.

    `watch` is handed the item before and after each write.
    """

    name: str
    partition: str = "dataset"
    sort: str = "entry"
    indexes: tuple[Index, ...] = ()
    now: Callable[[], float] = lambda: 0.0
    lag: Callable[[], float] = lambda: 0.0
    call: Callable[[str, Callable[[], Any]], Any] = lambda _label, do: do()
    watch: Watcher = lambda _before, _after: None
    items: dict[Key, Item] = field(default_factory=dict)
    replicas: dict[str, Replica] = field(default_factory=dict)
    meta: type[Meta] = Meta

    def get_item(self, **request: Any) -> dict[str, Any]:
        """GetItem."""
        _refuse(request, "GetItem", {"Key", "ConsistentRead"})
        key = self._key(request["Key"])
        return self.call(
            f"{self.name} get {key[1]}", lambda: self._get(key, bool(request.get("ConsistentRead")))
        )

    def _get(self, key: Key, consistent: bool) -> dict[str, Any]:
        item = self.items.get(key) if consistent else self._replica("").at(self.now()).get(key)
        return {} if item is None else {"Item": copied(item)}

    def put_item(self, **request: Any) -> dict[str, Any]:
        """PutItem."""
        _refuse(request, "PutItem", {"Item", *CONDITION})
        item = stored(request["Item"])
        key = self._key({name: item[name] for name in (self.partition, self.sort) if name in item})
        return self.call(f"{self.name} put {key[1]}", lambda: self._put(key, item, request))

    def _put(self, key: Key, item: Item, request: Mapping[str, Any]) -> dict[str, Any]:
        self._check(key, request, _scope(request))
        self._write(key, item)
        return {}

    def update_item(self, **request: Any) -> dict[str, Any]:
        """UpdateItem, which makes an item that was not there."""
        _refuse(request, "UpdateItem", {"Key", "UpdateExpression", "ReturnValues", *CONDITION})
        key = self._key(request["Key"])
        return self.call(f"{self.name} update {key[1]}", lambda: self._update(key, request))

    def _update(self, key: Key, request: Mapping[str, Any]) -> dict[str, Any]:
        scope = _scope(request)
        change = update(request["UpdateExpression"])(scope)
        self._check(key, request, scope)
        before = self.items.get(key, {self.partition: key[0], self.sort: key[1]})
        after = stored(change(before))
        if self._key({name: after.get(name, "") for name in (self.partition, self.sort)}) != key:
            raise Invalid("an update cannot change the key of an item")
        self._write(key, after)
        match request.get("ReturnValues", "NONE"):
            case "ALL_NEW":
                return {"Attributes": copied(after)}
            case "NONE":
                return {}
            case other:
                raise Unknown(f"ReturnValues {other!r}")

    def delete_item(self, **request: Any) -> dict[str, Any]:
        """DeleteItem, also of one that is not there."""
        _refuse(request, "DeleteItem", {"Key", *CONDITION})
        key = self._key(request["Key"])
        return self.call(f"{self.name} delete {key[1]}", lambda: self._delete(key, request))

    def _delete(self, key: Key, request: Mapping[str, Any]) -> dict[str, Any]:
        self._check(key, request, _scope(request))
        if key in self.items:
            self._write(key, None)
        return {}

    def query(self, **request: Any) -> dict[str, Any]:
        """Query of the table or of an index, page by page."""
        known = {
            "IndexName",
            "KeyConditionExpression",
            "ScanIndexForward",
            "Limit",
            "Select",
            "ConsistentRead",
        }
        _refuse(request, "Query", {*known, "ExclusiveStartKey", *PLACEHOLDERS})
        label = f"{self.name} query {request.get('IndexName', '')}".rstrip()
        return self.call(label, lambda: self._query(request))

    def scan(self) -> dict[str, Any]:
        """Scan of the whole table in one page, as it is now, by key."""
        return self.call(
            f"{self.name} scan",
            lambda: {"Items": [copied(item) for _, item in sorted(self.items.items())]},
        )

    def _query(self, request: Mapping[str, Any]) -> dict[str, Any]:
        index = self._index(request.get("IndexName"))
        if index and request.get("ConsistentRead"):
            raise Invalid("an index cannot be read strongly consistent")
        scope = _scope(request)
        wanted = condition(request["KeyConditionExpression"])(scope)
        scope.refuse_unused()
        sort = index.sort if index else self.sort
        source = self.items if not index and request.get("ConsistentRead") else self._lagging(index)
        backward = not request.get("ScanIndexForward", True)
        found = sorted(
            ((item[sort], key) for key, item in source.items() if wanted(item)), reverse=backward
        )
        if start := request.get("ExclusiveStartKey"):
            known = (
                start[sort],
                self._key({name: start[name] for name in (self.partition, self.sort)}),
            )
            found = [each for each in found if (each < known if backward else each > known)]
        return self._page([source[key] for _, key in found], request, index)

    def _page(
        self, items: Sequence[Item], request: Mapping[str, Any], index: Index | None
    ) -> dict[str, Any]:
        limit = request.get("Limit", len(items))
        page = items[:limit]
        answer: dict[str, Any] = {"Count": len(page)}
        match request.get("Select"):
            case None:
                answer["Items"] = [copied(item) for item in page]
            case "COUNT":
                pass
            case other:
                raise Unknown(f"Select {other!r}")
        # DynamoDB stops at the limit before it looks whether there is more.
        if page and len(page) == limit and "Limit" in request:
            names = (self.partition, self.sort, *((index.partition, index.sort) if index else ()))
            answer["LastEvaluatedKey"] = {name: page[-1][name] for name in names}
        return answer

    def _check(self, key: Key, request: Mapping[str, Any], scope: Scope) -> None:
        holds = True
        if "ConditionExpression" in request:
            holds = condition(request["ConditionExpression"])(scope)(self.items.get(key, {}))
        scope.refuse_unused()
        if not holds:
            raise ConditionalCheckFailed(f"{request['ConditionExpression']} of {key}")

    def _write(self, key: Key, item: Item | None) -> None:
        before = self.items.pop(key, None)
        if item is not None:
            self.items[key] = item
        self._replica("").hears(self.now() + self.lag(), key, item)
        for index in self.indexes:
            names = (self.partition, self.sort, index.partition, index.sort)
            is_in = item is not None and all(name in item for name in names)
            shown = {name: item[name] for name in names} if item is not None and is_in else None
            self._replica(index.name).hears(self.now() + self.lag(), key, shown)
        self.watch(before, item)

    def _lagging(self, index: Index | None) -> dict[Key, Item]:
        return self._replica(index.name if index else "").at(self.now())

    def _replica(self, name: str) -> Replica:
        return self.replicas.setdefault(name, Replica())

    def _index(self, name: str | None) -> Index | None:
        if name is None:
            return None
        for index in self.indexes:
            if index.name == name:
                return index
        raise Invalid(f"the table has no index {name!r}")

    def _key(self, given: Mapping[str, Any]) -> Key:
        if set(given) != {self.partition, self.sort} or not all(
            isinstance(part, str) for part in given.values()
        ):
            raise Invalid(
                f"the key is {dict(given)!r}; it needs the texts {self.partition} and {self.sort}"
            )
        return given[self.partition], given[self.sort]


PLACEHOLDERS = ("ExpressionAttributeNames", "ExpressionAttributeValues")
CONDITION = ("ConditionExpression", *PLACEHOLDERS)


def _refuse(request: Mapping[str, Any], call: str, known: set[str]) -> None:
    if unknown := sorted(set(request) - known):
        raise Unknown(
            f"{call} with {', '.join(unknown)}; this table knows {', '.join(sorted(known))}"
        )


def _scope(request: Mapping[str, Any]) -> Scope:
    values = {
        name: stored(value) for name, value in request.get("ExpressionAttributeValues", {}).items()
    }
    return Scope(names=request.get("ExpressionAttributeNames", {}), values=values, used=set())


def stored(value: Any) -> Any:
    """A value as DynamoDB keeps it: whole numbers become Decimal; a float is refused as boto3 refuses it."""
    match value:
        case str() | bool() | None | Decimal():
            return value
        case int():
            return Decimal(value)
        case dict() | Mapping():
            return {name: stored(inner) for name, inner in value.items()}
        case list() | tuple():
            return [stored(inner) for inner in value]
    raise Unknown(f"a value of type {type(value).__name__}: {value!r}")


def copied(value: Any) -> Any:
    """A copy that the caller may change."""
    match value:
        case dict():
            return {name: copied(inner) for name, inner in value.items()}
        case list():
            return [copied(inner) for inner in value]
    return value
