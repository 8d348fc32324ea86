"""hold_dataset and release_dataset: one at a time, repeated or crashed anywhere, told once, waiting files started."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from contracts import model
from contracts.errors import DatasetBusy, PermanentError, RetryableError
from lambdas.hold_dataset import handler as hold_handler
from lambdas.hold_dataset import requests
from lambdas.hold_dataset.service import HoldDataset
from lambdas.release_dataset import forecast_rollback
from lambdas.release_dataset import handler as release_handler
from lambdas.release_dataset.service import ReleaseDataset
from lambdas.release_dataset.undoing import Undoing
from lambdas.release_dataset.waiting import WaitingFiles
from pipeline.ledger import HELD_STATUS, FileLedger, file_entry
from pipeline.locking import DatasetLock
from pipeline.run_documents import (
    ForecastRollback,
    MaintenanceRequest,
    MaintenanceResult,
    ServeResult,
    serve_result,
)
from tests.run_samples import PRICES, maintained_table, maintenance_result
from tests.unit.lambdas.claiming import DATASET, LEASE_SECONDS, NOON, digest, run, statuses, wait

EXECUTION = "arn:aws:states:::execution:care:one"
TOKEN = "ab" * 32
A, B, C = (digest(name) for name in "abc")
FORECAST = {"table": "sales_by_month_item", "undone": "7", "back_to": "5", "reason": "too high"}
TAKEN_BACK: dict[str, Any] = {
    **{"table": "sales_by_month_item_forecast", "before": "7", "after": "5"},
    **{"rows_before": 72, "rows_after": 66, "files_before": 2, "files_after": 1},
    **{"bytes_before": 20, "bytes_after": 10, "report": ["It is 5 again. Reason: too high"]},
}
BY_ITEM: dict[str, Any] = {"mode": "periods", "loaded_rows": 3, "rows": 9, "totals": {}}
SERVED = (serve_result({"served": "warehouse", "tables": [{"table": "by_item", **BY_ITEM}]}),)


def given(execution_arn: str = EXECUTION, **request: Any) -> requests.Request:
    return requests.parse(
        {
            "dataset": DATASET,
            "request": {"dataset": DATASET, "trigger": "operator", **request},
            "execution_arn": execution_arn,
        }
    )


def hold(
    account: Any, contract: model.Contract, request: requests.Request, *, later: int = 0
) -> str:
    lock = DatasetLock(
        files=account.files(),
        runs=account.runs(),
        lease_seconds=LEASE_SECONDS,
        now=lambda: NOON + timedelta(seconds=later),
    )
    service = HoldDataset(lock=lock, s3=account.fused("s3"), processed_bucket="processed")
    return str(service.hold(request, contract)["run_id"])


def wanted(account: Any, run_id: str) -> dict[str, Any]:
    return dict(json.loads(account.objects("processed")[f"runs/{DATASET}/{run_id}/request.json"]))


def done(run_id: str, mode: str) -> dict[str, Any]:
    return maintenance_result(maintained_table(DATASET), run_id=run_id, mode=mode)


def release(
    account: Any,
    run_id: str,
    serve: tuple[ServeResult, ...] = (),
    did: MaintenanceResult | None = None,
) -> dict[str, Any]:
    files = account.files()
    service = ReleaseDataset(
        environment="dev",
        files=files,
        runs=account.runs(),
        announcer=account.announcer(),
        waiting=WaitingFiles(
            files=files,
            stepfunctions=account.fused("stepfunctions"),
            state_machine_arn=account.machine_arn,
        ),
        prices=PRICES,
        now=lambda: NOON + timedelta(seconds=90),
    )
    asked = MaintenanceRequest.from_json(wanted(account, run_id))
    did = did or MaintenanceResult.from_json(done(run_id, asked.mode))
    return service.release(
        asked, did, execution_arn=EXECUTION, worker_seconds={"care": 20}, serve=serve
    )


def loaded_run(
    account: Any,
    run_id: str,
    before: int | None,
    *,
    mode: Any = "load",
    hashes: list[str],
    rows: int = 3,
) -> None:
    """A run that succeeded and closed over those of its files that there are."""
    account.runs().start(
        DATASET, run_id, trigger="x", execution_arn="x", started_at=f"2026-11-20T0{run_id}", contract_version="1",
        file_hashes=hashes, mode=mode,
    )  # fmt: skip
    ending = {
        "ended_at": f"2026-11-20T0{run_id}",
        "snapshots": {DATASET: {"before": before, "after": (before or 10) + 1}},
    }
    for sha256 in hashes:
        account.files().claim(DATASET, sha256, run_id, held=HELD_STATUS[mode])
        account.files().close(DATASET, sha256, run_id, counts(rows))
    account.runs().finish(DATASET, run_id, "succeeded", ending)


def counts(rows: int) -> dict[str, int]:
    return {"rows_loaded": rows, "rows_quarantined": 3 - rows, "rows_deduplicated": 0}


def made(run_id: str, rows: int, **more: str) -> dict[str, Any]:
    """What a run made of a file, as the file's entry keeps it."""
    return {"run_id": run_id, **counts(rows), **more}


def file(account: Any, sha256: str) -> dict[str, Any]:
    return dict(account.files().get(DATASET, file_entry(sha256)))


def test_holding_takes_the_lock_and_writes_run_and_request(
    account: Any, contract: model.Contract
) -> None:
    run_id = hold(account, contract, given(mode="maintenance"))
    assert account.runs().lock(DATASET)["run_id"] == run_id
    entry = run(account, run_id)
    assert (entry["mode"], entry["status"], entry["file_hashes"]) == ("maintenance", "running", [])
    assert wanted(account, run_id) == {
        "dataset": DATASET, "run_id": run_id, "mode": "maintenance", "rollback": None, "erasure": None,
    }  # fmt: skip


def test_care_waits_while_a_run_holds_the_dataset(account: Any, contract: model.Contract) -> None:
    first = hold(account, contract, given(mode="maintenance"))
    with pytest.raises(DatasetBusy, match=f"run {first} is working on sales_records"):
        hold(account, contract, given("arn:other", mode="maintenance"))
    heir = hold(account, contract, given("arn:other", mode="maintenance"), later=LEASE_SECONDS)
    assert (run(account, first)["error"], account.runs().lock(DATASET)["run_id"]) == (
        "LeaseExpired",
        heir,
    )


def test_an_erased_person_is_remembered_before_the_job_starts(
    account: Any, contract: model.Contract
) -> None:
    personal = replace(
        contract,
        columns=(
            replace(contract.columns[0], pii="hash", data_subject=True),
            *contract.columns[1:],
        ),
    )
    run_id = hold(account, personal, given(mode="erasure", subject=TOKEN))
    assert account.runs().erased_subjects(DATASET) == [TOKEN]
    assert wanted(account, run_id)["erasure"] == {"subject": TOKEN}
    with pytest.raises(PermanentError, match="marks no column as dataSubject"):
        hold(account, contract, given(mode="erasure", subject=TOKEN))


@pytest.mark.parametrize("crash_after", [1, 2, 3])
def test_a_crash_after_any_write_of_holding_is_healed_by_the_retry(
    account: Any, contract: model.Contract, crash_after: int
) -> None:
    loaded_run(account, "1", None, hashes=[A])
    account.fuse.writes = crash_after  # lock, run, request
    with pytest.raises(Exception, match=r"^$"):
        hold(account, contract, given(mode="rollback", run_id="1"))
    account.fuse.writes = None
    run_id = hold(account, contract, given(mode="rollback", run_id="1"))
    assert wanted(account, run_id)["rollback"] == {"runs": ["1"], "tables": {DATASET: None}}
    assert len(account.entries("run_table")) == 3  # the loaded run, this one, one lock


def test_a_rollback_that_is_refused_writes_no_run(account: Any, contract: model.Contract) -> None:
    loaded_run(account, "1", None, hashes=[A])
    loaded_run(account, "2", 11, hashes=[B])
    with pytest.raises(PermanentError, match="--with-later"):
        hold(account, contract, given(mode="rollback", run_id="1"))
    assert set(account.entries("run_table")) == {
        f"{DATASET}/run#1",
        f"{DATASET}/run#2",
        f"{DATASET}/claim",
    }


@pytest.mark.parametrize(
    ("request_given", "told"),
    [
        ({"mode": "load"}, "mode 'load'; it must be one of maintenance, rollback, erasure"),
        ({"mode": "maintenance", "forecast": FORECAST}, "forecast .* must be left out"),
        (
            {"mode": "forecast_rollback"},
            "forecast of the execution's input.* None, expected an object",
        ),
        (
            {"mode": "forecast_rollback", "forecast": {**FORECAST, "back_to": "x"}},
            "forecast.back_to 'x'; it must be the number of a version",
        ),
        (
            {"mode": "forecast_rollback", "forecast": {**FORECAST, "reason": " "}},
            "forecast.reason ' '; it must be why",
        ),
        ({"mode": "rollback"}, "run_id None; it must be the run to roll back"),
        ({"mode": "maintenance", "run_id": "r"}, "run_id 'r'; it must be left out"),
        ({"mode": "maintenance", "subject": TOKEN}, "must be left out"),
        ({"mode": "erasure"}, "no 'subject' of 64 hex digits"),
        ({"mode": "erasure", "subject": "Jane Doe"}, "no 'subject' of 64 hex digits"),
    ],
)
def test_care_that_makes_no_sense_is_refused_and_never_shows_a_person(
    request_given: dict[str, Any], told: str
) -> None:
    with pytest.raises(PermanentError, match=told) as refused:
        given(**request_given)
    assert "Jane" not in str(refused.value)


def test_releasing_closes_the_run_frees_the_dataset_and_tells_what_was_done(
    account: Any, contract: model.Contract
) -> None:
    run_id = hold(account, contract, given(mode="maintenance"))
    assert release(account, run_id) == {
        "dataset": DATASET,
        "run_id": run_id,
        "started": False,
        "told": True,
    }
    entry = run(account, run_id)
    assert (entry["status"], entry["duration_seconds"], entry["worker_seconds"]) == (
        "succeeded",
        90,
        {"care": 20},
    )
    assert entry["cost_usd"] == {"care": Decimal("0.002")}
    assert (entry["care"][0]["rows_deleted"], entry["report"]) == (3, ["9 files became 2."])
    assert account.runs().lock(DATASET) is None
    [message] = account.messages()
    assert message["subject"] == "INFO [dev] sales_records: maintenance succeeded, 1 table"
    assert f"{DATASET}: maintained, 3, 9 to 2, 900 to 880" in message["message"]
    assert f"slipway runs show {run_id} --dataset {DATASET}" in message["message"]


def test_a_rollback_marks_the_runs_and_sets_aside_only_what_they_loaded_first(
    account: Any, contract: model.Contract
) -> None:
    wait(account, A, B)
    loaded_run(account, "0", None, hashes=[B])
    loaded_run(account, "1", 11, hashes=[A])
    loaded_run(account, "2", 12, mode="backfill", hashes=[B], rows=2)
    run_id = hold(account, contract, given(mode="rollback", run_id="1", with_later=True))
    release(account, run_id, SERVED)
    assert run(account, run_id)["served"] == {"warehouse": {"tables": {"by_item": BY_ITEM}}}
    assert [run(account, name)["status"] for name in "012"] == [
        "succeeded",
        "rolled_back",
        "rolled_back",
    ]
    assert run(account, run_id)["status"] == "succeeded"
    assert statuses(account) == {A: "set_aside", B: "loaded"}
    assert file(account, A)["set_aside_reason"] == f"run 1 was rolled back by {run_id}"
    assert not {"run_id", *counts(3)} & file(account, A).keys()
    assert file(account, A)["loads"] == [made("1", 3, rolled_back_by=run_id)]
    assert file(account, B).items() >= made("0", 3).items()
    assert file(account, B)["loads"] == [made("0", 3), made("2", 2, rolled_back_by=run_id)]
    report = [
        "9 files became 2.",
        "Rolled back: 2, 1.",
        "Files that a load brought are set aside.",
        "Files of a backfill or replay stay loaded, with the counts of the load before it.",
    ]
    assert run(account, run_id)["report"] == report
    [message] = account.messages()
    assert "\n".join([*report, "Warehouse: 3 rows merged into by_item."]) in message["message"]
    assert "slipway files list --dataset sales_records --status set_aside" in message["message"]


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("load", "Files that a load brought are set aside."),
        (
            "replay",
            "Files of a backfill or replay stay loaded, with the counts of the load before it.",
        ),
    ],
)
def test_a_rollback_tells_of_the_files_of_its_runs_alone(
    account: Any, contract: model.Contract, mode: str, told: str
) -> None:
    wait(account, A)
    loaded_run(account, "1", None, hashes=[A])
    if mode == "replay":
        loaded_run(account, "2", 11, mode=mode, hashes=[A])
    undone = "1" if mode == "load" else "2"
    run_id = hold(account, contract, given(mode="rollback", run_id=undone))
    release(account, run_id)
    assert run(account, run_id)["report"][1:] == [f"Rolled back: {undone}.", told]
    [message] = account.messages()
    assert ("--status set_aside" in message["message"]) == (mode == "load")


def without_loads(account: Any, sha256: str, run_id: str) -> None:
    """The entry of a loaded file as it was written before loads were kept."""
    key = {"dataset": DATASET, "entry": file_entry(sha256)}
    change, names = (
        "SET #status = :loaded, run_id = :run, rows_loaded = :rows",
        {"#status": "status"},
    )
    values = {":loaded": "loaded", ":run": run_id, ":rows": 2}
    account.file_table.update_item(
        Key=key,
        UpdateExpression=change,
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=values,
    )


def test_counts_that_no_earlier_load_can_replace_stay_and_are_told(
    account: Any, contract: model.Contract
) -> None:
    many = [digest(f"many{number}") for number in range(6)]
    wait(account, A, B, *many)
    loaded_run(account, "1", None, hashes=[])
    loaded_run(account, "2", 11, mode="backfill", hashes=[A, *many])
    for sha256 in (A, B, *many):
        without_loads(account, sha256, "2" if sha256 != B else "1")
    run_id = hold(account, contract, given(mode="rollback", run_id="2"))
    release(account, run_id)
    assert (file(account, A)["status"], file(account, A)["rows_loaded"]) == ("loaded", 2)
    assert "run_id" not in file(account, A)
    assert file(account, B)["run_id"] == "1"
    assert run(account, run_id)["report"][-1] == (
        "Of 7 files the ledger does not say what the load before made of them; their counts may be those of a run that"
        f" was rolled back: {', '.join([A, *many[:4]])} and others."
    )


def test_a_file_that_ends_set_aside_is_not_told_as_one_of_unknown_counts(
    account: Any, contract: model.Contract
) -> None:
    wait(account, A)
    loaded_run(account, "1", None, hashes=[])
    loaded_run(account, "2", 11, mode="backfill", hashes=[A])
    without_loads(account, A, "2")
    account.run_table.update_item(
        Key={"dataset": DATASET, "entry": "run#1"},
        UpdateExpression="SET file_hashes = :hashes",
        ExpressionAttributeValues={":hashes": [A]},
    )
    run_id = hold(account, contract, given(mode="rollback", run_id="1", with_later=True))
    release(account, run_id)
    assert statuses(account) == {A: "set_aside"}
    assert not any("does not say" in sentence for sentence in run(account, run_id)["report"])


def test_an_entry_that_changes_while_its_load_is_undone_is_tried_again(
    account: Any, contract: model.Contract
) -> None:
    wait(account, A)
    loaded_run(account, "1", None, hashes=[A])
    run_id = hold(account, contract, given(mode="rollback", run_id="1"))
    undo = FileLedger.undo
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FileLedger, "undo", lambda *_, **__: None)
        with pytest.raises(
            RetryableError, match=f"^file {A} of {DATASET} changed while {run_id} undid its load$"
        ):
            release(account, run_id)
    assert FileLedger.undo is undo
    assert release(account, run_id)["told"] is True
    assert statuses(account) == {A: "set_aside"}


CRASHES_OF_A_ROLLBACK = range(1, 11)


def rolled_back_in_part(account: Any, contract: model.Contract) -> str:
    """A rollback of a load of A and B and of a backfill of both, while C waits."""
    wait(account, A, B, C)
    loaded_run(account, "1", None, hashes=[A, B])
    loaded_run(account, "2", 11, mode="backfill", hashes=[A, B], rows=2)
    return hold(account, contract, given(mode="rollback", run_id="1", with_later=True))


@pytest.mark.parametrize("crash_after", CRASHES_OF_A_ROLLBACK)
def test_a_crash_after_any_write_of_releasing_is_healed_by_the_retry(
    account: Any, contract: model.Contract, crash_after: int
) -> None:
    run_id = rolled_back_in_part(account, contract)
    # A, B, their backfill marked, A, B, their load marked, run closed, message, lock, waiting files
    account.fuse.writes = crash_after
    with pytest.raises(Exception, match=r"^$"):
        release(account, run_id)
    account.fuse.writes = None
    assert release(account, run_id)["started"] is True
    assert [run(account, name)["status"] for name in ("1", "2", run_id)] == [
        "rolled_back",
        "rolled_back",
        "succeeded",
    ]
    assert (statuses(account), account.runs().lock(DATASET)) == (
        {A: "set_aside", B: "set_aside", C: "waiting"},
        None,
    )
    by = {"rolled_back_by": run_id}
    for sha256 in (A, B):
        assert file(account, sha256)["loads"] == [made("1", 3, **by), made("2", 2, **by)]
        assert not {"run_id", *counts(3)} & file(account, sha256).keys()
    assert (len(account.messages()), len(account.executions())) == (1, 1)


def test_no_write_of_a_rollback_is_left_out_of_the_crash_tests(
    account: Any, contract: model.Contract
) -> None:
    run_id = rolled_back_in_part(account, contract)
    account.fuse.writes = len(CRASHES_OF_A_ROLLBACK) + 1
    release(account, run_id)
    assert account.fuse.writes == 1


@pytest.mark.parametrize("written", range(6))
def test_a_rollback_that_ended_half_way_for_good_is_done_by_the_next_one(
    account: Any, contract: model.Contract, written: int
) -> None:
    first = rolled_back_in_part(account, contract)
    account.fuse.writes = written or None
    with pytest.MonkeyPatch.context() as patch:
        if not written:
            patch.setattr(FileLedger, "undo", lambda *_, **__: None)
        with pytest.raises(Exception, match=r"^$|changed while"):
            release(account, first)
    account.fuse.writes = None
    account.runs().finish(DATASET, first, "failed", {"error": "x"})
    account.runs().release_lock(DATASET, first)
    again = given(
        "arn:aws:states:::execution:care:two", mode="rollback", run_id="1", with_later=True
    )
    second = hold(account, contract, again, later=5)
    release(account, second)
    assert [run(account, name)["status"] for name in "12"] == ["rolled_back", "rolled_back"]
    assert statuses(account) == {A: "set_aside", B: "set_aside", C: "waiting"}


@pytest.mark.parametrize("crash_after", range(1, 5))
def test_a_crash_while_a_backfill_is_undone_restores_counts_and_run_all_the_same(
    account: Any, contract: model.Contract, crash_after: int
) -> None:
    wait(account, A, B)
    loaded_run(account, "1", None, hashes=[A, B])
    loaded_run(account, "2", 11, mode="backfill", hashes=[A, B], rows=2)
    run_id = hold(account, contract, given(mode="rollback", run_id="2"))
    account.fuse.writes = crash_after  # A, B, run marked, run closed
    with pytest.raises(Exception, match=r"^$"):
        release(account, run_id)
    account.fuse.writes = None
    release(account, run_id)
    for sha256 in (A, B):
        assert file(account, sha256).items() >= {**made("1", 3), "status": "loaded"}.items()
        assert file(account, sha256)["loads"] == [made("1", 3), made("2", 2, rolled_back_by=run_id)]


def test_care_that_lost_the_lock_cannot_close(account: Any, contract: model.Contract) -> None:
    run_id = hold(account, contract, given(mode="maintenance"))
    account.runs().release_lock(DATASET, run_id)
    with pytest.raises(PermanentError, match="lost the lock of sales_records to nobody"):
        release(account, run_id)
    assert (run(account, run_id)["status"], account.messages()) == ("running", [])


@pytest.mark.usefixtures("ledgers_of_moto")
def test_the_handlers_read_their_environment_and_failed_care_starts_waiting_files_once(
    account: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "ENVIRONMENT": "dev",
        "FILE_LEDGER": "files",
        "RUN_LEDGER": "runs",
        "PROCESSED_BUCKET": "processed",
        "CLAIM_LEASE_SECONDS": "60",
        "STATE_MACHINE_ARN": account.machine_arn,
        "ANNOUNCE_STATE_MACHINE_ARN": account.announce_arn,
        "SPARK_WORKER_SECOND_USD": "0.0001",
        "DUCKDB_SECOND_USD": "0.00004",
    }.items():
        monkeypatch.setenv(name, value)
    cached = (
        hold_handler._service,
        release_handler._service,
        release_handler._settings,
        release_handler._s3,
    )
    for function in cached:
        function.cache_clear()
    request: dict[str, Any] = {**{"dataset": DATASET, "trigger": "schedule", "mode": "maintenance"}}
    run_id = hold_handler.handle(
        {"dataset": DATASET, "request": request, "execution_arn": EXECUTION}, None
    )["run_id"]
    key = f"runs/{DATASET}/{run_id}/care.json"
    account.s3.put_object(Bucket="processed", Key=key, Body=json.dumps(done(run_id, "maintenance")))
    event = {
        "dataset": DATASET,
        "run_id": run_id,
        "execution_arn": EXECUTION,
        "state": {"care": {}, "serve": []},
    }
    assert release_handler.handle(event, None)["started"] is False
    assert run(account, run_id)["status"] == "succeeded"
    request |= {"mode": "forecast_rollback", "forecast": FORECAST}
    held = {"dataset": DATASET, "request": request, "execution_arn": f"{EXECUTION}-2"}
    run_id = hold_handler.handle(held, None)["run_id"]
    state = {"care": {}, "serve": [], "forecast": {}, "forecast_rollback": {"done": TAKEN_BACK}}
    event |= {"run_id": run_id, "execution_arn": f"{EXECUTION}-2", "state": state}
    assert release_handler.handle(event, None)["started"] is False
    assert run(account, run_id)["report"] == TAKEN_BACK["report"]
    wait(account, A)
    failed = {"dataset": DATASET, "run_id": None, "execution_arn": "arn:failed"}
    assert [release_handler.handle(failed, None)["started"] for _ in range(2)] == [True, True]
    assert len(account.executions()) == 1
    for function in cached:
        function.cache_clear()


def test_care_that_is_ended_while_it_releases_is_not_told_as_a_success(
    account: Any, contract: model.Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = hold(account, contract, given(mode="maintenance"))

    def stopped(*_given: Any, **_more: Any) -> list[str]:
        account.runs().finish(DATASET, run_id, "failed", {"error": "Execution.ABORTED"})
        return []

    monkeypatch.setattr(Undoing, "undo", stopped)
    with pytest.raises(PermanentError, match="is failed: its execution was stopped"):
        release(account, run_id)
    assert account.messages() == []


def test_a_forecast_of_a_table_without_one_is_not_taken_back(
    account: Any, contract: model.Contract
) -> None:
    wanted = given(mode="forecast_rollback", forecast={**FORECAST, "table": "sales"})
    with pytest.raises(PermanentError, match=r"no forecast of 'sales'.*: sales_by_month_item"):
        hold(account, contract, wanted)
    assert account.runs().lock(DATASET) is None


def test_a_forecast_that_was_taken_back_is_in_ledger_and_message_with_its_reason(
    account: Any, contract: model.Contract
) -> None:
    run_id = hold(account, contract, given(mode="forecast_rollback", forecast=FORECAST))
    asked = MaintenanceRequest.from_json(wanted(account, run_id))
    assert asked.forecast == ForecastRollback(**FORECAST)
    release(account, run_id, did=forecast_rollback.result(asked, TAKEN_BACK))
    entry = run(account, run_id)
    assert (entry["status"], entry["mode"]) == ("succeeded", "forecast_rollback")
    (table,) = entry["care"]
    assert (table["action"], table["before"], table["after"]) == ("rolled back", 7, 5)
    assert (table["rows_deleted"], table["files_before"], table["bytes_after"]) == (6, 2, 10)
    assert entry["report"] == TAKEN_BACK["report"]
    (message,) = account.messages()
    assert "Reason: too high" in json.dumps(message)
    assert account.runs().lock(DATASET) is None
