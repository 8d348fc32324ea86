"""Everybody who holds the marketplace's tables, asked for every row: its own database first, then what came of it.

What a source run read is one snapshot of the shop, and the shop says itself what that snapshot saw. So accounts are
compared to the row and the cent although the shop goes on writing. Nothing here is shared with what reads or loads.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from contracts import marts, model
from sample_data import marketplace
from sample_data.marketplace import Files, Row
from slipway.deployment import Deployment
from slipway.reading import internal_database, lake, ledgers, warehouse
from slipway.reading import marts as mart_runs

MONEY = {"orders": "total_amount", "order_items": "total_price", "payments": "amount"}
MOST_NAMED = 3
Cells = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Account:
    """What one of those who hold a table says of it: its rows, by all of their columns."""

    label: str
    columns: Cells
    rows: tuple[Cells, ...]


@dataclass(frozen=True, kw_only=True)
class TableCompared:
    """A table of the shop: its rows and money there, who was asked for them, and how they differ from the shop."""

    table: str
    rows: int
    money: Decimal | None
    asked: tuple[str, ...]
    differences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class MartCompared:
    """A mart: its rows, what its last run wrote, and how it differs from what plain Python makes of the tables.

    `asked` are those who hold it: the lake, and the warehouse if there is one.
    """

    mart: str
    rows: int
    detail: str
    asked: tuple[str, ...]
    differences: tuple[str, ...]


def table(deployment: Deployment, name: str, there: Sequence[Row], key: bytes) -> TableCompared:
    """Ask for a table of the shop, which has these rows; `key` is that of the tokens."""
    stored: Sequence[Row] = [marketplace.protected(name, row, key) for row in there]
    pairs: list[tuple[Sequence[Row], Account]] = [
        (there, _files(deployment, name, there)),
        (stored, _processed(deployment, name, stored)),
        *((stored, account) for account in _silver(deployment, name, stored)),
    ]
    money = MONEY.get(name)
    return TableCompared(
        table=name,
        rows=len(there),
        money=sum((Decimal(row[money]) for row in there), Decimal(0)) if money else None,
        asked=tuple(account.label for _, account in pairs),
        differences=tuple(
            difference
            for rows, account in pairs
            for difference in differences(f"{name}, {account.label}", _cells(rows), account.rows)
        ),
    )


def mart(deployment: Deployment, name: str, tables: Files) -> MartCompared:
    """Ask for a mart over these tables of the shop."""
    columns = ", ".join(f"cast({each.name} as varchar)" for each in marts.load(name).columns)
    query = f"select {columns} from curated.{name}"  # noqa: S608 - names of the example
    holders = {"lake": [*lake.query(deployment, query).itertuples(index=False)]}
    if warehouse.is_there(deployment):
        holders["warehouse"] = [*warehouse.query(deployment, query).rows]
    there = marketplace.MARTS[name](tables)
    runs = [
        run for run in mart_runs.one(deployment, name).runs if run.get("outcome") == "published"
    ]
    return MartCompared(
        mart=name,
        rows=len(holders["lake"]),
        detail=str(runs[0].get("detail", "")) if runs else "never published",
        asked=tuple(holders),
        differences=tuple(
            difference
            for holder, rows in holders.items()
            for difference in differences(
                f"{name}, {holder}", there, [tuple(map(str, row)) for row in rows]
            )
        ),
    )


def differences(label: str, there: Iterable[Cells], here: Iterable[Cells]) -> Iterator[str]:
    """Rows that only one side has, and those that a side has twice."""
    shop, account = list(there), list(here)
    for what, rows in (
        ("only in the shop", {*shop} - {*account}),
        ("not in the shop", {*account} - {*shop}),
    ):
        if rows:
            yield f"{label}: {len(rows)} rows are {what}, such as {sorted(rows)[:MOST_NAMED]}"
    if len(account) != len({*account}):
        yield f"{label}: {len(account) - len({*account})} rows are there twice"


def _files(deployment: Deployment, name: str, there: Sequence[Row]) -> Account:
    """What the files in the raw zone say, put together by key: of each the record that came last."""
    loaded = [item for item in ledgers.entries(deployment, name) if item.get("raw_key")]
    merged = dict[str, Row]()
    for item in sorted(loaded, key=lambda item: str(item["received_at"])):
        for row in csv.DictReader(io.StringIO(_raw(deployment, str(item["raw_key"])), newline="")):
            merged[row["id"]] = row
    return _account("files", there, merged.values())


def _raw(deployment: Deployment, key: str) -> str:
    bucket = deployment.output("RawBucketName")
    content = deployment.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return bytes(content).decode()


def _processed(deployment: Deployment, name: str, stored: Sequence[Row]) -> Account:
    columns = _columns(name, stored)
    texts = ", ".join(f"coalesce(cast({column} as varchar), '') as {column}" for column in columns)
    answer = lake.query(deployment, f"select {texts} from processed.{name}")  # noqa: S608 - names of the example
    # awswrangler gives an empty text as no value at all
    texts_of = (
        [cell if isinstance(cell, str) else "" for cell in row]
        for row in answer.itertuples(index=False)
    )
    rows = (dict(zip(columns, row, strict=True)) for row in texts_of)
    return _account("processed", stored, rows)


def _silver(deployment: Deployment, name: str, stored: Sequence[Row]) -> Iterator[Account]:
    """The same in the internal database, if there is one."""
    contract = model.load(name)
    if internal_database.holds(deployment, contract):
        columns = _columns(name, stored)
        answer = internal_database.texts(deployment, contract, columns)
        yield _account("silver", stored, (dict(zip(columns, row, strict=True)) for row in answer))


def _columns(name: str, stored: Sequence[Row]) -> Cells:
    return tuple(stored[0]) if stored else tuple(c.name for c in model.load(name).stored_columns)


def _account(label: str, like: Sequence[Row], rows: Iterable[Mapping[str, str]]) -> Account:
    columns = tuple(like[0]) if like else ()
    return Account(
        label=label,
        columns=columns,
        rows=tuple(tuple(_plain(str(row[column])) for column in columns) for row in rows),
    )


def _cells(rows: Sequence[Row]) -> list[Cells]:
    return [tuple(_plain(text) for text in row.values()) for row in rows]


def _plain(text: str) -> str:
    """A moment is the same however many digits of its second are written."""
    if len(text) < len("2024-01-01 00:00:00") or text[10:11] not in (" ", "T"):
        return text
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        return text
