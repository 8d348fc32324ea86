"""The conditional writes of the two ledgers: who wins, who may repeat, who is refused."""

from __future__ import annotations

from typing import Any

from pipeline.ledger import FileLedger, RunLedger, file_entry
from tests.unit.ledger.entries import DATASET, item, start


def test_a_content_is_registered_once(table: Any) -> None:
    files = FileLedger(table)
    assert files.add(item("a")) is True
    assert files.add(item("a", "waiting")) is False
    assert (files.get(DATASET, file_entry("a")) or {})["status"] == "registering"


def test_a_file_moves_only_along_its_way_and_the_index_follows(table: Any) -> None:
    files = FileLedger(table)
    files.add(item("a"))
    assert files.claim(DATASET, "a", "r") is None  # not waiting yet
    assert files.mark_waiting(DATASET, "a") is True
    assert files.mark_waiting(DATASET, "a") is False
    assert files.waiting(DATASET, 5) == ["a"]
    assert (files.claim(DATASET, "a", "r") or {})["run_id"] == "r"
    assert files.claim(DATASET, "a", "r") is not None  # the holder may ask again
    assert files.claim(DATASET, "a", "other") is None
    assert files.waiting(DATASET, 5) == []
    assert files.give_back(DATASET, "a", "other") is False
    assert files.close(DATASET, "a", "other", {"rows_loaded": 1}) is None
    assert files.close(DATASET, "a", "r", {"rows_loaded": 1})
    assert files.close(DATASET, "a", "r", {"rows_loaded": 1})
    assert files.give_back(DATASET, "a", "r") is False  # what is loaded stays loaded
    closed = files.get(DATASET, file_entry("a")) or {}
    assert (closed["status"], closed["dataset_status"], closed["rows_loaded"]) == (
        "loaded",
        f"{DATASET}#loaded",
        1,
    )


def test_a_file_given_back_waits_without_a_run(table: Any) -> None:
    files = FileLedger(table)
    files.add(item("a", "waiting"))
    files.claim(DATASET, "a", "r")
    assert files.give_back(DATASET, "a", "r") is True
    assert "run_id" not in (files.get(DATASET, file_entry("a")) or {})
    assert files.count_waiting(DATASET) == 1


def test_waiting_files_come_oldest_first_and_only_of_the_dataset(table: Any) -> None:
    files = FileLedger(table)
    for sha256, received_at in (("late", "3"), ("early", "1"), ("middle", "2")):
        files.add(item(sha256, "waiting", received_at))
    files.add({**item("foreign", "waiting", "0"), "dataset": "other"})
    assert files.waiting(DATASET, 2) == ["early", "middle"]
    assert files.count_waiting(DATASET) == 3


def test_the_lock_has_one_holder_and_only_the_holder_frees_it(table: Any) -> None:
    runs = RunLedger(table)
    assert runs.take_lock(DATASET, run_id="r1", execution_arn="e1", expires_at=10) is True
    assert runs.take_lock(DATASET, run_id="r2", execution_arn="e2", expires_at=20) is False
    assert runs.release_lock(DATASET, "r2") is False
    assert (runs.lock(DATASET) or {})["run_id"] == "r1"
    assert runs.release_lock(DATASET, "r1") is True
    assert runs.lock(DATASET) is None


def test_of_two_heirs_of_a_dead_lock_one_gets_it(table: Any) -> None:
    runs = RunLedger(table)
    runs.take_lock(DATASET, run_id="dead", execution_arn="e", expires_at=1)
    dead = runs.lock(DATASET)
    assert (
        runs.take_lock(DATASET, run_id="heir", execution_arn="e1", expires_at=9, dead=dead) is True
    )
    assert (
        runs.take_lock(DATASET, run_id="late", execution_arn="e2", expires_at=9, dead=dead) is False
    )


def test_a_run_ends_once(table: Any) -> None:
    runs = RunLedger(table)
    assert start(runs, "r", "e") is True
    assert start(runs, "r", "other") is False
    assert runs.finish(DATASET, "r", "failed", {"error": "E", "ended_at": "later"}) is True
    assert runs.finish(DATASET, "r", "succeeded", {"ended_at": "even later"}) is False
    run = runs.get(DATASET, "r") or {}
    assert (run["status"], run["error"], run["ended_at"], run["execution_arn"]) == (
        "failed",
        "E",
        "later",
        "e",
    )


def test_the_unfinished_run_of_an_execution_is_found(table: Any) -> None:
    runs = RunLedger(table)
    for run_id, execution_arn in (("1", "e"), ("2", "e"), ("3", "other")):
        start(runs, run_id, execution_arn)
    runs.finish(DATASET, "1", "succeeded", {"ended_at": "t"})
    assert (runs.running_of(DATASET, "e") or {})["run_id"] == "2"
    runs.finish(DATASET, "2", "failed", {"ended_at": "t"})
    assert runs.running_of(DATASET, "e") is None
