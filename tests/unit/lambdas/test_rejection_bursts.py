"""Rejected files of one dataset are told together: one message for a burst, none lost, none told twice."""

from __future__ import annotations

import json
import random
import re
import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts import model
from contracts.errors import PermanentError
from lambdas.compose_digest import handler, messages
from lambdas.compose_digest.service import ComposeDigest
from pipeline.alerts import rejections_of
from pipeline.bursts import MOST_SHOWN, Burst, Bursts
from pipeline.ledger import FileLedger
from slipway.grammar import build_parser
from tests.unit.lambdas.conftest import Crash
from tests.unit.lambdas.taking import FOLDER, intake

BAD = b"caf\xe9\n"
ABOUT = rejections_of("sales_records")


def telling(account: Any) -> ComposeDigest:
    bursts = Bursts(table=account.burst_table, now=lambda: datetime.now(UTC))
    return ComposeDigest(environment="dev", files=FileLedger(account.file_table), bursts=bursts)


def arranged(account: Any) -> list[dict[str, Any]]:
    """Inputs of the executions that will tell, oldest first."""
    listed = account.stepfunctions.list_executions(stateMachineArn=account.announce_arn)[
        "executions"
    ]
    described = [
        account.stepfunctions.describe_execution(executionArn=item["executionArn"])
        for item in listed
    ]
    assert [item["name"] for item in described] == [
        f"{content['topic']}-{content['dataset']}-{content['burst']}"
        for content in (json.loads(item["input"]) for item in described)
    ]
    return sorted(
        (json.loads(item["input"]) for item in described), key=lambda content: content["burst"]
    )


def test_a_burst_is_one_message_that_counts_every_file_and_describes_the_first(
    account: Any, contract: model.Contract
) -> None:
    records = [
        account.upload(f"{FOLDER}/{n:02}.csv", BAD, sequencer=f"{n:02}")
        for n in range(MOST_SHOWN + 5)
    ]
    records += [account.upload(f"{FOLDER}/none.csv", b"", sequencer="99")]
    assert intake(account, contract).handle_batch(records) == []
    [message] = account.messages()
    assert (
        message["subject"]
        == "WARNING [dev] sales_records: 16 files rejected (15 not_utf8, 1 empty_file)"
    )
    described = re.findall(r"^  Now at: ", message["message"], re.M)
    assert len(described) == MOST_SHOWN
    assert "... and 6 more; the command above shows all." in message["message"]


def test_it_is_told_when_the_window_is_over_and_no_later(
    account: Any, contract: model.Contract
) -> None:
    before = datetime.now(UTC)
    intake(account, contract).handle_batch([account.upload(f"{FOLDER}/a.csv", BAD)])
    [content] = arranged(account)
    tell_at = datetime.fromisoformat(content["tell_at"])
    assert before + timedelta(seconds=300) <= tell_at <= datetime.now(UTC) + timedelta(seconds=300)


def test_datasets_do_not_share_a_burst(account: Any, contract: model.Contract) -> None:
    records = [
        account.upload(f"{FOLDER}/a.csv", BAD),
        account.upload("partners/acme/nobodys/a.csv", BAD),
    ]
    intake(account, contract).handle_batch(records)
    told = {message["attributes"]["dataset"]: message["subject"] for message in account.messages()}
    assert told == {
        "sales_records": "WARNING [dev] sales_records: 1 file rejected: a.csv (not_utf8)",
        "unknown": "WARNING [dev] unknown: 1 file rejected: a.csv (not_in_contract)",
    }


def test_what_comes_after_the_message_was_composed_is_told_in_the_next(
    account: Any, contract: model.Contract
) -> None:
    service = intake(account, contract)
    service.handle_batch([account.upload(f"{FOLDER}/a.csv", BAD, sequencer="01")])
    first = telling(account).compose("rejected", "sales_records", arranged(account)[0]["burst"])
    service.handle_batch([account.upload(f"{FOLDER}/b.csv", BAD, sequencer="02")])
    again = telling(account).compose("rejected", "sales_records", arranged(account)[0]["burst"])
    assert again == first  # as a retry of the state machine asks
    second = telling(account).compose("rejected", "sales_records", arranged(account)[1]["burst"])
    assert ["a.csv" in first.subject, "b.csv" in second.subject] == [True, True]


@pytest.mark.parametrize("after_write", [1, 2, 3])
def test_a_burst_that_closes_while_a_file_joins_it_leaves_the_file_to_the_next(
    account: Any, contract: model.Contract, after_write: int
) -> None:
    service = intake(account, contract)
    service.handle_batch([account.upload(f"{FOLDER}/a.csv", BAD, sequencer="01")])
    [content] = arranged(account)
    account.fuse.writes = (
        3 + after_write
    )  # entry, copy, reason, then removal and those of the burst
    account.fuse.action = lambda: telling(account).compose(
        "rejected", "sales_records", content["burst"]
    )
    service.handle_batch([account.upload(f"{FOLDER}/b.csv", BAD, sequencer="02")])
    told = [
        telling(account).compose("rejected", "sales_records", item["burst"])
        for item in arranged(account)
    ]
    assert sum(digest.body.count("Now at:") for digest in told) == 2
    assert len(told) == (2 if after_write < 3 else 1)


def test_a_file_whose_event_comes_again_after_its_burst_was_told_is_not_told_twice(
    account: Any, contract: model.Contract
) -> None:
    record = account.upload(f"{FOLDER}/a.csv", BAD)
    account.fuse.writes = 8  # everything but the note that it was done
    assert intake(account, contract).handle_batch([record]) == [record["messageId"]]
    assert len(account.messages()) == 1
    account.fuse.writes = None
    assert intake(account, contract).handle_batch([record]) == []
    assert account.messages() == []
    [entry] = account.entries().values()
    assert "alerted_at" in entry


@pytest.mark.parametrize("seed", range(5))
def test_whoever_crashes_closes_or_repeats_every_event_is_in_exactly_one_burst(
    account: Any, seed: int
) -> None:
    chance = random.Random(seed)
    tick = iter(range(10_000))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    bursts = replace(account.bursts(), now=lambda: start + timedelta(seconds=next(tick)))
    events, joined = [f"rejected#{n}" for n in range(30)], dict[str, set[str]]()
    left = events * 2
    chance.shuffle(left)
    while left:
        event = left.pop()
        account.fuse.writes = chance.choice([None, 1, 2, 3, 4])
        try:
            joined.setdefault(event, set()).add(bursts.join(ABOUT, event, "r"))
        except Crash:
            left.insert(0, event)
        account.fuse.writes = None
        if chance.random() < 0.2 and joined.get(event):
            bursts.close(ABOUT, next(iter(joined[event])))
    assert all(len(of_event) == 1 for of_event in joined.values())
    closed = [
        bursts.close(ABOUT, burst)
        for burst in sorted({b for each in joined.values() for b in each})
    ]
    assert sum(burst.size for burst in closed if burst) == len(events)
    assert len(closed) > 1


def test_a_full_burst_is_followed_by_another(
    account: Any, contract: model.Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.bursts.MOST_SHOWN", 1)
    monkeypatch.setattr("pipeline.bursts.MOST_EVENTS", 3)
    service = intake(account, contract)
    for number in range(7):
        service.handle_batch(
            [account.upload(f"{FOLDER}/{number}.csv", BAD, sequencer=f"{number:02}")]
        )
    told = [
        telling(account).compose("rejected", "sales_records", item["burst"]).subject
        for item in arranged(account)
    ]
    assert sorted(re.findall(r": (\d) files? rejected", " ".join(told))) == ["1", "3", "3"]


def test_a_burst_that_nobody_joined_is_an_error_and_no_empty_message(account: Any) -> None:
    with pytest.raises(
        PermanentError, match="burst '20260101T000000000000' of 'sales_records' has no file"
    ):
        telling(account).compose("rejected", "sales_records", "20260101T000000000000")


@pytest.mark.usefixtures("ledgers_of_moto")
def test_the_handler_answers_as_sns_takes_it(
    account: Any, contract: model.Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "ENVIRONMENT": "dev",
        "FILE_LEDGER": "files",
        "BURSTS_TABLE": "bursts",
    }.items():
        monkeypatch.setenv(name, value)
    handler._service.cache_clear()
    intake(account, contract).handle_batch([account.upload(f"{FOLDER}/{'ä' * 60}.csv", BAD)])
    [content] = arranged(account)
    answer = handler.handle({"dataset": content["dataset"], "burst": content["burst"]}, None)
    handler._service.cache_clear()
    assert answer["subject"].isascii()
    assert len(answer["subject"]) < 100
    assert answer["attributes"]["severity"] == {"DataType": "String", "StringValue": "warning"}
    assert "run_id" not in answer["attributes"]  # SNS refuses an empty value


def item(
    name: str, reason: str = "not_utf8", detail: str = "byte 3 (0xe9) is not UTF-8"
) -> dict[str, Any]:
    return {
        "file_name": name, "landing_key": f"partners/acme/sales_records/{name}", "received_at": "2026-11-21T04:15:00Z",
        "size_bytes": 5, "reason": reason, "detail": detail, "landing_bucket": "landing",
        "rejected_key": f"rejected/2026-11-21/acme/sales_records/{name}",
    }  # fmt: skip


def test_the_message_about_one_file_reads_like_this() -> None:
    burst = Burst(counts={"not_utf8": 1}, shown=frozenset({"e"}))
    assert messages.subject("prod", "sales_records", burst, [item("a.csv")]) == (
        "WARNING [prod] sales_records: 1 file rejected: a.csv (not_utf8)"
    )
    assert messages.body("sales_records", burst, [item("a.csv")]) == (
        "1 file of sales_records was rejected and nothing of it was loaded: 1 not_utf8.\n"
        "Not touched: everything that was loaded before, and every other file.\n"
        "Next: slipway files list --status rejected --dataset sales_records\n"
        "\n"
        "a.csv\n"
        "  Uploaded: partners/acme/sales_records/a.csv at 2026-11-21T04:15:00Z, 5 bytes\n"
        "  Reason:   not_utf8: byte 3 (0xe9) is not UTF-8\n"
        "  Now at:   s3://landing/rejected/2026-11-21/acme/sales_records/a.csv (reason next to it: .reason.json)\n"
        "  Do:       Ask the partner to correct the file and upload it again."
    )


def test_the_message_about_many_files_reads_like_this() -> None:
    burst = Burst(counts={"not_utf8": 8, "empty_file": 1}, shown=frozenset("ab"))
    files = [item("a.csv"), item("b.csv", "empty_file", "0 bytes")]
    assert messages.subject("prod", "unknown", burst, files) == (
        "WARNING [prod] unknown: 9 files rejected (8 not_utf8, 1 empty_file)"
    )
    assert messages.body("unknown", burst, files) == (
        "9 files of unknown were rejected and nothing of them was loaded: 8 not_utf8, 1 empty_file.\n"
        "Not touched: everything that was loaded before, and every other file.\n"
        "Next: slipway files list --status rejected\n"
        "\n"
        "a.csv\n"
        "  Uploaded: partners/acme/sales_records/a.csv at 2026-11-21T04:15:00Z, 5 bytes\n"
        "  Reason:   not_utf8: byte 3 (0xe9) is not UTF-8\n"
        "  Now at:   s3://landing/rejected/2026-11-21/acme/sales_records/a.csv (reason next to it: .reason.json)\n"
        "  Do:       Ask the partner to correct the file and upload it again.\n"
        "\n"
        "b.csv\n"
        "  Uploaded: partners/acme/sales_records/b.csv at 2026-11-21T04:15:00Z, 5 bytes\n"
        "  Reason:   empty_file: 0 bytes\n"
        "  Now at:   s3://landing/rejected/2026-11-21/acme/sales_records/b.csv (reason next to it: .reason.json)\n"
        "  Do:       Ask the partner to upload the file again, with its content.\n"
        "\n"
        "... and 7 more; the command above shows all."
    )


@pytest.mark.parametrize("status", ["rejected", "incomplete"])
@pytest.mark.parametrize("dataset", ["unknown", "sales_records"])
def test_the_command_is_one_that_the_command_line_understands(dataset: str, status: str) -> None:
    _, *words = shlex.split(messages.next_command(dataset, status))
    assert build_parser().parse_args(words).status == status
