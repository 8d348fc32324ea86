"""Intake as SQS and EventBridge drive it: fates of files, repeated events, crashes between any two writes."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from contracts import model
from contracts.errors import PermanentError
from contracts.ledger import rejected_entry
from lambdas.intake import arrivals, handler
from lambdas.intake.registration import Registration, raw_name
from lambdas.intake.rejection import Rejection
from lambdas.intake.runs import RunStarter, execution_name
from lambdas.intake.service import Intake
from lambdas.intake.storage import Storage

FOLDER = "partners/acme/sales_records"
Sales = Callable[..., bytes]


def intake(account: Any, contract: model.Contract) -> Intake:
    storage = Storage(account.fused("s3"))
    return Intake(
        contracts=[contract],
        storage=storage,
        registration=Registration(raw_bucket="raw", files=account.files(), storage=storage),
        rejection=Rejection(
            environment="dev",
            topic_arn=account.topic_arn,
            files=account.files(),
            storage=storage,
            sns=account.fused("sns"),
        ),
        runs=RunStarter(stepfunctions=account.fused("stepfunctions"), state_machine_arn=account.machine_arn),
    )


def test_an_accepted_file_is_in_raw_and_in_the_ledger_and_starts_a_run(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    body = sales(rows=3)
    sha256 = hashlib.sha256(body).hexdigest()
    assert intake(account, contract).handle_batch([account.upload(f"{FOLDER}/jan 2026.csv", body)]) == []
    [entry] = account.entries().values()
    day = entry["received_at"][:10]
    raw_key = f"sales_records/ingest_date={day}/{sha256}/jan_2026.csv"
    assert account.objects("raw") == {raw_key: body}
    assert entry["entry"] == f"file#{sha256}"
    assert (entry["status"], entry["dataset_status"]) == ("waiting", "sales_records#waiting")
    assert (entry["row_count"], entry["raw_key"], entry["file_name"]) == (3, raw_key, "jan 2026.csv")
    assert entry["received_at"].endswith("Z")
    assert account.executions() == [f"sales_records-{sha256[:32]}"]
    assert account.messages() == []


def test_the_recorded_event_keeps_plus_and_space_of_the_key_apart(account: Any) -> None:
    arrival = arrivals.parse(json.dumps(account.event("object_created")))
    assert arrival.key == "partners/acme/sales_records/north + south 2026-01.csv"
    assert (arrival.version_id, arrival.sequencer) == ("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e", "617f08299329d189")


@pytest.mark.parametrize("body", ["no json", "[]", '{"detail-type": "Object Deleted", "detail": {"object": {}}}'])
def test_a_message_that_is_no_upload_is_handed_back_for_the_dead_letter_queue(
    account: Any, contract: model.Contract, body: str
) -> None:
    with pytest.raises(PermanentError):
        arrivals.parse(body)
    assert intake(account, contract).handle_batch([{"messageId": "odd", "body": body}]) == ["odd"]


def test_a_burst_of_files_of_one_dataset_starts_one_run(account: Any, contract: model.Contract, sales: Sales) -> None:
    records = [account.upload(f"{FOLDER}/{n}.csv", sales(first_order=n * 100)) for n in range(1, 4)]
    assert intake(account, contract).handle_batch(records) == []
    assert len(account.executions()) == 1
    assert [item["status"] for item in account.entries().values()] == ["waiting"] * 3


def test_one_bad_message_does_not_hold_back_its_neighbours(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    records = [{"messageId": "odd", "body": "{}"}, account.upload(f"{FOLDER}/a.csv", sales())]
    assert intake(account, contract).handle_batch(records) == ["odd"]
    assert [item["status"] for item in account.entries().values()] == ["waiting"]


@pytest.mark.parametrize("name", ["a.csv.part", "b.filepart", "c.TMP", "folder/"])
def test_unfinished_uploads_and_folder_markers_are_left_alone(
    account: Any, contract: model.Contract, name: str
) -> None:
    assert intake(account, contract).handle_batch([account.upload(f"{FOLDER}/{name}", b"x")]) == []
    assert account.entries() == {}
    assert list(account.objects("landing")) == [f"{FOLDER}/{name}"]


REJECTED = {
    "wrong_folder": ("partners/acme/unknown/a.csv", None, "not_in_contract", "'partners/acme/unknown/a.csv'"),
    "no_folder": ("partners/acme/a.csv", None, "not_in_contract", "sales_records"),
    "too_deep": (f"{FOLDER}/more/a.csv", None, "not_in_contract", "directly into"),
    "wrong_suffix": (f"{FOLDER}/a.xlsx", None, "not_in_contract", ".csv, .csv.gz"),
    "odd_name": (f"{FOLDER}/a\tb.csv", None, "invalid_name", r"a\tb.csv"),
    "empty": (f"{FOLDER}/a.csv", b"", "empty_file", "0 bytes"),
    "bad_gzip": (f"{FOLDER}/a.csv.gz", b"Region,Country\n", "bad_gzip", "not gzip after 0"),
    "not_utf8": (f"{FOLDER}/a.csv", b"caf\xe9\n", "not_utf8", "byte 3 (0xe9)"),
}


@pytest.mark.parametrize("case", REJECTED)
def test_a_rejected_file_is_moved_aside_with_its_reason_and_told_once(
    account: Any, contract: model.Contract, sales: Sales, case: str
) -> None:
    key, body, reason, told = REJECTED[case]
    body = sales() if body is None else body
    record = account.upload(key, body)
    service = intake(account, contract)
    assert service.handle_batch([record]) == []
    [entry] = account.entries().values()
    assert (entry["status"], entry["reason"]) == ("rejected", reason)
    assert told in entry["detail"]
    target = f"rejected/{entry['received_at'][:10]}/{key.removeprefix('partners/')}"
    landing = account.objects("landing")
    assert set(landing) == {target, f"{target}.reason.json"}
    assert landing[target] == body
    assert json.loads(landing[f"{target}.reason.json"])["reason"] == reason
    [message] = account.messages()
    assert told in message["Message"]
    assert f"s3://landing/{target}" in message["Message"]
    assert len(message["Subject"]) < 100
    assert message["Subject"].isascii()
    attributes = {name: value["Value"] for name, value in message["MessageAttributes"].items()}
    owner = "unknown" if case in ("wrong_folder", "no_folder", "too_deep") else "sales_records"
    assert attributes == {"dataset": owner, "severity": "warning", "reason": reason}
    versions = account.s3.list_object_versions(Bucket="landing", Prefix=key)
    assert [version["Key"] for version in versions["Versions"]] == [key]  # a plain delete keeps the version
    before = account.entries()
    assert service.handle_batch([record]) == []
    assert (account.entries(), account.messages()) == (before, [])
    assert account.executions() == []


def test_a_file_larger_than_the_contract_allows_is_not_even_read(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    small = replace(contract, intake=replace(contract.intake, max_bytes=100))
    intake(account, small).handle_batch([account.upload(f"{FOLDER}/a.csv", sales())])
    [entry] = account.entries().values()
    assert entry["reason"] == "too_large"
    assert "100 bytes" in entry["detail"]


def test_a_rejected_file_that_was_replaced_meanwhile_leaves_the_newer_one_in_place(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    record = account.upload(f"{FOLDER}/a.csv", b"")
    newer = sales()
    account.upload(f"{FOLDER}/a.csv", newer, sequencer="02")
    intake(account, contract).handle_batch([record])
    assert account.objects("landing")[f"{FOLDER}/a.csv"] == newer


def test_an_overwrite_does_not_mix_with_the_version_that_the_event_tells_of(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    old, new = sales(rows=1), sales(rows=2)
    records = [account.upload(f"{FOLDER}/a.csv", old), account.upload(f"{FOLDER}/a.csv", new, sequencer="02")]
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


def test_the_same_event_again_is_no_duplicate(account: Any, contract: model.Contract, sales: Sales) -> None:
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
    taken = service.take(arrivals.parse(record["body"]))
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
    intake(account, contract).handle_batch([account.upload(f"{FOLDER}/b.csv", sales(), sequencer="02")])
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
    assert account.executions() == [execution_name("sales_records", entry["sha256"])]


@pytest.mark.parametrize("crash_after", [1, 2, 3, 4, 5, 6])
def test_a_crash_after_any_write_of_a_rejected_file_is_healed_by_the_repeated_event(
    account: Any, contract: model.Contract, crash_after: int
) -> None:
    record = account.upload(f"{FOLDER}/a.csv", b"caf\xe9\n")
    account.fuse.writes = crash_after  # entry, copy, reason, removal, message, note of the message
    assert intake(account, contract).handle_batch([record]) == [record["messageId"]]
    account.fuse.writes = None
    for _ in range(2):
        assert intake(account, contract).handle_batch([record]) == []
    [entry] = account.entries().values()
    assert (entry["status"], entry["reason"], "alerted_at" in entry) == ("rejected", "not_utf8", True)
    assert set(account.objects("landing")) == {entry["rejected_key"], entry["rejected_key"] + ".reason.json"}
    # SNS has no exactly-once: only a crash between the message and the note of it may tell twice.
    assert len(account.messages()) == (2 if crash_after == 5 else 1)


def test_no_write_of_intake_is_left_out_of_the_crash_tests(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    for writes, body in ((4, sales()), (6, b"caf\xe9\n")):
        account.fuse.writes = writes + 1
        assert intake(account, contract).handle_batch([account.upload(f"{FOLDER}/{writes}.csv", body)]) == []


def test_a_run_that_could_not_be_started_is_started_by_the_repeated_messages(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    record = account.upload(f"{FOLDER}/a.csv", sales())
    broken = intake(account, contract)
    object.__setattr__(broken.runs, "state_machine_arn", account.machine_arn + "gone")
    assert broken.handle_batch([record]) == [record["messageId"]]
    assert account.executions() == []
    assert intake(account, contract).handle_batch([record]) == []
    assert len(account.executions()) == 1


def test_a_gzip_file_keeps_its_suffix_and_the_hash_of_what_was_delivered(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    body = gzip.compress(sales(rows=2))
    intake(account, contract).handle_batch([account.upload(f"{FOLDER}/A.CSV.GZ", body)])
    [entry] = account.entries().values()
    assert entry["raw_key"].endswith(f"{hashlib.sha256(body).hexdigest()}/A.csv.gz")
    assert (entry["row_count"], entry["size_bytes"]) == (2, len(body))


def test_the_handler_reads_its_environment_and_reports_failed_messages(
    account: Any, sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "ENVIRONMENT": "dev",
        "FILE_LEDGER": "files",
        "RAW_BUCKET": "raw",
        "STATE_MACHINE_ARN": account.machine_arn,
        "FILE_REJECTED_TOPIC_ARN": account.topic_arn,
    }.items():
        monkeypatch.setenv(name, value)
    handler._intake.cache_clear()
    good, odd = account.upload(f"{FOLDER}/a.csv", sales()), {"messageId": "odd", "body": "?"}
    answer = handler.handle({"Records": [good, odd]}, None)
    handler._intake.cache_clear()
    assert answer == {"batchItemFailures": [{"itemIdentifier": "odd"}]}
    assert len(account.executions()) == 1


def test_names_keep_their_limits() -> None:
    assert raw_name("a b*[1]{x}?é.csv", ".csv") == "a_b__1__x___.csv"
    assert len(raw_name("x" * 400 + ".csv.gz", ".csv.gz")) == 150 + len(".csv.gz")
    assert len(execution_name("d" * 80, "f" * 64)) == 80
    assert len(rejected_entry("partners/" + "é" * 500, "01").encode()) < 1024
