"""Who gets the lock, and what becomes of a run whose lease is over (pipeline.locking)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.errors import DatasetBusy, PermanentError
from pipeline.ledger import FileLedger, RunLedger, file_entry
from pipeline.locking import DatasetLock, run_to_close
from tests.unit.ledger.entries import DATASET, item, start

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())


def lock(table: Any) -> DatasetLock:
    return DatasetLock(
        files=FileLedger(table), runs=RunLedger(table), lease_seconds=60, now=lambda: NOW
    )


def held_by(table: Any, run_id: str, expires_at: int, execution_arn: str = "first") -> RunLedger:
    runs = RunLedger(table)
    runs.take_lock(DATASET, run_id=run_id, execution_arn=execution_arn, expires_at=expires_at)
    return runs


def holder(table: Any) -> dict[str, Any]:
    found = RunLedger(table).lock(DATASET) or {}
    return {name: found[name] for name in ("run_id", "execution_arn", "expires_at")}


def test_a_free_lock_is_taken_for_the_length_of_the_lease(table: Any) -> None:
    assert lock(table).take(DATASET, "first", run_id="wanted") == "wanted"
    assert holder(table) == {
        "run_id": "wanted",
        "execution_arn": "first",
        "expires_at": SECONDS + 60,
    }


def test_a_new_run_is_named_by_the_time_when_no_run_is_wanted(table: Any) -> None:
    assert lock(table).take(DATASET, "first").startswith("20261120T120000-")


def test_the_same_execution_gets_its_own_run_back_while_that_goes_on(table: Any) -> None:
    start(held_by(table, "r", SECONDS + 9), "r", "first")
    assert lock(table).take(DATASET, "first", run_id="another") == "r"
    assert holder(table)["expires_at"] == SECONDS + 9


def test_the_same_execution_gets_its_run_back_before_that_is_in_the_ledger(table: Any) -> None:
    held_by(table, "r", SECONDS + 9)
    assert lock(table).take(DATASET, "first") == "r"


def test_the_same_execution_goes_on_with_a_new_run_once_the_old_one_ended(table: Any) -> None:
    runs = held_by(table, "r", SECONDS + 9)
    start(runs, "r", "first")
    runs.finish(DATASET, "r", "succeeded", {"ended_at": "t"})
    assert lock(table).take(DATASET, "first", run_id="r") == "r"  # a resumed run asks for itself
    assert lock(table).take(DATASET, "first", run_id="next") == "next"
    assert holder(table) == {"run_id": "next", "execution_arn": "first", "expires_at": SECONDS + 60}


def test_a_living_run_is_not_disturbed_and_its_end_is_told_how_to_force(table: Any) -> None:
    held_by(table, "r", SECONDS + 1)
    with pytest.raises(
        DatasetBusy,
        match=f"^run r is working on {DATASET}; .*: slipway runs release --dataset sales$",
    ):
        lock(table).take(DATASET, "second")
    assert holder(table)["run_id"] == "r"


@pytest.mark.parametrize(
    ("mode", "status"), [("load", "waiting"), ("backfill", "loaded"), ("erasure", "claimed")]
)
def test_a_run_whose_lease_is_over_ends_and_its_files_go_back_to_where_they_were(
    table: Any, mode: Any, status: str, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, files = held_by(table, "dead", SECONDS), FileLedger(table)
    loads = [{"run_id": "earlier", "rows_loaded": 9}] if mode == "backfill" else []
    files.add(
        item("a", "claimed")
        | {"run_id": "dead" if mode != "erasure" else "somebody", "loads": loads}
    )
    start(runs, "dead", "first", mode)
    assert lock(table).take(DATASET, "second", run_id="heir") == "heir"
    assert holder(table) == {
        "run_id": "heir",
        "execution_arn": "second",
        "expires_at": SECONDS + 60,
    }
    dead = runs.get(DATASET, "dead") or {}
    cause = "the run did not end before its lease did; another run took the dataset"
    assert (dead["status"], dead["error"], dead["cause"]) == ("failed", "LeaseExpired", cause)
    assert dead["ended_at"] == "2026-11-20T12:00:00.000000Z"
    file = files.get(DATASET, file_entry("a")) or {}
    assert (file["status"], file.get("run_id")) == (
        status,
        {"loaded": "earlier", "claimed": "somebody"}.get(status),
    )
    logged = json.loads(capsys.readouterr().out)
    assert logged.items() >= {
        "level": "WARNING", "message": "lease over, lock taken over", "dataset": DATASET, "run_id": "dead",
        "files": int(status != "claimed"),
    }.items()  # fmt: skip


def test_a_lock_without_a_run_in_the_ledger_is_taken_over_too(table: Any) -> None:
    held_by(table, "dead", SECONDS - 1)
    assert lock(table).take(DATASET, "second", run_id="heir") == "heir"


def test_who_is_too_late_by_a_moment_is_told_that_somebody_was_faster(
    table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_by(table, "r", SECONDS + 9)
    monkeypatch.setattr(RunLedger, "lock", lambda *_: None)  # as it was when it was read
    with pytest.raises(DatasetBusy, match=f"^another execution was faster to take {DATASET}$"):
        lock(table).take(DATASET, "second")


def test_a_run_that_holds_the_dataset_may_close(table: Any) -> None:
    runs = held_by(table, "r", SECONDS)
    start(runs, "r")
    assert run_to_close(runs, DATASET, "r")["run_id"] == "r"


def test_a_run_that_was_closed_before_may_close_again_without_the_lock(table: Any) -> None:
    runs = RunLedger(table)
    start(runs, "r")
    runs.finish(DATASET, "r", "succeeded", {"ended_at": "t"})
    assert run_to_close(runs, DATASET, "r")["status"] == "succeeded"


def test_a_run_that_failed_or_never_was_cannot_close(table: Any) -> None:
    runs = held_by(table, "r", SECONDS)
    with pytest.raises(
        PermanentError, match=r"^run 'r' of sales is not in the ledger, so it cannot be closed$"
    ):
        run_to_close(runs, DATASET, "r")
    start(runs, "r")
    runs.finish(DATASET, "r", "failed", {"ended_at": "t"})
    with pytest.raises(PermanentError, match=r"^run 'r' of sales is failed, so"):
        run_to_close(runs, DATASET, "r")


def test_a_run_that_lost_the_lock_cannot_close(table: Any) -> None:
    runs = RunLedger(table)
    start(runs, "r")
    lost = "^run 'r' lost the lock of sales to {}; raise CLAIM_LEASE_SECONDS$"
    with pytest.raises(PermanentError, match=lost.format("nobody")):
        run_to_close(runs, DATASET, "r")
    held_by(table, "heir", SECONDS)
    with pytest.raises(PermanentError, match=lost.format("heir")):
        run_to_close(runs, DATASET, "r")
