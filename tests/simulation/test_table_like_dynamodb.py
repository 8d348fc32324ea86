"""The table that the simulation plays on answers as DynamoDB does: random calls of the ledgers, compared with moto."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pipeline.ledger import BY_STATUS, FileLedger, RunLedger, file_entry, timestamp
from pipeline.ledger.transfers import Ending, TransferLedger, Version
from tests.simulation.expressions import Invalid, Unknown
from tests.simulation.table import ConditionalCheckFailed, Index, MemoryTable

DATASET = "orders"
HASHES = ("a" * 64, "b" * 64, "c" * 64)
RUNS = ("20261120T120000-00000001", "20261120T120001-00000002")
INDEX = Index(name=BY_STATUS, partition="dataset_status", sort="received_at")
Play = Callable[[FileLedger, RunLedger, TransferLedger], Any]


@pytest.fixture
def moto_table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield _moto()


def _moto() -> Any:
    keys = ("dataset", "entry", INDEX.partition, INDEX.sort)
    schema = [
        [{"AttributeName": first, "KeyType": "HASH"}, {"AttributeName": second, "KeyType": "RANGE"}]
        for first, second in (keys[:2], keys[2:])
    ]
    return boto3.resource("dynamodb").create_table(
        TableName="ledger",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=schema[0],
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX.name,
                "KeySchema": schema[1],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )


def _plays(dice: random.Random) -> Iterator[Play]:
    """Random operations of the ledgers; both tables see the same."""
    while True:
        sha256, run_id, other = dice.choice(HASHES), dice.choice(RUNS), dice.choice(RUNS)
        moment = timestamp(datetime(2026, 11, 20, 12, 0, dice.randrange(60), tzinfo=UTC))
        held = dice.choice(("waiting", "loaded"))
        counts = {"rows_loaded": dice.randrange(9), "rows_quarantined": dice.randrange(9)}
        yield dice.choice(
            _file_plays(sha256, run_id, other, moment, held, counts)
            + _run_plays(run_id, other, moment)
        )


def _file_plays(
    sha256: str, run_id: str, other: str, moment: str, held: Any, counts: dict[str, int]
) -> list[Play]:
    delivery = {
        "file_name": f"{moment[17:19]}.csv", "landing_key": moment, "sequencer": moment, "received_at": moment,
    }  # fmt: skip
    item = {
        "dataset": DATASET,
        "entry": file_entry(sha256),
        "sha256": sha256,
        **delivery,
        "status": "registering",
    }
    version = Version(sequencer=moment, version_id=None, etag="", size_bytes=7, created_at=moment)
    ending = Ending(
        is_complete=True, etag="", size_bytes=None, started_at=moment, ended_at=moment, detail=""
    )

    def known(files: FileLedger) -> Any:
        return files.get(DATASET, file_entry(sha256))

    def with_known(work: Callable[[FileLedger, Any], Any], *, status: str) -> Play:
        def play(files: FileLedger, _runs: RunLedger, _transfers: TransferLedger) -> Any:
            entry = known(files)
            return work(files, entry) if entry and entry["status"] == status else None

        return play

    return [
        lambda files, _runs, _transfers: files.add(item),
        lambda files, _runs, _transfers: files.mark_waiting(DATASET, sha256),
        with_known(lambda files, entry: files.precede(entry, delivery), status="waiting"),
        lambda files, _runs, _transfers: files.claim(DATASET, sha256, run_id, held=held),
        lambda files, _runs, _transfers: files.give_back(DATASET, sha256, run_id, held=held),
        lambda files, _runs, _transfers: files.close(DATASET, sha256, run_id, counts),
        with_known(
            lambda files, entry: files.undo(
                entry, {"run_id": run_id, "mode": "load"}, by_run=other, moment=moment
            ),
            status="loaded",
        ),
        lambda files, _runs, _transfers: files.set_aside(
            DATASET, sha256, held="claimed", reason="bad", moment=moment, run_id=run_id
        ),
        lambda files, _runs, _transfers: files.release(DATASET, sha256),
        with_known(lambda files, entry: files.deliver_again(entry, delivery), status="set_aside"),
        lambda files, _runs, _transfers: (
            files.mark_alerted(DATASET, file_entry(sha256), moment) if known(files) else 0
        ),
        lambda files, _runs, _transfers: files.ignore(
            DATASET, "k", received_at=moment, size_bytes=1, detail="temporary"
        ),
        lambda files, _runs, _transfers: files.waiting(DATASET, 2),
        lambda files, _runs, _transfers: list(files.with_status(DATASET, "loaded")),
        lambda files, _runs, _transfers: files.count_waiting(DATASET),
        lambda _files, _runs, transfers: transfers.change(
            DATASET, "landing", "k", lambda f: f.with_version(version)
        ),
        lambda _files, _runs, transfers: transfers.change(
            DATASET, "landing", "k", lambda f: f.with_ending(ending)
        ),
        lambda _files, _runs, transfers: transfers.overdue(DATASET, moment),
    ]


def _run_plays(run_id: str, other: str, moment: str) -> list[Play]:
    begun = {
        "trigger": "schedule",
        "execution_arn": run_id,
        "started_at": moment,
        "contract_version": "1.0.0",
    }
    ending = {
        "ended_at": moment,
        "error": "E",
        "cause": "c",
        "rows_read": 4,
        "snapshots": {"t": {"before": None}},
    }
    dead = {"run_id": other}
    return [
        lambda _files, runs, _transfers: runs.take_lock(
            DATASET, run_id=run_id, execution_arn="x", expires_at=1
        ),
        lambda _files, runs, _transfers: runs.take_lock(
            DATASET, run_id=run_id, execution_arn="x", expires_at=2, dead=dead
        ),
        lambda _files, runs, _transfers: runs.release_lock(DATASET, run_id),
        lambda _files, runs, _transfers: runs.release_lock(DATASET, run_id, execution_arn="x"),
        lambda _files, runs, _transfers: runs.lock(DATASET),
        lambda _files, runs, _transfers: runs.start(
            DATASET, run_id, file_hashes=[*HASHES], **begun
        ),
        lambda _files, runs, _transfers: runs.finish(DATASET, run_id, "failed", ending),
        lambda _files, runs, _transfers: runs.finish(DATASET, run_id, "succeeded", ending),
        lambda _files, runs, _transfers: runs.reopen(DATASET, run_id, execution_arn=other),
        lambda _files, runs, _transfers: runs.mark_rolled_back(
            DATASET, run_id, by_run=other, moment=moment
        ),
        lambda _files, runs, _transfers: runs.forget(DATASET, run_id),
        lambda _files, runs, _transfers: runs.get(DATASET, run_id),
        lambda _files, runs, _transfers: runs.since(DATASET, run_id),
        lambda _files, runs, _transfers: list(runs.newest_first(DATASET)),
        lambda _files, runs, _transfers: runs.running_of(DATASET, run_id),
        lambda _files, runs, _transfers: runs.remember_erased(
            DATASET, moment, run_id=run_id, moment=moment
        ),
        lambda _files, runs, _transfers: runs.erased_subjects(DATASET),
    ]


def test_random_calls_of_the_ledgers_are_answered_as_moto_answers_them(moto_table: Any) -> None:
    _compare(moto_table, seed=0, calls=250)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(1, 11))
def test_thousands_of_calls_are_answered_as_moto_answers_them(seed: int, moto_table: Any) -> None:
    _compare(moto_table, seed=seed, calls=500)


def _compare(moto_table: Any, *, seed: int, calls: int) -> None:
    """Play the same calls against both tables: each answer, and what is kept at the end."""
    memory = MemoryTable(name="ledger", indexes=(INDEX,))
    both = [
        (FileLedger(table), RunLedger(table), TransferLedger(table))
        for table in (memory, moto_table)
    ]
    plays = _plays(random.Random(seed))
    for number in range(calls):
        play = next(plays)
        ours, theirs = (play(*ledgers) for ledgers in both)
        assert ours == theirs, f"call {number} of seed {seed}"
    theirs = {(item["dataset"], item["entry"]): item for item in moto_table.scan()["Items"]}
    assert memory.items == theirs


def _table() -> MemoryTable:
    table = MemoryTable(name="ledger", indexes=(INDEX,))
    table.put_item(Item={"dataset": "d", "entry": "e", "number": 1})
    return table


KEY = {"dataset": "d", "entry": "e"}


@pytest.mark.parametrize(
    ("call", "request_"),
    [
        ("get_item", {"Key": KEY, "ProjectionExpression": "entry"}),
        ("put_item", {"Item": KEY, "ReturnValues": "ALL_OLD"}),
        (
            "put_item",
            {
                "Item": KEY,
                "ConditionExpression": "size(entry) < :n",
                "ExpressionAttributeValues": {":n": 1},
            },
        ),
        (
            "update_item",
            {
                "Key": KEY,
                "UpdateExpression": "ADD number :n",
                "ExpressionAttributeValues": {":n": 1},
            },
        ),
        (
            "update_item",
            {
                "Key": KEY,
                "UpdateExpression": "SET a.b = :n",
                "ExpressionAttributeValues": {":n": 1},
            },
        ),
        ("query", {"KeyConditionExpression": "dataset = :d", "FilterExpression": "x"}),
        ("put_item", {"Item": {**KEY, "ratio": 0.5}}),
    ],
)
def test_what_the_table_does_not_know_is_refused_by_name(
    call: str, request_: dict[str, Any]
) -> None:
    with pytest.raises(Unknown):
        getattr(_table(), call)(**request_)


@pytest.mark.parametrize(
    "request_",
    [
        {"UpdateExpression": "SET a = :a", "ExpressionAttributeValues": {":a": 1, ":unused": 2}},
        {"UpdateExpression": "SET a = :a", "ExpressionAttributeValues": {}},
        {"UpdateExpression": "SET a = b"},
        {"UpdateExpression": "SET a = :a REMOVE a", "ExpressionAttributeValues": {":a": 1}},
    ],
)
def test_what_dynamodb_refuses_is_refused(request_: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        _table().update_item(Key=KEY, **request_)


def test_a_condition_that_does_not_hold_is_the_exception_that_the_ledgers_catch() -> None:
    table = _table()
    with pytest.raises(table.meta.client.exceptions.ConditionalCheckFailedException):
        table.put_item(Item=KEY, ConditionExpression="attribute_not_exists(entry)")
    assert issubclass(ConditionalCheckFailed, Exception)


def test_an_index_lags_behind_and_what_is_read_consistently_does_not() -> None:
    clock = {"now": 0.0}
    table = MemoryTable(name="ledger", indexes=(INDEX,), now=lambda: clock["now"], lag=lambda: 5.0)
    table.put_item(Item={**KEY, "dataset_status": "d#waiting", "received_at": "1"})
    query = {
        "IndexName": INDEX.name,
        "KeyConditionExpression": "dataset_status = :s",
        "ExpressionAttributeValues": {":s": "d#waiting"},
    }
    assert table.query(**query)["Items"] == []
    assert table.get_item(Key=KEY) == {}
    assert table.get_item(Key=KEY, ConsistentRead=True)["Item"]["received_at"] == "1"
    clock["now"] = 5.0
    assert [item["entry"] for item in table.query(**query)["Items"]] == ["e"]
    assert table.get_item(Key=KEY)["Item"]["entry"] == "e"


def test_items_are_copies_and_numbers_are_decimals() -> None:
    table = _table()
    first = table.get_item(Key=KEY, ConsistentRead=True)["Item"]
    first["number"] = 7
    assert table.get_item(Key=KEY, ConsistentRead=True)["Item"]["number"] == Decimal(1)
