"""hold_dataset and release_dataset: one at a time, repeated or crashed anywhere, told once, waiting files started."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts import model
from contracts.errors import DatasetBusy, PermanentError
from contracts.ledger import file_entry
from contracts.locking import DatasetLock
from lambdas.hold_dataset import handler as hold_handler
from lambdas.hold_dataset import requests
from lambdas.hold_dataset.service import HoldDataset
from lambdas.release_dataset import handler as release_handler
from lambdas.release_dataset.service import ReleaseDataset
from lambdas.release_dataset.waiting import WaitingFiles
from tests.unit.lambdas.claiming import DATASET, LEASE_SECONDS, NOON, digest, load, run, statuses, wait

EXECUTION = "arn:aws:states:::execution:care:one"
TOKEN = "ab" * 32
A, B = digest("a"), digest("b")
SERVED = ({"served": "warehouse", "tables": [{"table": "by_item", "loaded_rows": 3}]},)


def given(execution_arn: str = EXECUTION, **request: Any) -> requests.Request:
    return requests.parse(
        {
            "dataset": DATASET,
            "request": {"dataset": DATASET, "trigger": "operator", **request},
            "execution_arn": execution_arn,
        }
    )


def hold(account: Any, contract: model.Contract, request: requests.Request, *, later: int = 0) -> str:
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
    table = {"table": DATASET, "action": mode, "before": 1, "after": 2, "rows_deleted": 3, "files_before": 9}
    sizes = {"files_after": 2, "bytes_before": 900, "bytes_after": 880}
    return {
        "dataset": DATASET, "run_id": run_id, "mode": mode, "tables": [{**table, **sizes}], "duration_seconds": 1.5,
        "report": ["9 files became 2."],
    }  # fmt: skip


def release(account: Any, run_id: str, serve: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    files = account.files()
    service = ReleaseDataset(
        environment="dev",
        files=files,
        runs=account.runs(),
        announcer=account.announcer(),
        waiting=WaitingFiles(
            files=files, stepfunctions=account.fused("stepfunctions"), state_machine_arn=account.machine_arn
        ),
        now=lambda: NOON + timedelta(seconds=90),
    )
    asked = wanted(account, run_id)
    return service.release(
        asked, done(run_id, asked["mode"]), execution_arn=EXECUTION, worker_seconds={"care": 20}, serve=serve
    )


def loaded_run(account: Any, run_id: str, before: int | None, *, mode: Any = "load", hashes: list[str]) -> None:
    account.runs().start(
        DATASET, run_id, trigger="x", execution_arn="x", started_at=f"2026-11-20T0{run_id}", contract_version="1",
        file_hashes=hashes, mode=mode,
    )  # fmt: skip
    ending = {
        "ended_at": f"2026-11-20T0{run_id}",
        "snapshots": {DATASET: {"before": before, "after": (before or 10) + 1}},
    }
    account.runs().finish(DATASET, run_id, "succeeded", ending)


def test_holding_takes_the_lock_and_writes_run_and_request(account: Any, contract: model.Contract) -> None:
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
    assert (run(account, first)["error"], account.runs().lock(DATASET)["run_id"]) == ("LeaseExpired", heir)


def test_an_erased_person_is_remembered_before_the_job_starts(account: Any, contract: model.Contract) -> None:
    personal = replace(
        contract, columns=(replace(contract.columns[0], pii="hash", data_subject=True), *contract.columns[1:])
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
    assert set(account.entries("run_table")) == {f"{DATASET}/run#1", f"{DATASET}/run#2", f"{DATASET}/claim"}


@pytest.mark.parametrize(
    ("request_given", "told"),
    [
        ({"mode": "load"}, "mode 'load'; it must be one of maintenance, rollback, erasure"),
        ({"mode": "rollback"}, "run_id None; it must be the run to roll back"),
        ({"mode": "maintenance", "run_id": "r"}, "run_id 'r'; it must be left out"),
        ({"mode": "maintenance", "subject": TOKEN}, "must be left out"),
        ({"mode": "erasure"}, "no 'subject' of 64 hex digits"),
        ({"mode": "erasure", "subject": "Jane Doe"}, "no 'subject' of 64 hex digits"),
    ],
)
def test_care_that_makes_no_sense_is_refused_and_never_shows_a_person(request_given: dict[str, Any], told: str) -> None:
    with pytest.raises(PermanentError, match=told) as refused:
        given(**request_given)
    assert "Jane" not in str(refused.value)


def test_releasing_closes_the_run_frees_the_dataset_and_tells_what_was_done(
    account: Any, contract: model.Contract
) -> None:
    run_id = hold(account, contract, given(mode="maintenance"))
    assert release(account, run_id) == {"dataset": DATASET, "run_id": run_id, "started": False, "told": True}
    entry = run(account, run_id)
    assert (entry["status"], entry["duration_seconds"], entry["worker_seconds"]) == ("succeeded", 90, {"care": 20})
    assert (entry["care"][0]["rows_deleted"], entry["report"]) == (3, ["9 files became 2."])
    assert account.runs().lock(DATASET) is None
    [message] = account.messages()
    assert message["subject"] == "INFO [dev] sales_records: maintenance succeeded, 1 table"
    assert f"{DATASET}: maintenance, 3, 9 to 2, 900 to 880" in message["message"]
    assert f"slipway runs show {run_id} --dataset {DATASET}" in message["message"]


def test_a_rollback_marks_the_runs_and_sets_aside_only_what_they_loaded_first(
    account: Any, contract: model.Contract
) -> None:
    load(account, A, B)
    loaded_run(account, "1", None, hashes=[A])
    loaded_run(account, "2", 11, mode="backfill", hashes=[B])
    run_id = hold(account, contract, given(mode="rollback", run_id="1", with_later=True))
    release(account, run_id, SERVED)
    assert run(account, run_id)["served"] == {"warehouse": {"tables": {"by_item": {"loaded_rows": 3}}}}
    assert [run(account, name)["status"] for name in ("1", "2", run_id)] == ["rolled_back", "rolled_back", "succeeded"]
    assert statuses(account) == {A: "set_aside", B: "loaded"}
    aside = account.files().get(DATASET, file_entry(A))
    assert aside["set_aside_reason"] == f"run 1 was rolled back by {run_id}"
    [message] = account.messages()
    assert "Rolled back: 2, 1." in message["message"]
    assert "Warehouse: 3 rows merged into by_item." in message["message"]
    assert "slipway files list --dataset sales_records --status set_aside" in message["message"]


@pytest.mark.parametrize("crash_after", [1, 2, 3, 4, 5, 6])
def test_a_crash_after_any_write_of_releasing_is_healed_by_the_retry(
    account: Any, contract: model.Contract, crash_after: int
) -> None:
    load(account, A)
    wait(account, B)
    loaded_run(account, "1", None, hashes=[A])
    run_id = hold(account, contract, given(mode="rollback", run_id="1"))
    account.fuse.writes = crash_after  # run marked, file set aside, run closed, message, lock, waiting files
    with pytest.raises(Exception, match=r"^$"):
        release(account, run_id)
    account.fuse.writes = None
    assert release(account, run_id)["started"] is True
    assert (run(account, "1")["status"], run(account, run_id)["status"]) == ("rolled_back", "succeeded")
    assert (statuses(account), account.runs().lock(DATASET)) == ({A: "set_aside", B: "waiting"}, None)
    assert (len(account.messages()), len(account.executions())) == (1, 1)


def test_care_that_lost_the_lock_cannot_close(account: Any, contract: model.Contract) -> None:
    run_id = hold(account, contract, given(mode="maintenance"))
    account.runs().release_lock(DATASET, run_id)
    with pytest.raises(PermanentError, match="lost the lock of sales_records to nobody"):
        release(account, run_id)
    assert (run(account, run_id)["status"], account.messages()) == ("running", [])


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
    }.items():
        monkeypatch.setenv(name, value)
    cached = (hold_handler._service, release_handler._service, release_handler._settings, release_handler._s3)
    for function in cached:
        function.cache_clear()
    request = {"dataset": DATASET, "trigger": "schedule", "mode": "maintenance"}
    run_id = hold_handler.handle({"dataset": DATASET, "request": request, "execution_arn": EXECUTION}, None)["run_id"]
    key = f"runs/{DATASET}/{run_id}/care.json"
    account.s3.put_object(Bucket="processed", Key=key, Body=json.dumps(done(run_id, "maintenance")))
    event = {"dataset": DATASET, "run_id": run_id, "execution_arn": EXECUTION, "state": {"care": {}, "serve": []}}
    assert release_handler.handle(event, None)["started"] is False
    assert run(account, run_id)["status"] == "succeeded"
    wait(account, A)
    failed = {"dataset": DATASET, "run_id": None, "execution_arn": "arn:failed"}
    assert [release_handler.handle(failed, None)["started"] for _ in range(2)] == [True, True]
    assert len(account.executions()) == 1
    for function in cached:
        function.cache_clear()
