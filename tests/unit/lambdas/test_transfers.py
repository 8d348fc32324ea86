"""What came by SFTP is taken once it is known to be whole: the whole of intake, from the queue's records to the ledger.

Every order of events, and what is lost of them, is in test_completion.py.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterable
from typing import Any

import pytest

from contracts import model
from lambdas.intake import events
from lambdas.intake.events import Renamed, Uploaded
from lambdas.intake.service import Intake
from tests.unit.lambdas.conftest import Crash
from tests.unit.lambdas.sftp import Record, Sftp
from tests.unit.lambdas.taking import FOLDER, Sales, intake, message, sha

KEY = f"{FOLDER}/orders.csv"
TEMPORARY = f"{FOLDER}/orders.csv.part"


def fates(account: Any) -> dict[str, str]:
    """Status of each content, and of each object that was set aside; what is known of transfers is not shown."""
    return {
        entry["entry"].partition("#")[0]
        + " "
        + (entry.get("sha256") or entry["landing_key"]): entry["status"]
        for entry in account.entries().values()
        if not entry["entry"].startswith(("transfer#", "ignored#"))
    }


def handed(service: Intake, records: Iterable[Record]) -> None:
    """Each record in a call of its own, as they come from SQS at different times."""
    for record in records:
        assert service.handle_batch([record]) == []


def orders(names: Iterable[str], most: int = 3) -> list[tuple[str, ...]]:
    """Some orders, the given one first."""
    every = list(itertools.permutations(names))
    return [every[0], *random.Random(7).sample(every[1:], min(most, len(every)) - 1)]


def test_the_recorded_events_of_transfer_family_are_understood(account: Any) -> None:
    key = f"{FOLDER}/north + south 2026-01.csv"
    completed = events.parse(json.dumps(account.event("sftp_upload_completed")))
    assert isinstance(completed, Uploaded)
    assert (completed.bucket, completed.key) == ("landing", key)
    assert (completed.ending.is_complete, completed.ending.etag) == (
        True,
        "b1946ac92492d2347c6235b4d2611184",
    )
    assert completed.ending.ended_at == "2026-11-20T08:15:30.311866Z"
    failed = events.parse(json.dumps(account.event("sftp_upload_failed")))
    assert isinstance(failed, Uploaded)
    assert (failed.ending.is_complete, failed.ending.etag, failed.ending.size_bytes) == (
        False,
        "",
        5,
    )
    assert failed.ending.detail == "PARTIAL_UPLOAD: File was partially uploaded."
    renamed = events.parse(json.dumps(account.event("sftp_rename_completed")))
    assert isinstance(renamed, Renamed)
    assert (renamed.old_key, renamed.new_key) == (f"{key}.part", key)


@pytest.mark.parametrize("path", ["", "/landing", "landing/"])
def test_a_path_that_is_no_bucket_and_key_is_for_the_dead_letter_queue(
    account: Any, contract: model.Contract, path: str
) -> None:
    event = account.event("sftp_upload_completed")
    event["detail"]["file-path"] = path
    assert intake(account, contract).handle_batch([message("odd", json.dumps(event))]) == ["odd"]


def test_an_upload_is_taken_when_both_of_its_events_have_come_and_never_before(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    service, sftp = intake(account, contract), Sftp(account)
    for number, order in enumerate(orders(["landed", "completed"])):
        body = sales(first_order=100 * number)
        told = sftp.put(KEY, body)
        handed(service, [told[order[0]], told[order[0]]])
        assert f"file {sha(body)}" not in fates(account)
        handed(service, [told[order[1]], told[order[0]], told[order[1]]])
        assert fates(account)[f"file {sha(body)}"] == "waiting"
        assert [
            e["landing_key"] for e in account.entries().values() if e.get("sha256") == sha(body)
        ] == [KEY]
    assert account.messages() == []


def test_the_time_at_which_the_upload_was_completed_is_kept(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    body, sftp = sales(), Sftp(account)
    handed(intake(account, contract), sftp.put(KEY, body).values())
    [entry] = [each for each in account.entries().values() if each.get("sha256") == sha(body)]
    assert entry["transfer_completed_at"] == "2026-11-20T08:00:10.700000Z"
    assert entry["received_at"] == entry["transfer_completed_at"]  # it decides which row is newer


def test_a_file_that_was_renamed_is_taken_after_the_last_of_its_four_events_and_never_before(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    service, sftp = intake(account, contract), Sftp(account)
    for number, order in enumerate(orders(["landed", "completed", "copied", "renamed"])):
        body = sales(first_order=100 * number)
        told = sftp.put(TEMPORARY, body) | sftp.rename(TEMPORARY, KEY)
        handed(service, [told[name] for name in order[:-1]])
        assert f"file {sha(body)}" not in fates(account), order
        handed(service, [told[order[-1]]])
        assert fates(account)[f"file {sha(body)}"] == "waiting", order
        handed(service, [told[name] for name in order])
    assert set(fates(account).values()) == {"waiting"}  # nothing became a duplicate
    assert account.messages() == []


@pytest.mark.parametrize("etag", [False, True])
def test_an_upload_that_broke_off_is_set_aside_and_told_once_in_either_order(
    account: Any, contract: model.Contract, sales: Sales, etag: bool
) -> None:
    service, sftp = intake(account, contract), Sftp(account)
    for number, order in enumerate(orders(["landed", "failed"])):
        key = f"{FOLDER}/cut {number}.csv"
        told = sftp.cut(key, sales()[:-20], etag=etag)
        handed(service, [told[name] for name in (*order, *order)])
        assert fates(account)[f"incomplete {key}"] == "incomplete"
        [message] = account.messages()
        assert (
            message["subject"]
            == f"WARNING [dev] sales_records: 1 file set aside: cut {number}.csv (transfer_ended_early)"
        )
        assert "PARTIAL_UPLOAD: File was partially uploaded." in message["message"]
        assert f"slipway files accept '{key}'" in message["message"]
    assert account.objects("raw") == {}


def test_a_cut_upload_is_replaced_by_the_whole_one_whatever_comes_first(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    service, sftp = intake(account, contract), Sftp(account)
    for number, order in enumerate(orders(["cut landed", "failed", "landed", "completed"])):
        body, key = sales(first_order=100 * number), f"{FOLDER}/{number}.csv"
        broken = sftp.cut(key, body[:-20])
        told = {"cut landed": broken["landed"], "failed": broken["failed"], **sftp.put(key, body)}
        handed(service, [told[name] for name in order])
        seen = fates(account)
        assert seen[f"file {sha(body)}"] == "waiting", order
        assert seen.get(f"incomplete {key}", "replaced") == "replaced", order
        assert f"file {sha(body[:-20])}" not in seen, order
    assert set(fates(account).values()) == {"waiting", "replaced"}


def test_a_broken_upload_that_is_renamed_all_the_same_is_set_aside(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    service, sftp = intake(account, contract), Sftp(account)
    for number, order in enumerate(orders(["landed", "failed", "copied", "renamed"])):
        key = f"{FOLDER}/{number}.csv"
        told = sftp.cut(f"{key}.part", sales()[:-20]) | sftp.rename(f"{key}.part", key)
        handed(service, [told[name] for name in order])
        assert fates(account)[f"incomplete {key}"] == "incomplete", order
    assert account.objects("raw") == {}


def test_with_events_lost_a_file_is_set_aside_when_overdue_and_taken_when_accepted(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    service, sftp, body = intake(account, contract), Sftp(account), sales()
    told = sftp.put(TEMPORARY, body) | sftp.rename(TEMPORARY, KEY)
    handed(service, [told["landed"], told["copied"]])
    assert fates(account) == {}
    for _ in range(2):
        handed(service, [sftp.due()])
        assert fates(account) == {f"incomplete {KEY}": "incomplete"}
    [message] = account.messages()
    assert (
        "transfer_unconfirmed: for 15 minutes nothing told whether its upload is complete"
        in message["message"]
    )
    for _ in range(2):
        handed(service, [sftp.accepted(told["copied"])])
        assert fates(account) == {f"file {sha(body)}": "waiting", f"incomplete {KEY}": "replaced"}


def test_an_event_that_comes_after_its_file_was_set_aside_has_the_file_taken(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    service, sftp, body = intake(account, contract), Sftp(account), sales()
    told = sftp.put(KEY, body)
    handed(service, [told["landed"], sftp.due(), told["completed"]])
    assert fates(account) == {f"file {sha(body)}": "waiting", f"incomplete {KEY}": "replaced"}


def test_what_was_taken_is_never_due(account: Any, contract: model.Contract, sales: Sales) -> None:
    service, sftp, body = intake(account, contract), Sftp(account), sales()
    told = sftp.put(KEY, body)
    handed(service, [*told.values(), sftp.due()])
    assert fates(account) == {f"file {sha(body)}": "waiting"}


def test_an_event_without_entity_tag_vouches_for_its_own_time_and_size_only(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    service, sftp = intake(account, contract), Sftp(account)
    first, second = sales(first_order=100), sales(first_order=200)
    told = sftp.put(KEY, first)
    event = json.loads(told["completed"]["body"])
    del event["detail"]["etag"]
    handed(service, [told["landed"], {**told["completed"], "body": json.dumps(event)}])
    handed(service, [sftp.put(KEY, second)["landed"]])
    assert fates(account) == {f"file {sha(first)}": "waiting"}


def test_a_file_that_did_not_come_by_sftp_is_taken_at_once(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    body = sales()
    handed(intake(account, contract), [account.upload(KEY, body)])
    assert fates(account) == {f"file {sha(body)}": "waiting"}


def test_a_whole_file_that_is_bad_is_rejected_as_any_other(
    account: Any, contract: model.Contract
) -> None:
    sftp = Sftp(account)
    handed(intake(account, contract), sftp.put(KEY, b"caf\xe9\n").values())
    assert fates(account) == {f"rejected {KEY}": "rejected"}


def test_an_object_that_never_landed_cannot_be_accepted(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    sftp = Sftp(account)
    told = sftp.put(KEY, sales())
    record = sftp.accepted(told["landed"])
    assert intake(account, contract).handle_batch([record]) == [record["messageId"]]


def test_a_crash_at_any_write_is_finished_by_the_redelivered_event(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    sftp, body = Sftp(account), sales()
    records = [*sftp.cut(KEY, body[:-20]).values(), *sftp.put(KEY, body).values()]
    for writes in itertools.count(1):
        _forget(account)
        account.fuse.writes = writes
        crashed = _handed_until_crash(intake(account, contract), records)
        account.fuse.writes = None
        handed(intake(account, contract), records[crashed:] if crashed is not None else [])
        assert fates(account) == {
            f"file {sha(body)}": "waiting",
            f"incomplete {KEY}": "replaced",
        }, writes
        assert (len(account.messages()), len(account.executions())) == (1, 1), writes
        if crashed is None:
            break
    assert writes > 8


def _forget(account: Any) -> None:
    """Ledger entries, messages and executions; the objects stay."""
    for item in account.file_table.scan()["Items"]:
        account.file_table.delete_item(Key={name: item[name] for name in ("dataset", "entry")})
    for item in account.burst_table.scan()["Items"]:
        account.burst_table.delete_item(Key={name: item[name] for name in ("about", "entry")})
    account.renew_machines()


def _handed_until_crash(service: Intake, records: list[Record]) -> int | None:
    for place, record in enumerate(records):
        try:
            if service.handle_batch([record]):
                return place
        except Crash:
            return place
    return None
