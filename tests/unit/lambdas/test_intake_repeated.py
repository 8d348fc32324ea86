"""Intake when events are repeated, overwritten, superseded, or cut off between any two writes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contracts import model
from lambdas.intake import arrivals
from lambdas.intake.completion import Whole
from lambdas.intake.runs import execution_name
from tests.unit.lambdas.taking import FOLDER, Sales, intake


def test_an_overwrite_does_not_mix_with_the_version_that_the_event_tells_of(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    old, new = sales(rows=1), sales(rows=2)
    records = [
        account.upload(f"{FOLDER}/a.csv", old),
        account.upload(f"{FOLDER}/a.csv", new, sequencer="02"),
    ]
    intake(account, contract).handle_batch(records[:1])
    assert list(account.objects("raw").values()) == [old]
    intake(account, contract).handle_batch(records[1:])
    assert sorted(account.objects("raw").values()) == sorted([old, new])


def without_version(record: dict[str, Any]) -> dict[str, Any]:
    event = json.loads(record["body"])
    del event["detail"]["object"]["version-id"]
    return {**record, "body": json.dumps(event)}


def test_without_a_version_id_an_overwritten_object_is_left_to_its_own_event(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    old = without_version(account.upload(f"{FOLDER}/a.csv", sales(rows=1)))
    new = without_version(account.upload(f"{FOLDER}/a.csv", sales(rows=2), sequencer="02"))
    intake(account, contract).handle_batch([old, new])
    assert [item["row_count"] for item in account.entries().values()] == [2]


def test_a_version_that_is_gone_is_superseded_and_no_error(
    account: Any, contract: model.Contract, sales: Sales, capsys: pytest.CaptureFixture[str]
) -> None:
    record = account.upload(f"{FOLDER}/a.csv", sales())
    version = json.loads(record["body"])["detail"]["object"]["version-id"]
    account.s3.delete_object(Bucket="landing", Key=f"{FOLDER}/a.csv", VersionId=version)
    assert intake(account, contract).handle_batch([record]) == []
    assert account.entries() == {}
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["message"], line["dataset"]) == ("superseded", "sales_records")


def test_the_same_content_under_another_name_is_a_duplicate_and_nothing_else(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    service = intake(account, contract)
    first, second = (
        account.upload(f"{FOLDER}/a.csv", sales()),
        account.upload(f"{FOLDER}/b.csv", sales(), sequencer="02"),
    )
    service.handle_batch([first])
    raw = account.objects("raw")
    service.handle_batch([second])
    service.handle_batch([second])
    by_status = {item["status"]: item for item in account.entries().values()}
    assert len(account.entries()) == 2
    assert by_status["duplicate"]["duplicate_of"] == f"{FOLDER}/a.csv"
    assert by_status["duplicate"]["landing_key"] == f"{FOLDER}/b.csv"
    assert account.objects("raw") == raw
    assert len(account.executions()) == 1
    assert account.messages() == []


def test_the_same_event_again_is_no_duplicate(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    record = account.upload(f"{FOLDER}/a.csv", sales())
    service = intake(account, contract)
    service.handle_batch([record])
    before = account.entries()
    service.handle_batch([record])
    assert account.entries() == before
    assert len(account.executions()) == 1


def test_a_file_that_a_run_has_taken_starts_no_other_run_when_its_event_comes_again(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    record = account.upload(f"{FOLDER}/a.csv", sales())
    service = intake(account, contract)
    arrival = arrivals.arrived(json.loads(record["body"]))
    taken = service.take(Whole(arrival=arrival, is_noted=False))
    assert taken is not None
    account.files().claim("sales_records", taken[1], "run")
    assert service.handle_batch([record]) == []
    assert account.executions() == []


def test_a_second_delivery_finishes_what_a_crashed_first_one_began(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    account.fuse.writes = 1  # registered, not copied
    intake(account, contract).handle_batch([account.upload(f"{FOLDER}/a.csv", sales())])
    assert [item["status"] for item in account.entries().values()] == ["registering"]
    account.fuse.writes = None
    intake(account, contract).handle_batch(
        [account.upload(f"{FOLDER}/b.csv", sales(), sequencer="02")]
    )
    assert sorted(item["status"] for item in account.entries().values()) == ["duplicate", "waiting"]
    assert len(account.objects("raw")) == 1


@pytest.mark.parametrize("crash_after", [1, 2, 3, 4])
def test_a_crash_after_any_write_of_an_accepted_file_is_healed_by_the_repeated_event(
    account: Any, contract: model.Contract, sales: Sales, crash_after: int
) -> None:
    record = account.upload(f"{FOLDER}/a.csv", sales())
    account.fuse.writes = crash_after  # entry, copy, waiting, execution
    assert intake(account, contract).handle_batch([record]) == [record["messageId"]]
    account.fuse.writes = None
    assert intake(account, contract).handle_batch([record]) == []
    [entry] = account.entries().values()
    assert (entry["status"], entry["dataset_status"]) == ("waiting", "sales_records#waiting")
    assert account.objects("raw") == {entry["raw_key"]: sales()}
    assert account.executions() == [execution_name("sales_records", [entry["sha256"]])]


@pytest.mark.parametrize("crash_after", [1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_a_crash_after_any_write_of_a_rejected_file_is_healed_by_the_repeated_event(
    account: Any, contract: model.Contract, crash_after: int
) -> None:
    record = account.upload(f"{FOLDER}/a.csv", b"caf\xe9\n")
    account.fuse.writes = crash_after  # entry, copy, reason, removal, three of its burst, message, note of the message
    assert intake(account, contract).handle_batch([record]) == [record["messageId"]]
    account.fuse.writes = None
    for _ in range(2):
        assert intake(account, contract).handle_batch([record]) == []
    [entry] = account.entries().values()
    assert (entry["status"], entry["reason"], "alerted_at" in entry) == (
        "rejected",
        "not_utf8",
        True,
    )
    assert set(account.objects("landing")) == {
        entry["rejected_key"],
        entry["rejected_key"] + ".reason.json",
    }
    assert len(account.messages()) == 1


def test_no_write_of_intake_is_left_out_of_the_crash_tests(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    for writes, body in ((4, sales()), (9, b"caf\xe9\n")):
        account.fuse.writes = writes + 1
        assert (
            intake(account, contract).handle_batch([account.upload(f"{FOLDER}/{writes}.csv", body)])
            == []
        )
