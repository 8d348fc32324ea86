"""`slipway files judge-again`: which file is meant, what is done about it, and what cannot be judged again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.ledger import FileLedger
from slipway.acting import judging
from tests.unit.slipway.conftest import DATASET, Account

SHA = "ab" * 32
KEY = "partners/acme/sales_records/orders.csv"
REJECTED_KEY = "rejected/2026-01-01/acme/sales_records/orders.csv"
HEADER = [
    "Region", "Country", "Item Type", "Sales Channel", "Order Priority", "Order Date", "Order ID", "Ship Date",
    "Units Sold", "Unit Price", "Unit Cost", "Total Revenue", "Total Cost", "Total Profit",
]  # fmt: skip


def put_rejected(account: Account, *, is_kept: bool = True, **changes: Any) -> dict[str, Any]:
    if is_kept:
        bucket = account.url("LandingBucketName")
        account.deployment.client("s3").put_object(Bucket=bucket, Key=REJECTED_KEY, Body=b"x")
    fields = {
        "entry": f"rejected#{KEY}#01", "status": "rejected", "landing_key": KEY, "version_id": None,
        "rejected_key": REJECTED_KEY, "landing_bucket": account.url("LandingBucketName"),
        "reason": "not_in_contract", "detail": "no dataset takes it",
    }  # fmt: skip
    return account.put_file(SHA, **{**fields, **changes})


def messages(account: Account) -> list[dict[str, Any]]:
    found = account.deployment.client("sqs").receive_message(
        QueueUrl=account.url("IntakeQueueUrl"), MaxNumberOfMessages=10
    )
    return [json.loads(message["Body"]) for message in found.get("Messages", [])]


@pytest.mark.parametrize("name", [KEY, "orders.csv"])
def test_intake_is_asked_to_judge_a_rejected_file_again(account: Account, name: str) -> None:
    item = put_rejected(account)
    assert account.slipway("files", "judge-again", name, "--no-wait") == 0
    (message,) = messages(account)
    assert message["detail-type"] == "Rejection Reopened"
    assert (message["detail"]["dataset"], message["detail"]["entry"]) == (DATASET, item["entry"])


def test_a_file_that_is_rejected_still_is_told_with_the_reason_of_now(
    account: Account, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = put_rejected(account)
    ledger = FileLedger(account.deployment.file_ledger)
    monkeypatch.setattr(
        judging,
        "reopen",
        lambda _deployment, _item: ledger.reject_again(
            DATASET, item["entry"], reason="no_rows", detail="a header only", moment="now"
        ),
    )
    assert account.slipway("files", "judge-again", KEY) == 1
    assert "orders.csv is rejected still: no_rows: a header only" in capsys.readouterr().out


def test_a_rejected_file_that_is_kept_nowhere_must_be_sent_again(
    account: Account, capsys: Any
) -> None:
    put_rejected(account, is_kept=False)
    assert account.slipway("files", "judge-again", KEY) == 1
    assert "is kept nowhere any more" in capsys.readouterr().err
    assert messages(account) == []


def test_a_file_that_was_set_aside_waits_again_and_a_run_is_started(account: Account) -> None:
    account.put_file(SHA, b"x", status="set_aside", header=HEADER, set_aside_reason="bad")
    assert account.slipway("files", "judge-again", SHA[:12], "--no-wait") == 0
    item = FileLedger(account.deployment.file_ledger).get(DATASET, f"file#{SHA}")
    assert item is not None
    assert item["status"] == "waiting"
    assert [request["dataset"] for _, request in account.stepfunctions.started] == [DATASET]


@pytest.mark.parametrize(
    ("content", "header", "why"),
    [(None, HEADER, "has left raw"), (b"x", HEADER[1:], "does not fit the contract")],
)
def test_a_file_that_no_run_could_read_stays_set_aside(
    account: Account, capsys: Any, content: bytes | None, header: list[str], why: str
) -> None:
    account.put_file(SHA, content, status="set_aside", header=header)
    assert account.slipway("files", "judge-again", SHA) == 1
    assert why in capsys.readouterr().err
    item = FileLedger(account.deployment.file_ledger).get(DATASET, f"file#{SHA}")
    assert item is not None
    assert item["status"] == "set_aside"
    assert account.stepfunctions.started == []


@pytest.mark.parametrize(
    ("status", "instead"),
    [("loaded", "slipway backfill --files abab"), ("waiting", "slipway runs start")],
)
def test_a_file_in_another_state_names_the_command_for_it(
    account: Account, capsys: Any, status: str, instead: str
) -> None:
    account.put_file(SHA, status=status)
    assert account.slipway("files", "judge-again", SHA) == 1
    assert instead in capsys.readouterr().err


def test_a_name_of_several_files_is_refused_with_their_keys(account: Account, capsys: Any) -> None:
    put_rejected(account)
    other = KEY.replace("acme", "globex")
    put_rejected(account, entry=f"rejected#{other}#02", landing_key=other)
    assert account.slipway("files", "judge-again", "orders.csv") == 1
    assert "is the name of 2 files; give one of their keys" in capsys.readouterr().err
    assert account.slipway("files", "judge-again", "nothing.csv") == 1
    assert "no file has this name, key or hash" in capsys.readouterr().err
