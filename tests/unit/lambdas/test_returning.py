"""A, B, A ends with A however quickly they come: a duplicate returns when what came before it replaces its content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from contracts import model
from pipeline import intake_messages
from pipeline.ledger import file_entry
from tests.unit.lambdas.taking import FOLDER, Sales, intake, message, sha

DATASET = "sales_records"
BEFORE, EARLIER, LATER = (f"{year}-01-01T00:00:00.000000Z" for year in (2019, 2020, 2999))
DUE = message("due", json.dumps(intake_messages.due(15)))


def take(account: Any, contract: model.Contract, *records: Mapping[str, Any]) -> None:
    assert intake(account, contract).handle_batch(list(records)) == []


def load(account: Any, sha256: str, run_id: str, **effect: int) -> Mapping[str, Any]:
    """A run loads a waiting file: its entry as CloseRun leaves it."""
    files = account.files()
    assert files.claim(DATASET, sha256, run_id)
    counts = {"rows_loaded": 2, "rows_quarantined": 0, "rows_deduplicated": 0, "effect": effect}
    entry = files.close(DATASET, sha256, run_id, counts)
    files.let_return(entry)
    return entry  # type: ignore[no-any-return]


def pass_gate(account: Any, body: bytes, at: str = EARLIER) -> None:
    """A file that was received then passes the gate, and takes the place of rows of this content."""
    files = account.files()
    files.let_return(files.mark_replaced(DATASET, sha(body), by="b" * 64, received_at=at))


def again_of(account: Any, body: bytes) -> list[Mapping[str, Any]]:
    entries = account.entries().values()
    return [entry for entry in entries if entry.get("content_sha256") == sha(body)]


def fates(account: Any) -> dict[str, str]:
    return {entry["file_name"]: entry["status"] for entry in account.entries().values()}


@pytest.fixture
def twice(account: Any, contract: model.Contract, sales: Sales) -> bytes:
    """A content that is loaded, and came again while all of its rows stood."""
    body = sales()
    take(account, contract, account.upload(f"{FOLDER}/a.csv", body, sequencer="01"))
    load(account, sha(body), "r1", new=2)
    again = account.upload(f"{FOLDER}/again.csv", body, sequencer="02")
    take(account, contract, again)
    assert fates(account) == {"a.csv": "loaded", "again.csv": "duplicate"}
    return body


@pytest.mark.parametrize("crash_after", [None, 1, 2, 3, 4])
def test_a_duplicate_is_loaded_after_all_when_what_came_before_it_passes_the_gate(
    account: Any, contract: model.Contract, twice: bytes, crash_after: int | None
) -> None:
    pass_gate(account, twice)
    if crash_after is not None:  # raw, the file, the one before it, the run
        account.fuse.writes = crash_after
        assert intake(account, contract).handle_batch([DUE]) == ["due"]
        account.fuse.writes = None
    take(account, contract, DUE, DUE)
    [file] = again_of(account, twice)
    old = account.files().get(DATASET, file_entry(sha(twice)))
    assert (file["status"], file["file_name"], old["again"]) == (
        "waiting",
        "again.csv",
        file["sha256"],
    )
    assert account.objects("raw") == {old["raw_key"]: twice, file["raw_key"]: twice}
    assert file["raw_key"].split("/")[2] == file["sha256"] != sha(twice)
    assert "the same content as partners/acme/sales_records/a.csv" in file["why_again"]
    [duplicate] = [entry for entry in account.entries().values() if entry["status"] == "replaced"]
    assert (duplicate["file_name"], file["sha256"] in duplicate["detail"]) == ("again.csv", True)
    assert len(account.executions()) == 2
    load(account, file["sha256"], "r2", unchanged=2)
    take(account, contract, DUE)
    assert len(again_of(account, twice)) == 1


def test_the_event_of_a_delivery_that_returned_may_come_again(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    body = sales()
    events = [account.upload(f"{FOLDER}/{name}.csv", body, sequencer=name) for name in ("0a", "0b")]
    take(account, contract, events[0])
    load(account, sha(body), "r1", new=2)
    take(account, contract, events[1])
    pass_gate(account, body)
    take(account, contract, DUE, *events)
    assert fates(account) == {"0a.csv": "loaded", "0b.csv": "waiting"}
    assert len(again_of(account, body)) == 1


def test_of_several_deliveries_the_newest_returns_and_those_after_it_are_duplicates_of_it(
    account: Any, contract: model.Contract, twice: bytes
) -> None:
    later = account.upload(f"{FOLDER}/later.csv", twice, sequencer="03")
    account.files().table.update_item(  # S3's whole seconds would leave both in one
        Key={"dataset": DATASET, "entry": file_entry(sha(twice))},
        UpdateExpression="SET redelivered_at = :before",
        ExpressionAttributeValues={":before": BEFORE},
    )
    take(account, contract, later)
    pass_gate(account, twice)
    take(account, contract, DUE)
    [file] = again_of(account, twice)
    assert file["file_name"] == "later.csv"
    load(account, file["sha256"], "r2", unchanged=2)
    take(account, contract, account.upload(f"{FOLDER}/last.csv", twice, sequencer="04"))
    assert len(again_of(account, twice)) == 1
    files = account.files()
    files.let_return(files.mark_replaced(DATASET, file["sha256"], by="c" * 64, received_at=EARLIER))
    take(account, contract, DUE)
    assert sorted(entry["file_name"] for entry in again_of(account, twice)) == [
        "last.csv",
        "later.csv",
    ]


def test_a_later_duplicate_is_not_forgotten_when_an_older_one_becomes_the_last_file_of_the_content(
    account: Any, contract: model.Contract, twice: bytes
) -> None:
    """Found by the simulation: what replaces rows of a file looks no further when another follows on it."""
    pass_gate(account, twice)  # again.csv is to return, and is not yet a file
    take(account, contract, account.upload(f"{FOLDER}/third.csv", twice, sequencer="03"))
    [third] = again_of(account, twice)
    load(account, third["sha256"], "r2", unchanged=2)
    take(account, contract, account.upload(f"{FOLDER}/fourth.csv", twice, sequencer="04"))
    take(account, contract, DUE)
    take(account, contract, DUE)
    assert fates(account)["fourth.csv"] == "waiting"


def test_a_content_whose_rows_gave_way_within_its_own_batch_returns(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    """A, B and A again before any run: the run has A and B, and the second A was a duplicate of what waited."""
    body = sales()
    take(account, contract, account.upload(f"{FOLDER}/a.csv", body, sequencer="01"))
    take(account, contract, account.upload(f"{FOLDER}/again.csv", body, sequencer="02"))
    assert fates(account) == {"a.csv": "waiting", "again.csv": "duplicate"}
    load(account, sha(body), "r1", new=1, outdated=1)
    take(account, contract, DUE)
    assert fates(account) == {"a.csv": "loaded", "again.csv": "waiting"}


@pytest.mark.parametrize("writes", [1, 2])
def test_a_gate_that_is_passed_while_intake_records_a_duplicate_is_not_missed(
    account: Any, contract: model.Contract, sales: Sales, writes: int
) -> None:
    body = sales()
    take(account, contract, account.upload(f"{FOLDER}/a.csv", body, sequencer="01"))
    load(account, sha(body), "r1", new=2)
    again = account.upload(f"{FOLDER}/again.csv", body, sequencer="02")
    account.fuse.writes = writes  # the duplicate is recorded, then noted on its file
    account.fuse.action = lambda: pass_gate(account, body)
    take(account, contract, again)
    take(account, contract, DUE)
    assert fates(account) == {"a.csv": "loaded", "again.csv": "waiting"}


def test_a_delivery_from_before_what_replaced_its_content_stays_a_duplicate(
    account: Any, contract: model.Contract, twice: bytes
) -> None:
    pass_gate(account, twice, at=LATER)
    take(account, contract, DUE)
    assert fates(account) == {"a.csv": "loaded", "again.csv": "duplicate"}


def test_nothing_returns_where_the_contract_wants_each_content_once(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    once = replace(contract, intake=replace(contract.intake, redelivery="once"))
    body = sales()
    take(account, once, account.upload(f"{FOLDER}/a.csv", body, sequencer="01"))
    load(account, sha(body), "r1", new=2)
    take(account, once, account.upload(f"{FOLDER}/again.csv", body, sequencer="02"))
    pass_gate(account, body)
    take(account, once, DUE)
    assert fates(account) == {"a.csv": "loaded", "again.csv": "duplicate"}


def test_a_duplicate_whose_content_has_left_raw_stays_one_and_says_why(
    account: Any, contract: model.Contract, twice: bytes
) -> None:
    [raw] = account.objects("raw")
    account.s3.delete_object(Bucket="raw", Key=raw)
    pass_gate(account, twice)
    take(account, contract, DUE)
    [duplicate] = [entry for entry in account.entries().values() if entry["status"] == "duplicate"]
    assert f"{raw} has left raw; ask the partner to send it again" in duplicate["detail"]
    assert again_of(account, twice) == []


def test_a_duplicate_from_before_the_delivery_that_stands_now_does_not_return(
    account: Any, twice: bytes
) -> None:
    """A file that was rolled back and sent again keeps what was noted of it before."""
    account.files().table.update_item(
        Key={"dataset": DATASET, "entry": file_entry(sha(twice))},
        UpdateExpression="SET redelivered_at = :at",
        ExpressionAttributeValues={":at": EARLIER},
    )
    pass_gate(account, twice, at=BEFORE)
    assert fates(account) == {"a.csv": "loaded", "again.csv": "duplicate"}
