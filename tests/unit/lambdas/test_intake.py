"""Intake as SQS and EventBridge drive it: fates of files, names, and the handler."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace
from typing import Any

import boto3
import pytest

from contracts import model
from contracts.errors import ContractInvalid, PermanentError
from lambdas.intake import events, handler
from lambdas.intake.arrivals import Arrival
from lambdas.intake.registration import raw_name
from lambdas.intake.rejection import rejected_key
from lambdas.intake.runs import execution_name
from lambdas.intake.service import COSTLIEST_FILE_MILLIS
from lambdas.intake.settings import Settings
from pipeline.environment import read_settings
from pipeline.ledger import rejected_entry
from tests.unit.lambdas.taking import FOLDER, Sales, intake, message


def test_an_accepted_file_is_in_raw_and_in_the_ledger_and_starts_a_run(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    body = sales(rows=3)
    sha256 = hashlib.sha256(body).hexdigest()
    assert (
        intake(account, contract).handle_batch([account.upload(f"{FOLDER}/jan 2026.csv", body)])
        == []
    )
    [entry] = account.entries().values()
    day = entry["received_at"][:10]
    raw_key = f"sales_records/ingest_date={day}/{sha256}/jan_2026.csv"
    assert account.objects("raw") == {raw_key: body}
    assert entry["entry"] == f"file#{sha256}"
    assert (entry["status"], entry["dataset_status"]) == ("waiting", "sales_records#waiting")
    assert (entry["row_count"], entry["raw_key"], entry["file_name"]) == (
        3,
        raw_key,
        "jan 2026.csv",
    )
    assert entry["received_at"].endswith("Z")
    assert account.executions() == [f"sales_records-{sha256[:32]}"]
    assert account.messages() == []


def test_the_recorded_event_keeps_plus_and_space_of_the_key_apart(account: Any) -> None:
    arrival = events.parse(json.dumps(account.event("object_created")))
    assert isinstance(arrival, Arrival)
    assert arrival.key == "partners/acme/sales_records/north + south 2026-01.csv"
    assert (arrival.version_id, arrival.sequencer) == (
        "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
        "617f08299329d189",
    )


def test_an_event_that_a_person_sends_again_may_lack_its_time(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    record = account.upload(f"{FOLDER}/a.csv", sales())
    event = json.loads(record["body"])
    del event["time"]
    assert intake(account, contract).handle_batch([{**record, "body": json.dumps(event)}]) == []
    assert [entry["status"] for entry in account.entries().values()] == ["waiting"]


@pytest.mark.parametrize(
    "body", ["no json", "[]", '{"detail-type": "Object Deleted", "detail": {"object": {}}}']
)
def test_a_message_that_is_no_upload_is_handed_back_for_the_dead_letter_queue(
    account: Any, contract: model.Contract, body: str
) -> None:
    with pytest.raises(PermanentError):
        events.parse(body)
    assert intake(account, contract).handle_batch([message("odd", body)]) == ["odd"]


def test_a_burst_of_files_of_one_dataset_starts_one_run(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    records = [account.upload(f"{FOLDER}/{n}.csv", sales(first_order=n * 100)) for n in range(1, 4)]
    assert intake(account, contract).handle_batch(records) == []
    assert len(account.executions()) == 1
    assert [item["status"] for item in account.entries().values()] == ["waiting"] * 3


def test_one_bad_message_does_not_hold_back_its_neighbours(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    records = [message("odd", "{}"), account.upload(f"{FOLDER}/a.csv", sales())]
    assert intake(account, contract).handle_batch(records) == ["odd"]
    assert [item["status"] for item in account.entries().values()] == ["waiting"]


@pytest.mark.parametrize("dates", ["2026", "2026/01", "2026/01/31"])
def test_files_may_lie_in_folders_of_their_date(
    account: Any, contract: model.Contract, sales: Sales, dates: str
) -> None:
    assert (
        intake(account, contract).handle_batch([account.upload(f"{FOLDER}/{dates}/a.csv", sales())])
        == []
    )
    [entry] = account.entries().values()
    assert (entry["status"], entry["landing_key"]) == ("waiting", f"{FOLDER}/{dates}/a.csv")
    assert entry["raw_key"].endswith(f"/{entry['sha256']}/a.csv")


@pytest.mark.parametrize(
    "name", ["a.csv.part", "b.filepart", "c.TMP", "_SUCCESS", "a.csv.md5", "._a.csv"]
)
def test_names_that_are_no_delivery_are_recorded_and_alert_nobody(
    account: Any, contract: model.Contract, name: str
) -> None:
    service = intake(account, contract)
    for sequencer in ("01", "02"):  # the same name every day
        assert (
            service.handle_batch([account.upload(f"{FOLDER}/{name}", b"x", sequencer=sequencer)])
            == []
        )
    [entry] = [
        each for each in account.entries().values() if not each["entry"].startswith("transfer#")
    ]
    assert (entry["status"], entry["dataset_status"]) == ("ignored", "sales_records#ignored")
    assert (entry["landing_key"], entry["file_name"]) == (f"{FOLDER}/{name}", name)
    assert list(account.objects("landing")) == [f"{FOLDER}/{name}"]
    assert (account.messages(), account.executions()) == ([], [])


def test_folder_markers_are_left_alone(account: Any, contract: model.Contract) -> None:
    assert intake(account, contract).handle_batch([account.upload(f"{FOLDER}/folder/", b"")]) == []
    assert account.entries() == {}


def test_the_newest_object_of_an_ignored_name_is_the_one_on_record(
    account: Any, contract: model.Contract
) -> None:
    records = []
    for size, time in ((1, "2026-11-20T08:15:30Z"), (2, "2026-11-21T08:15:30Z")):
        record = account.upload(f"{FOLDER}/_SUCCESS", b"x" * size)
        event = json.loads(record["body"]) | {"time": time}
        records.append({**record, "body": json.dumps(event)})
    assert intake(account, contract).handle_batch(records[::-1]) == []
    [entry] = account.entries().values()
    assert (entry["size_bytes"], entry["received_at"]) == (2, "2026-11-21T08:15:30.000000Z")


REJECTED = {
    "wrong_folder": (
        "partners/acme/unknown/a.csv",
        None,
        "not_in_contract",
        "'partners/acme/unknown/a.csv'",
    ),
    "no_folder": ("partners/acme/a.csv", None, "not_in_contract", "sales_records"),
    "too_deep": (f"{FOLDER}/more/a.csv", None, "not_in_contract", "directly into"),
    "no_date": (f"{FOLDER}/2026/1/a.csv", None, "not_in_contract", "<yyyy>/<mm>"),
    "below_a_day": (f"{FOLDER}/2026/01/31/12/a.csv", None, "not_in_contract", "<yyyy>/<mm>"),
    "wrong_suffix": (f"{FOLDER}/a.xlsx", None, "not_in_contract", ".csv, .csv.gz"),
    "odd_name": (f"{FOLDER}/a\tb.csv", None, "invalid_name", r"a\tb.csv"),
    "empty": (f"{FOLDER}/a.csv", b"", "empty_file", "0 bytes"),
    "bad_gzip": (f"{FOLDER}/a.csv.gz", b"Region,Country\n", "bad_gzip", "not gzip after 0"),
    "not_utf8": (f"{FOLDER}/a.csv", b"caf\xe9\n", "not_utf8", "byte 3 (0xe9)"),
}


def test_only_partners_of_the_contract_may_deliver(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    service = intake(
        account, replace(contract, intake=replace(contract.intake, partners=("acme", "gamma")))
    )
    beta = account.upload("partners/beta/sales_records/a.csv", sales())
    acme = account.upload(f"{FOLDER}/b.csv", sales())
    assert service.handle_batch([beta, acme]) == []
    entries = {each["landing_key"]: each for each in account.entries().values()}
    rejected = entries["partners/beta/sales_records/a.csv"]
    assert (rejected["status"], rejected["reason"]) == ("rejected", "partner_not_in_contract")
    assert rejected["detail"] == (
        "partner 'beta' may not deliver sales_records; its contract lists acme, gamma"
    )
    assert entries[f"{FOLDER}/b.csv"]["status"] == "waiting"


def test_a_smoke_test_is_no_partners_delivery(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    service = intake(
        account, replace(contract, intake=replace(contract.intake, partners=("acme",)))
    )
    smoke = account.upload("partners/slipway-smoke/sales_records/smoke.csv", sales())
    assert service.handle_batch([smoke]) == []
    assert [each["status"] for each in account.entries().values()] == ["waiting"]


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
    assert told in message["message"]
    assert f"s3://landing/{target}" in message["message"]
    assert len(message["subject"]) < 100
    assert message["subject"].isascii()
    is_nobodys = case in ("wrong_folder", "no_folder", "too_deep", "no_date", "below_a_day")
    owner = "unknown" if is_nobodys else "sales_records"
    assert message["topic"] == "rejected"
    told_of = {
        name: message["attributes"][name] for name in ("kind", "severity", "environment", "dataset")
    }
    assert told_of == {
        "kind": "rejection",
        "severity": "warning",
        "environment": "dev",
        "dataset": owner,
    }
    versions = account.s3.list_object_versions(Bucket="landing", Prefix=key)
    assert [version["Key"] for version in versions["Versions"]] == [
        key
    ]  # a plain delete keeps the version
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


class Clock:
    """Lambda's context, with so much time left."""

    def __init__(self, millis: int) -> None:
        self.get_remaining_time_in_millis = lambda: millis


def test_what_there_is_no_time_for_comes_again_and_what_was_taken_does_not(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    records = [
        account.upload(f"{FOLDER}/{name}.csv", sales(first_order=name)) for name in (1, 11, 21)
    ]
    left = iter((COSTLIEST_FILE_MILLIS, COSTLIEST_FILE_MILLIS - 1))
    assert intake(account, contract).handle_batch(records, lambda: next(left)) == [
        records[2]["messageId"]
    ]
    assert len(account.executions()) == 1
    assert intake(account, contract).handle_batch(records[:1], lambda: 0) == []


@pytest.mark.usefixtures("ledgers_of_moto")
def test_the_handler_reads_its_environment_and_reports_failed_messages(
    account: Any, sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "ENVIRONMENT": "dev",
        "QUEUE_URL": boto3.client("sqs").create_queue(QueueName="landing-events")["QueueUrl"],
        "FILE_LEDGER": "files",
        "RAW_BUCKET": "raw",
        "STATE_MACHINE_ARN": account.machine_arn,
        "ANNOUNCE_STATE_MACHINE_ARN": account.announce_arn,
        "BURSTS_TABLE": "bursts",
        "BURST_SECONDS": "300",
        "ARRIVED_SECONDS": "0",
        "SCHEMA_CHANGE": "evolve",
    }.items():
        monkeypatch.setenv(name, value)
    handler._intake.cache_clear()
    good, odd = account.upload(f"{FOLDER}/a.csv", sales()), message("odd", "?")
    answer = handler.handle({"Records": [good, odd]}, Clock(COSTLIEST_FILE_MILLIS))
    handler._intake.cache_clear()
    assert answer == {"batchItemFailures": [{"itemIdentifier": "odd"}]}
    assert len(account.executions()) == 1


def test_names_keep_their_limits() -> None:
    assert raw_name("a b*[1]{x}?é.csv", ".csv") == "a_b__1__x___.csv"
    assert len(raw_name("x" * 400 + ".csv.gz", ".csv.gz")) == 150 + len(".csv.gz")
    # Hadoop takes names that begin with these for hidden files: no row of them would be read
    assert [raw_name(name, ".csv")[0] for name in ("_a.csv", ".a.csv", "ü.csv", "売上.csv")] == [
        "f"
    ] * 4
    assert len(execution_name("d" * 80, ["f" * 64])) == 80
    assert len(rejected_entry("partners/" + "é" * 500, "01").encode()) < 1024


@pytest.mark.parametrize("name", ["short.csv", "x" * 995, "é" * 495])
def test_a_rejected_key_fits_s3_with_its_reason_and_keeps_the_end_of_the_name(name: str) -> None:
    key = rejected_key(f"partners/acme/{name}", "2026-11-21")
    assert len(f"{key}.reason.json".encode()) <= 1024
    assert key.startswith("rejected/2026-11-21/")
    assert key.endswith(name[-400:])
    assert key != rejected_key(f"partners/acmf/{name}", "2026-11-21")


def test_a_file_with_the_longest_key_that_s3_takes_is_rejected_with_its_reason(
    account: Any, contract: model.Contract
) -> None:
    key = f"{FOLDER}/".ljust(1020, "x") + ".csv"
    assert intake(account, contract).handle_batch([account.upload(key, b"caf\xe9\n")]) == []
    [entry] = account.entries().values()
    assert (entry["status"], entry["landing_key"]) == ("rejected", key)
    assert set(account.objects("landing")) == {
        entry["rejected_key"],
        entry["rejected_key"] + ".reason.json",
    }


def test_a_new_file_in_a_batch_with_a_repeated_event_still_gets_a_run(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    service = intake(account, contract)
    first, second = (
        account.upload(f"{FOLDER}/a.csv", sales()),
        account.upload(f"{FOLDER}/b.csv", sales(rows=1)),
    )
    service.handle_batch([first])
    assert service.handle_batch([first, second]) == []
    assert len(account.executions()) == 2
    assert service.handle_batch([second, first, second]) == []
    assert len(account.executions()) == 2


def test_an_unknown_schema_change_stops_the_function_at_its_start() -> None:
    names = (
        "ENVIRONMENT",
        "QUEUE_URL",
        "FILE_LEDGER",
        "RAW_BUCKET",
        "STATE_MACHINE_ARN",
        "ANNOUNCE_STATE_MACHINE_ARN",
    )
    with pytest.raises(
        ContractInvalid, match="SCHEMA_CHANGE is 'lax'; it must be one of: reject, strict, evolve"
    ):
        read_settings(Settings, {**dict.fromkeys(names, "x"), "SCHEMA_CHANGE": "lax"})
