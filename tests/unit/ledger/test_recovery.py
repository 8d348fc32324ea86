"""Runs that are resumed, or rolled back, and data subjects that were erased."""

from __future__ import annotations

from typing import Any

from pipeline.ledger import RunLedger, erased_entry
from tests.unit.ledger.entries import DATASET, SmallPages, start


def ended(runs: RunLedger, run_id: str, status: Any) -> None:
    start(runs, run_id)
    runs.finish(DATASET, run_id, status, {"ended_at": "t", "error": "E", "cause": "C"})


def test_a_run_keeps_its_mode(table: Any) -> None:
    runs = RunLedger(table)
    start(runs, "1")
    start(runs, "2", mode="erasure")
    assert [(runs.get(DATASET, run_id) or {})["mode"] for run_id in ("1", "2")] == [
        "load",
        "erasure",
    ]


def test_a_failed_run_is_reopened_by_one_execution_and_forgets_its_end(table: Any) -> None:
    runs = RunLedger(table)
    ended(runs, "r", "failed")
    assert runs.reopen(DATASET, "r", execution_arn="second") is True
    assert runs.reopen(DATASET, "r", execution_arn="second") is True  # repeated after a crash
    assert runs.reopen(DATASET, "r", execution_arn="third") is False
    run = runs.get(DATASET, "r") or {}
    assert (run["status"], run["execution_arn"], run["file_hashes"]) == ("running", "second", ["a"])
    assert not {"ended_at", "error", "cause"} & run.keys()


def test_a_run_that_runs_or_succeeded_or_never_was_is_not_reopened(table: Any) -> None:
    runs = RunLedger(table)
    start(runs, "running", "first")
    ended(runs, "succeeded", "succeeded")
    for run_id in ("running", "succeeded", "unknown"):
        assert runs.reopen(DATASET, run_id, execution_arn="second") is False
    assert (runs.get(DATASET, "running") or {})["execution_arn"] == "first"
    assert runs.get(DATASET, "unknown") is None


def test_only_a_run_that_succeeded_is_rolled_back_and_by_one_other(table: Any) -> None:
    runs = RunLedger(table)
    ended(runs, "good", "succeeded")
    ended(runs, "bad", "failed")
    assert runs.mark_rolled_back(DATASET, "good", by_run="care", moment="now") is True
    assert (
        runs.mark_rolled_back(DATASET, "good", by_run="care", moment="now") is True
    )  # repeated after a crash
    assert runs.mark_rolled_back(DATASET, "good", by_run="other", moment="now") is False
    assert runs.mark_rolled_back(DATASET, "bad", by_run="care", moment="now") is False
    assert runs.mark_rolled_back(DATASET, "unknown", by_run="care", moment="now") is False
    run = runs.get(DATASET, "good") or {}
    assert (run["status"], run["rolled_back_by"], run["rolled_back_at"]) == (
        "rolled_back",
        "care",
        "now",
    )
    assert (runs.get(DATASET, "bad") or {})["status"] == "failed"
    assert runs.get(DATASET, "unknown") is None


def test_a_run_and_every_later_one_come_in_order_over_all_pages(table: Any) -> None:
    runs = RunLedger(table)
    ids = [f"20260{month}01T000000-0000000{month}" for month in range(1, 8)]
    for run_id in reversed(ids):
        start(runs, run_id)
    runs.take_lock(DATASET, run_id=ids[0], execution_arn="e", expires_at=1)
    runs.remember_erased(DATASET, "token", run_id=ids[0], moment="now")
    found = RunLedger(SmallPages(table, 2)).since(DATASET, ids[2])
    assert [run["run_id"] for run in found] == ids[2:]
    assert [run["run_id"] for run in RunLedger(table).since(DATASET, "")] == ids
    assert RunLedger(table).since("other", ids[0]) == []


def test_erased_subjects_are_remembered_per_dataset_sorted_and_over_all_pages(table: Any) -> None:
    runs = RunLedger(table)
    for token in ("c", "a", "b", "a"):
        runs.remember_erased(DATASET, token, run_id="r", moment="now")
    runs.remember_erased("other", "z", run_id="r", moment="now")
    start(runs, "r")
    assert runs.erased_subjects(DATASET) == ["a", "b", "c"]
    assert RunLedger(SmallPages(table, 1)).erased_subjects(DATASET) == ["a", "b", "c"]
    assert runs.erased_subjects("nobody") == []
    assert erased_entry("a") == "erased#a"
