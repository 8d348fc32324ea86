"""One run per dataset, over a batch: the race, the repeated call, the crash, the lease."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from contracts import model
from contracts.errors import PermanentError
from lambdas.claim_batch import handler
from tests.unit.lambdas.claiming import (
    DATASET,
    LEASE_SECONDS,
    NOON,
    manifest,
    request,
    service,
    statuses,
    wait,
)


def test_a_claim_takes_the_oldest_files_and_writes_the_manifest(
    account: Any, contract: model.Contract
) -> None:
    wait(account, "b", "a", "c")
    answer = service(account, max_files=2).claim(request(), contract)
    run_id = answer["run_id"]
    assert answer == {
        "dataset": DATASET,
        "run_id": run_id,
        "claimed": True,
        "from": "RawToProcessed",
        "engine": "spark",
        "size_bytes": 20,
        "file_count": 2,
        "reason": None,
        "left": [],
    }
    assert run_id.startswith("20261120T120000-")
    assert statuses(account) == {"a": "claimed", "b": "claimed", "c": "waiting"}
    written = manifest(account, run_id)
    assert [file["sha256"] for file in written["files"]] == ["b", "a"]
    assert written["files"][0] == {
        "sha256": "b",
        "raw_uri": f"s3://raw/{DATASET}/ingest_date=2026-11-20/b/b.csv",
        "file_name": "b.csv",
        "received_at": "2026-11-20T08:00:00.000000Z",
        "size_bytes": 10,
        "row_count": 3,
        "header": ["Region"],
        "has_quotes": False,
        "replay_of": None,
    }
    assert {name: written[name] for name in written if name != "files"} == {
        "dataset": DATASET,
        "run_id": run_id,
        "mode": "load",
        "contract_version": contract.version,
        "erased_subjects": [],
        "engine": "spark",
        "engine_reason": "DuckDB is switched off for this environment",
    }
    runs = account.entries("run_table")
    assert runs[f"{DATASET}/claim"]["expires_at"] == int(NOON.timestamp()) + LEASE_SECONDS
    assert (
        runs[f"{DATASET}/run#{run_id}"]["status"],
        runs[f"{DATASET}/run#{run_id}"]["trigger"],
    ) == (
        "running",
        "file_arrived",
    )


def test_without_waiting_files_nothing_is_claimed_and_nothing_is_left_behind(
    account: Any, contract: model.Contract
) -> None:
    answer = service(account).claim(request(), contract)
    assert (answer["claimed"], answer["run_id"], answer["reason"]) == (
        False,
        None,
        "no file is waiting",
    )
    assert account.entries("run_table") == {}


def test_of_two_executions_one_gets_the_dataset(account: Any, contract: model.Contract) -> None:
    wait(account, "a", "b")
    first = service(account, max_files=1).claim(request("one"), contract)
    second = service(account).claim(request("two"), contract)
    assert (first["claimed"], second["claimed"]) == (True, False)
    assert first["run_id"] in second["reason"]
    assert statuses(account) == {"a": "claimed", "b": "waiting"}


def test_of_two_executions_that_both_saw_a_free_lock_one_gets_it(
    account: Any, contract: model.Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(account, "a")
    slow = service(account)
    winner = service(account).claim(request("two"), contract)
    monkeypatch.setattr(type(slow.lock.runs), "lock", lambda *_: None)
    loser = slow.claim(request("one"), contract)
    assert (winner["claimed"], loser["claimed"], loser["reason"]) == (
        True,
        False,
        "another execution was faster to take sales_records",
    )


def test_the_same_execution_asking_again_gets_its_own_run_back(
    account: Any, contract: model.Contract
) -> None:
    wait(account, "a")
    first = service(account).claim(request(), contract)
    wait(account, "late")
    again = service(account, at=NOON + timedelta(minutes=1)).claim(request(), contract)
    assert again == first
    assert statuses(account) == {"a": "claimed", "late": "waiting"}


@pytest.mark.parametrize("crash_after", [1, 2, 3, 4, 5])
def test_a_crash_after_any_write_is_healed_by_the_retry(
    account: Any, contract: model.Contract, crash_after: int
) -> None:
    wait(account, "a", "b")
    account.fuse.writes = crash_after  # lock, run, claim, claim, manifest
    with pytest.raises(Exception) as crash:  # noqa: PT011 - the fixture's own Crash
        service(account).claim(request(), contract)
    assert type(crash.value).__name__ == "Crash"
    account.fuse.writes = None
    wait(account, "c")
    answer = service(account).claim(request(), contract)
    run_id = answer["run_id"]
    taken = {sha256 for sha256, status in statuses(account).items() if status == "claimed"}
    assert {file["sha256"] for file in manifest(account, run_id)["files"]} == taken
    assert {"a", "b"} <= taken
    runs = account.entries("run_table")
    assert set(runs) == {f"{DATASET}/claim", f"{DATASET}/run#{run_id}"}
    assert set(runs[f"{DATASET}/run#{run_id}"]["file_hashes"]) == taken


def test_before_its_lease_is_over_a_run_keeps_the_lock(
    account: Any, contract: model.Contract
) -> None:
    wait(account, "a")
    service(account).claim(request("one"), contract)
    at = NOON + timedelta(seconds=LEASE_SECONDS - 1)
    assert service(account, at=at).claim(request("two"), contract)["claimed"] is False


@pytest.mark.parametrize("crash_after", [None, 1, 2, 3, 4, 5, 6])
def test_after_the_lease_the_files_of_the_dead_run_go_to_the_next(
    account: Any, contract: model.Contract, crash_after: int | None
) -> None:
    wait(account, "a")
    dead = service(account).claim(request("one"), contract)
    later = NOON + timedelta(seconds=LEASE_SECONDS)
    if crash_after:
        account.fuse.writes = crash_after  # give back, run failed, lock, run, claim, manifest
        with pytest.raises(Exception, match=r"^$"):
            service(account, at=later).claim(request("two"), contract)
        account.fuse.writes = None
    heir = service(account, at=later).claim(request("two"), contract)
    assert (heir["claimed"], heir["file_count"]) == (True, 1)
    assert heir["run_id"] != dead["run_id"]
    runs = account.entries("run_table")
    assert runs[f"{DATASET}/run#{dead['run_id']}"]["status"] == "failed"
    assert runs[f"{DATASET}/run#{dead['run_id']}"]["error"] == "LeaseExpired"
    assert runs[f"{DATASET}/claim"]["run_id"] == heir["run_id"]
    [file] = account.entries().values()
    assert (file["status"], file["run_id"]) == ("claimed", heir["run_id"])


def test_a_lock_that_the_closed_run_of_this_execution_left_is_released_first(
    account: Any, contract: model.Contract
) -> None:
    wait(account, "a")
    first = service(account).claim(request(), contract)
    account.runs().finish(DATASET, first["run_id"], "succeeded", {"ended_at": "now"})
    wait(account, "b")
    second = service(account).claim(request(), contract)
    assert second["claimed"] is True
    assert second["run_id"] != first["run_id"]


def test_a_file_that_the_lagging_index_still_calls_waiting_is_not_claimed_twice(
    account: Any, contract: model.Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(account, "loaded", "fresh")
    account.files().claim(DATASET, "loaded", "earlier")
    account.files().close(DATASET, "loaded", "earlier", {"rows_loaded": 3})
    lagging = service(account)
    monkeypatch.setattr(type(lagging.lock.files), "waiting", lambda *_: ["loaded", "fresh"])
    assert lagging.claim(request(), contract)["file_count"] == 1
    assert statuses(account) == {"loaded": "loaded", "fresh": "claimed"}


@pytest.mark.usefixtures("ledgers_of_moto")
def test_the_handler_reads_its_environment(account: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "FILE_LEDGER": "files",
        "RUN_LEDGER": "runs",
        "RAW_BUCKET": "raw",
        "PROCESSED_BUCKET": "processed",
        "MAX_FILES_PER_RUN": "5",
        "DUCKDB_MAX_ROWS": "0",
        "DUCKDB_MAX_MEGABYTES": "0",
        "CLAIM_LEASE_SECONDS": "60",
    }.items():
        monkeypatch.setenv(name, value)
    wait(account, "a")
    handler._service.cache_clear()
    event = {
        "dataset": DATASET,
        "request": {"dataset": DATASET, "trigger": "operator"},
        "execution_arn": "arn:x",
    }
    answer = handler.handle(event, None)
    handler._service.cache_clear()
    assert (answer["claimed"], answer["file_count"]) == (True, 1)


def test_a_run_that_is_ended_while_it_claims_keeps_no_file(
    account: Any, contract: model.Contract
) -> None:
    wait(account, "a", "b")
    runs = account.runs()

    def end() -> None:
        account.fuse.writes = None
        run_id = runs.lock(DATASET)["run_id"]
        runs.finish(DATASET, run_id, "failed", {"error": "Execution.ABORTED"})
        runs.release_lock(DATASET, run_id)

    account.fuse.writes, account.fuse.action = 3, end  # the lock, the run, the first file
    with pytest.raises(PermanentError, match="was ended: its execution was stopped"):
        service(account).claim(request(), contract)
    assert statuses(account) == {"a": "waiting", "b": "waiting"}


def test_a_run_that_begins_after_its_execution_was_ended_ends_itself(
    account: Any, contract: model.Contract
) -> None:
    wait(account, "a")
    account.fuse.writes = 1
    account.fuse.action = lambda: account.runs().release_lock(
        DATASET, account.runs().lock(DATASET)["run_id"]
    )
    with pytest.raises(PermanentError, match="was ended"):
        service(account).claim(request(), contract)
    [run_item] = account.entries("run_table").values()
    assert (run_item["status"], run_item["error"]) == ("failed", "ClaimEnded")
    assert statuses(account) == {"a": "waiting"}


def test_a_call_for_the_lock_that_is_sent_again_finds_its_own_lock(account: Any) -> None:
    runs = account.runs()
    assert [
        runs.take_lock(DATASET, run_id="r", execution_arn="one", expires_at=1) for _ in range(2)
    ] == [True, True]
    assert not runs.take_lock(DATASET, run_id="r", execution_arn="two", expires_at=1)
    dead = runs.lock(DATASET)
    heir = {"run_id": "heir", "execution_arn": "two", "expires_at": 2, "dead": dead}
    assert [runs.take_lock(DATASET, **heir) for _ in range(2)] == [True, True]
    assert not runs.take_lock(DATASET, **{**heir, "run_id": "late"})
