"""`slipway files`: the history of a content is whole, and only what waits can be set aside."""

import re
from typing import Any

import pytest

from contracts.ledger import FileLedger
from tests.unit.slipway.conftest import DATASET, RUN, Account

SHA = "abcdef" + "0" * 58
OTHER = "abcdff" + "0" * 58


def status_of(account: Account, sha256: str) -> str:
    item = FileLedger(account.deployment.file_ledger).get(DATASET, f"file#{sha256}")
    assert item is not None
    return str(item["status"])


def test_files_are_listed_by_status_with_those_nobody_accepted(account: Account, capsys: Any) -> None:
    account.put_file(SHA, file_name="loaded.csv")
    account.put_file(OTHER, file_name="later.csv", status="waiting")
    account.put_file(OTHER, dataset="unknown", entry="rejected#x#1", file_name="picture.png", status="rejected")
    assert account.slipway("files") == 0
    assert "3 files" in capsys.readouterr().out
    assert account.slipway("files", "list", "--status", "rejected") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("1 file ")
    assert "picture.png" in shown


def test_the_history_of_a_content_tells_deliveries_runs_and_replays_in_order(account: Account, capsys: Any) -> None:
    account.put_file(SHA, row_count=10, rows_loaded=9, rows_quarantined=1, rows_deduplicated=0)
    account.put_file(
        SHA,
        entry=f"duplicate#{SHA}#1",
        status="duplicate",
        landing_key="partners/acme/sales_records/again.csv",
        received_at="2026-01-03T00:00:00.000000Z",
    )
    account.put_file(
        OTHER, replay_of=SHA, received_at="2026-01-04T00:00:00.000000Z", row_count=1, rows_loaded=1, rows_quarantined=0
    )
    account.put_run(file_hashes=[SHA], started_at="2026-01-02T00:00:00.000000Z", status="failed", error="Boom")
    account.put_run("20260102T000000-0000000b", file_hashes=[OTHER])
    assert account.slipway("files", "show", SHA[:6]) == 0
    history = capsys.readouterr().out.partition("history")[2].splitlines()
    assert [re.split(r"  +", line.strip())[1:] for line in history[2:6]] == [
        ["delivered", "partners/acme/sales_records/abcd.csv"],
        [f"load {RUN}", "failed: Boom"],
        ["delivered again, not loaded twice", "partners/acme/sales_records/again.csv"],
        ["replayed by abcdff000000", "loaded: 1 read, 1 loaded, 0 quarantined"],
    ]
    account.slipway("files", "show", OTHER)
    assert "replays abcdef000000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "told"),
    [("abcd", "too short"), ("abcdef9999", "no accepted file"), ("abcdfe", "no accepted file")],
)
def test_a_hash_that_names_no_file_is_refused(account: Account, capsys: Any, name: str, told: str) -> None:
    account.put_file(SHA)
    assert account.slipway("files", "show", name) == 1
    assert told in capsys.readouterr().err


def test_a_hash_that_names_two_files_is_refused_with_both(account: Account, capsys: Any) -> None:
    account.put_file("abcdef1" + "0" * 57, file_name="one.csv")
    account.put_file("abcdef2" + "0" * 57, file_name="two.csv")
    assert account.slipway("files", "show", "abcdef") == 1
    message = capsys.readouterr().err
    assert "one.csv" in message
    assert "two.csv" in message


def test_a_waiting_file_is_set_aside_with_its_reason_and_released(account: Account, capsys: Any) -> None:
    account.put_file(SHA, status="waiting")
    assert account.slipway("files", "set-aside", SHA, "--reason", "partner asked") == 0
    assert status_of(account, SHA) == "set_aside"
    account.slipway("files", "list")
    assert "partner asked" in capsys.readouterr().out
    assert account.slipway("files", "release", SHA) == 0
    assert status_of(account, SHA) == "waiting"


def test_a_loaded_file_is_not_set_aside_but_the_rollback_is_named(account: Account, capsys: Any) -> None:
    account.put_file(SHA)
    assert account.slipway("files", "set-aside", SHA, "--reason", "wrong") == 1
    assert f"slipway runs rollback {RUN}" in capsys.readouterr().err
    assert status_of(account, SHA) == "loaded"


@pytest.mark.parametrize(("action", "status"), [(["set-aside", "--reason", "x"], "claimed"), (["release"], "waiting")])
def test_a_file_in_another_state_stays_as_it_is(account: Account, capsys: Any, action: list[str], status: str) -> None:
    account.put_file(SHA, status=status)
    assert account.slipway("files", *action, SHA) == 1
    assert f"orders.csv is {status}" in capsys.readouterr().err
    assert status_of(account, SHA) == status
