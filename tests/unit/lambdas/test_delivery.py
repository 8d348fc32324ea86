"""Delivery as it really is: events repeated, reordered and delayed, two at once, uploads interrupted and resumed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from contracts import model
from lambdas.claim_batch import manifest as claim_manifest
from pipeline.ledger import file_entry
from tests.unit.lambdas.taking import FOLDER, Sales, intake, sha

Uploads = list[tuple[str, bytes]]


def deliveries(sales: Sales) -> Uploads:
    """12 uploads of 7 contents: new ones, the same content again, equal names with other content, and bad ones."""
    contents = [sales(first_order=100 * number) for number in range(5)]
    return [
        (f"{FOLDER}/a.csv", contents[0]),
        (f"{FOLDER}/b.csv", contents[1]),
        ("partners/other/sales_records/a.csv", contents[2]),
        (f"{FOLDER}/a.csv", contents[3]),
        (f"{FOLDER}/copy_of_b.csv", contents[1]),
        (f"{FOLDER}/bad.csv", b"caf\xe9\n"),
        (f"{FOLDER}/unfinished.csv.part", contents[4][:40]),
        (f"{FOLDER}/empty.csv", b""),
        ("partners/other/sales_records/third_b.csv", contents[1]),
        (f"{FOLDER}/c.csv", contents[4]),
        (f"{FOLDER}/c.csv", contents[4]),
        ("partners/acme/unknown/d.csv", contents[0]),
    ]


def ends(account: Any) -> Mapping[str, Any]:
    """What must not depend on how events come; times of notes do, and which copy of a content came to raw first."""
    ledger = account.entries()
    for item in ledger.values():
        for name in (
            "alerted_at",
            "raw_key",
            "duplicate_of",
            "displaced",
            "received_at",
            "redelivered_at",
            "redelivered_as",
            "version_id",
            "rejected_key",
            "versions",
        ):
            item.pop(name, None)
    return {
        "ledger": ledger,
        "raw": sorted(account.objects("raw").values()),
        "told": sorted(message["subject"] for message in account.messages()),
    }


@pytest.fixture
def undisturbed(account: Any, contract: model.Contract, sales: Sales) -> Mapping[str, Any]:
    """How it ends when each event comes once, in order; the account is empty again afterwards."""
    service = intake(account, contract)
    for number, (key, body) in enumerate(deliveries(sales)):
        assert service.handle_batch([account.upload(key, body, sequencer=f"{number:04}")]) == []
    found = ends(account)
    account.clear()
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_events_repeated_up_to_five_times_in_any_order_end_like_each_once_in_order(
    account: Any, contract: model.Contract, sales: Sales, undisturbed: Mapping[str, Any], seed: int
) -> None:
    chance = random.Random(seed)
    records = [
        account.upload(key, body, sequencer=f"{number:04}")
        for number, (key, body) in enumerate(deliveries(sales))
    ]
    events = [record for record in records for _ in range(chance.randint(1, 5))]
    chance.shuffle(events)
    service = intake(account, contract)
    while events:
        batch, events = events[:4], events[4:]
        assert service.handle_batch(batch) == []
    assert ends(account) == undisturbed


def test_the_earliest_upload_stands_for_a_content_in_whatever_order_the_events_come(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    keys = [f"{FOLDER}/{name}.csv" for name in "abc"]
    records = [
        account.upload(key, sales(), sequencer=f"0{number}") for number, key in enumerate(keys)
    ]
    for record in (records[2], records[1], records[0], records[2]):
        assert intake(account, contract).handle_batch([record]) == []
    entries = list(account.entries().values())
    [file] = [item for item in entries if item["status"] == "waiting"]
    assert (file["landing_key"], file["file_name"]) == (keys[0], "a.csv")
    assert (
        sorted(item["landing_key"] for item in entries if item["status"] == "duplicate") == keys[1:]
    )
    assert len(account.executions()) == 1


def test_a_file_that_a_run_has_keeps_its_delivery_when_an_earlier_one_is_heard_of(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    early, late = (account.upload(f"{FOLDER}/{name}.csv", sales(), sequencer=name) for name in "ab")
    intake(account, contract).handle_batch([late])
    account.files().claim("sales_records", sha(sales()), "run")
    intake(account, contract).handle_batch([early])
    file = account.files().get("sales_records", file_entry(sha(sales())))
    assert (file["file_name"], file["status"]) == ("b.csv", "claimed")
    assert [i["file_name"] for i in account.entries().values() if i["status"] == "duplicate"] == [
        "a.csv"
    ]


@pytest.mark.parametrize("crash_after", [1, 2])
def test_a_crash_while_an_earlier_upload_takes_over_loses_no_delivery(
    account: Any, contract: model.Contract, sales: Sales, crash_after: int
) -> None:
    early, late = (account.upload(f"{FOLDER}/{name}.csv", sales(), sequencer=name) for name in "ab")
    intake(account, contract).handle_batch([late])
    account.fuse.writes = crash_after  # taken over, the other recorded
    assert intake(account, contract).handle_batch([early]) == [early["messageId"]]
    account.fuse.writes = None
    assert intake(account, contract).handle_batch([early]) == []
    fates = {item["file_name"]: item["status"] for item in account.entries().values()}
    assert fates == {"a.csv": "waiting", "b.csv": "duplicate"}


@pytest.mark.parametrize("body", ["good", "bad"])
@pytest.mark.parametrize("after_write", [1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_the_same_event_taken_by_two_at_once_between_any_two_writes_counts_once(
    account: Any, contract: model.Contract, sales: Sales, after_write: int, body: str
) -> None:
    record = account.upload(f"{FOLDER}/a.csv", sales() if body == "good" else b"caf\xe9\n")
    account.fuse.writes = after_write
    account.fuse.action = lambda: intake(account, contract).handle_batch([record])
    assert intake(account, contract).handle_batch([record]) == []
    [entry] = account.entries().values()
    assert entry["status"] == ("waiting" if body == "good" else "rejected")
    assert len(account.executions()) == (1 if body == "good" else 0)
    assert len(account.messages()) == (0 if body == "good" else 1)


@pytest.mark.parametrize("after_write", [1, 2, 3, 4])
def test_two_users_who_send_the_same_content_at_once_make_one_file_and_one_duplicate(
    account: Any, contract: model.Contract, sales: Sales, after_write: int
) -> None:
    first = account.upload(f"{FOLDER}/a.csv", sales(), sequencer="01")
    second = account.upload("partners/other/sales_records/a.csv", sales(), sequencer="02")
    account.fuse.writes = after_write
    account.fuse.action = lambda: intake(account, contract).handle_batch([second])
    assert intake(account, contract).handle_batch([first]) == []
    fates = {
        item["landing_key"].split("/")[1]: item["status"] for item in account.entries().values()
    }
    assert fates == {"acme": "waiting", "other": "duplicate"}
    assert list(account.objects("raw").values()) == [sales()]


def test_two_users_with_one_name_and_different_content_are_two_files(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    records = [
        account.upload(f"{FOLDER}/a.csv", sales(rows=1)),
        account.upload("partners/other/sales_records/a.csv", sales(rows=2)),
    ]
    assert intake(account, contract).handle_batch(records) == []
    assert sorted(int(item["row_count"]) for item in account.entries().values()) == [1, 2]
    assert len(account.objects("raw")) == 2


def test_the_same_content_for_two_datasets_is_a_file_of_each(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    other = replace(contract, dataset="returns", intake=replace(contract.intake, folder="returns"))
    records = [
        account.upload(f"partners/acme/{folder}/a.csv", sales())
        for folder in ("sales_records", "returns")
    ]
    assert intake(account, contract, other).handle_batch(records) == []
    assert {item["dataset"]: item["status"] for item in account.entries().values()} == {
        "sales_records": "waiting",
        "returns": "waiting",
    }
    assert len(account.objects("raw")) == 2
    assert len(account.executions()) == 2


def test_an_object_overwritten_between_event_and_read_is_each_version_by_its_own_event(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    old = account.upload(f"{FOLDER}/a.csv", sales(rows=1), sequencer="01")
    new = account.upload(f"{FOLDER}/a.csv", sales(rows=2), sequencer="02")
    assert intake(account, contract).handle_batch([new, old]) == []
    assert sorted(int(item["row_count"]) for item in account.entries().values()) == [1, 2]


def test_an_upload_that_is_interrupted_resumed_and_renamed_is_one_file_and_no_alarm(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    body = sales()
    records = [
        account.upload(f"{FOLDER}/a.csv.filepart", body[:50], sequencer="01"),
        account.upload(f"{FOLDER}/a.csv.filepart", body, sequencer="02"),
        account.upload(f"{FOLDER}/a.csv", b"", sequencer="03"),  # created empty, then written
        account.upload(f"{FOLDER}/a.csv", body, sequencer="04"),
    ]
    account.s3.delete_object(Bucket="landing", Key=f"{FOLDER}/a.csv.filepart")
    assert intake(account, contract).handle_batch(records) == []
    [entry] = [each for each in account.entries().values() if each["status"] == "waiting"]
    assert (entry["status"], entry["sequencer"]) == ("waiting", "04")
    assert account.messages() == []


REPLAY = "partners/slipway-replay/sales_records/fixed.csv"


def corrected(sales: Sales) -> bytes:
    header, *rows = sales(rows=2).decode().splitlines()
    return "\n".join(
        [f"{header},_source_row,_reasons", *(f"{row},{n},why" for n, row in enumerate(rows, 1))]
    ).encode()


def test_a_replay_names_its_origin_and_may_have_the_headers_of_an_export(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    origin = sales(rows=9)
    intake(account, contract).handle_batch([account.upload(f"{FOLDER}/a.csv", origin)])
    account.files().claim("sales_records", sha(origin), "r")
    account.files().close("sales_records", sha(origin), "r", {"rows_loaded": 7})
    body = corrected(sales)
    record = account.upload(REPLAY, body, metadata={"replay-of": sha(origin)})
    assert intake(account, contract).handle_batch([record]) == []
    entry = account.files().get("sales_records", file_entry(sha(body)))
    assert (entry["status"], entry["replay_of"], int(entry["row_count"])) == (
        "waiting",
        sha(origin),
        2,
    )
    assert entry["header"][-2:] == ["_source_row", "_reasons"]


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({}, "'replay-of' is '', and no loaded file"),
        ({"replay-of": "f" * 64}, "it is not in the file ledger"),
        ({"replay-of": "origin"}, "it is waiting"),
    ],
)
def test_a_replay_without_a_loaded_origin_is_rejected(
    account: Any, contract: model.Contract, sales: Sales, metadata: dict[str, str], told: str
) -> None:
    origin = sales(rows=9)
    intake(account, contract).handle_batch([account.upload(f"{FOLDER}/a.csv", origin)])
    given = {name: sha(origin) if value == "origin" else value for name, value in metadata.items()}
    intake(account, contract).handle_batch(
        [account.upload(REPLAY, corrected(sales), metadata=given)]
    )
    [entry] = [item for item in account.entries().values() if item["status"] == "rejected"]
    assert (entry["reason"], told in entry["detail"]) == ("replay_origin", True)


@pytest.mark.parametrize(
    ("said", "status"), [("3", "waiting"), ("4", "rejected"), (None, "waiting")]
)
def test_a_fetched_file_has_as_many_records_as_its_source_said(
    account: Any, contract: model.Contract, sales: Sales, said: str | None, status: str
) -> None:
    metadata = {} if said is None else {"fetch-records": said}
    fetched = "partners/source-shop_orders/sales_records/a.csv"
    intake(account, contract).handle_batch(
        [account.upload(fetched, sales(rows=3), metadata=metadata)]
    )
    [entry] = account.entries().values()
    assert entry["status"] == status
    if status == "rejected":
        told = "its source says 4 records, and the file has 3"
        assert (entry["reason"], entry["detail"]) == ("source_count", told)


def test_the_totals_that_a_database_said_go_with_its_file(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    said = {"fetch-records": "3", "fetch-totals": '{"total_cost": "12.30", "total_profit": "NaN"}'}
    fetched = "partners/source-shop_orders/sales_records/a.csv"
    intake(account, contract).handle_batch([account.upload(fetched, sales(rows=3), metadata=said)])
    [entry] = account.entries().values()
    assert entry["declared_totals"] == {"total_cost": "12.30"}  # with a NaN nothing adds up
    assert claim_manifest._file(entry, "raw", "load").declared_totals == {
        "total_cost": Decimal("12.30")
    }


def test_what_a_partner_says_of_count_and_totals_is_not_asked(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    said = {"fetch-records": "4", "fetch-totals": "no JSON"}
    record = account.upload(f"{FOLDER}/a.csv", sales(rows=3), metadata=said)
    intake(account, contract).handle_batch([record])
    [entry] = account.entries().values()
    assert entry["status"] == "waiting"
    assert "declared_totals" not in entry


def test_a_partner_cannot_make_a_replay(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    record = account.upload(f"{FOLDER}/a.csv", corrected(sales), metadata={"replay-of": "f" * 64})
    intake(account, contract).handle_batch([record])
    [entry] = account.entries().values()
    assert (entry["status"], entry["reason"]) == ("rejected", "header_mismatch")


def set_aside(account: Any, body: bytes, moment: str) -> None:
    account.files().set_aside(
        "sales_records", sha(body), held="waiting", reason="bad rows", moment=moment
    )


def entry_of(account: Any, body: bytes) -> Mapping[str, Any]:
    return account.files().get("sales_records", file_entry(sha(body)))


def test_what_was_set_aside_and_is_sent_again_waits_for_a_run_again(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    """After a rollback, or when the contract was corrected: the content is in no table, so it is no duplicate."""
    first = account.upload(f"{FOLDER}/a.csv", sales(), sequencer="01")
    intake(account, contract).handle_batch([first])
    set_aside(account, sales(), "2020-01-01T00:00:00.500000Z")
    raw = entry_of(account, sales())["raw_key"]
    account.s3.delete_object(Bucket="raw", Key=raw)  # as a lifecycle rule does
    again = account.upload(f"{FOLDER}/again.csv", sales(), sequencer="02")
    for record in (again, again, first):
        assert intake(account, contract).handle_batch([record]) == []
    file = entry_of(account, sales())
    assert (file["status"], file["file_name"], "set_aside_reason" in file) == (
        "waiting",
        "again.csv",
        False,
    )
    assert account.objects("raw") == {raw: sales()}
    assert len(account.executions()) == 2  # of the first delivery, and of the second


def test_a_repeated_event_and_a_delivery_from_before_leave_a_file_set_aside(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    first = account.upload(f"{FOLDER}/a.csv", sales(), sequencer="01")
    intake(account, contract).handle_batch([first])
    before = account.upload(f"{FOLDER}/before.csv", sales(), sequencer="02")
    set_aside(account, sales(), "2999-01-01T00:00:00.000000Z")
    for record in (first, before):
        assert intake(account, contract).handle_batch([record]) == []
    assert (entry_of(account, sales())["status"], len(account.executions())) == ("set_aside", 1)


def loaded(account: Any, sha256: str, run_id: str, **effect: int) -> None:
    """A run loads a waiting file, and this is what it did to the table."""
    files = account.files()
    assert files.claim("sales_records", sha256, run_id)
    counts = {"rows_loaded": 2, "rows_quarantined": 0, "rows_deduplicated": 0, "effect": effect}
    assert files.close("sales_records", sha256, run_id, counts)


def replaced(account: Any, body: bytes, at: str) -> None:
    """A file that came at that time has taken the place of rows of this content."""
    account.files().mark_replaced("sales_records", sha(body), by="b" * 64, received_at=at)


def again_of(account: Any, body: bytes) -> list[Mapping[str, Any]]:
    entries = account.entries().values()
    return [entry for entry in entries if entry.get("content_sha256") == sha(body)]


@pytest.mark.parametrize("crash_after", [None, 1, 2, 3, 4])
def test_a_content_comes_again_after_its_rows_were_replaced_and_is_a_file_of_its_own(
    account: Any, contract: model.Contract, sales: Sales, crash_after: int | None
) -> None:
    """A, B, A ends with A: the newest delivery stands, and has a load and a rollback of its own."""
    body = sales()
    first = account.upload(f"{FOLDER}/a.csv", body, sequencer="01")
    intake(account, contract).handle_batch([first])
    loaded(account, sha(body), "r1", new=2)
    replaced(account, body, "2020-01-01T00:00:00.000000Z")
    second = account.upload(f"{FOLDER}/again.csv", body, sequencer="02")
    if crash_after is not None:
        account.fuse.writes = crash_after
        assert intake(account, contract).handle_batch([second]) == [second["messageId"]]
        account.fuse.writes = None
    for record in (second, second, first):
        assert intake(account, contract).handle_batch([record]) == []
    [again] = again_of(account, body)
    old = entry_of(account, body)
    assert (old["status"], old["file_name"], old["again"]) == ("loaded", "a.csv", again["sha256"])
    assert (again["status"], again["file_name"]) == ("waiting", "again.csv")
    assert again["raw_key"].split("/")[2] == again["sha256"] != sha(body)
    assert account.objects("raw") == {old["raw_key"]: body, again["raw_key"]: body}
    assert len(account.executions()) == 2
    loaded(account, again["sha256"], "r2", new=1, replaced=1)
    third = account.upload(f"{FOLDER}/once_more.csv", body, sequencer="03")
    assert intake(account, contract).handle_batch([third]) == []
    assert [entry["sha256"] for entry in again_of(account, body)] == [again["sha256"]]


def test_a_content_is_a_duplicate_while_all_its_rows_stand_or_when_it_came_before_what_replaced_them(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    body = sales()
    intake(account, contract).handle_batch(
        [account.upload(f"{FOLDER}/a.csv", body, sequencer="01")]
    )
    loaded(account, sha(body), "r1", new=2)
    stands = account.upload(f"{FOLDER}/b.csv", body, sequencer="02")
    intake(account, contract).handle_batch([stands])
    replaced(account, body, "2999-01-01T00:00:00.000000Z")
    early = account.upload(f"{FOLDER}/c.csv", body, sequencer="03")
    intake(account, contract).handle_batch([early])
    intake(account, contract).handle_batch([stands, early])  # repeated events are no deliveries
    replaced(account, body, "2020-01-01T00:00:00.000000Z")
    once = replace(contract, intake=replace(contract.intake, redelivery="once"))
    intake(account, once).handle_batch([account.upload(f"{FOLDER}/d.csv", body, sequencer="04")])
    assert again_of(account, body) == []
    fates = {entry["file_name"]: entry["status"] for entry in account.entries().values()}
    assert fates == {"a.csv": "loaded", **dict.fromkeys(("b.csv", "c.csv", "d.csv"), "duplicate")}


def test_a_content_whose_rows_were_out_of_date_when_they_were_loaded_is_loaded_when_it_comes_again(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    body = sales()
    intake(account, contract).handle_batch(
        [account.upload(f"{FOLDER}/a.csv", body, sequencer="01")]
    )
    loaded(account, sha(body), "r1", new=1, outdated=1)
    intake(account, contract).handle_batch(
        [account.upload(f"{FOLDER}/b.csv", body, sequencer="02")]
    )
    [again] = again_of(account, body)
    assert (again["file_name"], again["status"]) == ("b.csv", "waiting")


@pytest.mark.parametrize("crash_after", [1, 2, 3])
def test_a_crash_while_a_file_is_taken_back_is_finished_by_the_repeated_event(
    account: Any, contract: model.Contract, sales: Sales, crash_after: int
) -> None:
    first = account.upload(f"{FOLDER}/a.csv", sales(), sequencer="01")
    intake(account, contract).handle_batch([first])
    set_aside(account, sales(), "2020-01-01T00:00:00.000000Z")
    again = account.upload(f"{FOLDER}/again.csv", sales(), sequencer="02")
    account.fuse.writes = crash_after  # raw, the entry, the other delivery
    assert intake(account, contract).handle_batch([again]) == [again["messageId"]]
    account.fuse.writes = None
    assert intake(account, contract).handle_batch([again]) == []
    fates = {item["file_name"]: item["status"] for item in account.entries().values()}
    assert fates == {"again.csv": "waiting", "a.csv": "duplicate"}
    assert len(account.executions()) == 2
