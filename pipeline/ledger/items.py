"""Reads and conditional writes of one DynamoDB table, as the ledgers need them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.ledger.entries import Item


def get(table: Any, dataset: str, entry: str) -> Item | None:
    """The entry as it is now (strongly consistent), or None."""
    found = table.get_item(Key={"dataset": dataset, "entry": entry}, ConsistentRead=True).get(
        "Item"
    )
    return None if found is None else dict(found)


def put(
    table: Any, item: Mapping[str, Any], condition: str, values: Mapping[str, Any] | None = None
) -> bool:
    """Write `item` if `condition` holds; False when it does not."""
    given = {"ExpressionAttributeValues": dict(values)} if values else {}
    try:
        table.put_item(Item=dict(item), ConditionExpression=condition, **given)
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def update(
    table: Any,
    dataset: str,
    entry: str,
    *,
    change: str,
    condition: str,
    values: Mapping[str, Any],
    names: Mapping[str, str] | None = None,
) -> Item | None:
    """Carry out `change` if `condition` holds: the entry as it is then; None when it does not hold.

    Both may say `#status`, since `status` is a reserved word of DynamoDB; `names` has any others.
    """
    try:
        answer = table.update_item(
            Key={"dataset": dataset, "entry": entry},
            UpdateExpression=change,
            ConditionExpression=condition,
            ExpressionAttributeNames={"#status": "status", **(names or {})},
            ExpressionAttributeValues=dict(values),
            ReturnValues="ALL_NEW",
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return None
    return dict(answer["Attributes"])


def every(table: Any, query: Mapping[str, Any]) -> Iterator[Item]:
    """What a query finds, over all its pages."""
    start: dict[str, Any] = {}
    while True:
        page = table.query(**query, **start)
        yield from (dict(item) for item in page["Items"])
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
