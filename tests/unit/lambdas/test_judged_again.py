"""A rejected file is judged again from where it lies, once its contract was corrected, and keeps its time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from contracts import model
from pipeline import intake_messages
from pipeline.ledger import file_entry
from tests.unit.lambdas.taking import FOLDER, Sales, intake, sha

KEY = f"{FOLDER}/orders.txt"


def rejected(account: Any, contract: model.Contract, body: bytes) -> Mapping[str, Any]:
    """The entry of a file whose suffix the contract does not know."""
    assert intake(account, contract).handle_batch([account.upload(KEY, body)]) == []
    (entry,) = [item for item in account.entries().values() if item["status"] == "rejected"]
    return dict(entry)


def message(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What `slipway files judge-again` sends."""
    body = intake_messages.judge_again(dataset=entry["dataset"], entry=entry["entry"], by="eve")
    return {
        "messageId": "again",
        "receiptHandle": "handle",
        "attributes": {"ApproximateReceiveCount": "1"},
        "body": json.dumps(body),
    }


def with_suffix(contract: model.Contract, suffix: str) -> model.Contract:
    suffixes = (*contract.intake.suffixes, suffix)
    return replace(contract, intake=replace(contract.intake, suffixes=suffixes))


@pytest.mark.parametrize("kept_in", ["landing", "rejected/"])
def test_a_rejected_file_is_accepted_once_the_contract_takes_it(
    account: Any, contract: model.Contract, sales: Sales, kept_in: str
) -> None:
    entry = rejected(account, contract, sales())
    if kept_in == "rejected/":  # its version in landing expires first
        account.s3.delete_object(Bucket="landing", Key=KEY, VersionId=entry["version_id"])
    corrected = with_suffix(contract, ".txt")
    for _ in range(2):  # a repeated message changes nothing
        assert intake(account, corrected).handle_batch([message(entry)]) == []
    file = account.files().get("sales_records", file_entry(sha(sales())))
    assert (file["status"], file["received_at"]) == ("waiting", entry["received_at"])
    assert account.objects("raw") == {file["raw_key"]: sales()}
    assert len(account.executions()) == 1
    now = account.files().get(entry["dataset"], entry["entry"])
    assert (now["status"], now["detail"]) == ("replaced", "judged again for eve, and accepted")


def test_a_file_that_is_rejected_still_says_why_now(account: Any, contract: model.Contract) -> None:
    entry = rejected(account, contract, b"nothing,of,this\n1,2,3\n")
    assert entry["reason"] == "not_in_contract"
    account.messages()
    assert intake(account, with_suffix(contract, ".txt")).handle_batch([message(entry)]) == []
    now = account.files().get(entry["dataset"], entry["entry"])
    assert (now["status"], now["reason"]) == ("rejected", "header_mismatch")
    told = json.loads(account.objects("landing")[entry["rejected_key"] + ".reason.json"])
    assert told["reason"] == "header_mismatch"
    assert account.messages() == []  # who asked for it sees it


def test_the_message_of_a_file_that_is_kept_nowhere_comes_again(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    entry = rejected(account, contract, sales())
    account.s3.delete_object(Bucket="landing", Key=KEY, VersionId=entry["version_id"])
    account.s3.delete_object(Bucket="landing", Key=entry["rejected_key"])
    assert intake(account, with_suffix(contract, ".txt")).handle_batch([message(entry)]) == [
        "again"
    ]
    assert account.files().get(entry["dataset"], entry["entry"])["status"] == "rejected"


@pytest.mark.parametrize("crash_after", range(1, 6))
def test_a_crash_while_a_file_is_judged_again_is_finished_by_the_repeated_message(
    account: Any, contract: model.Contract, sales: Sales, crash_after: int
) -> None:
    entry, corrected = rejected(account, contract, sales()), with_suffix(contract, ".txt")
    account.fuse.writes = crash_after  # entry, raw, waiting, withdrawn, run
    assert intake(account, corrected).handle_batch([message(entry)]) == ["again"]
    account.fuse.writes = None
    assert intake(account, corrected).handle_batch([message(entry)]) == []
    statuses = {item["file_name"]: item["status"] for item in account.entries().values()}
    assert sorted(item["status"] for item in account.entries().values()) == ["replaced", "waiting"]
    assert statuses.keys() == {"orders.txt"}
    assert len(account.executions()) == 1
