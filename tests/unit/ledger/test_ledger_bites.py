"""Entries of the ledgers as a whole, and how they are read; what a mutation run found unpinned (docs/mutants.md)."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from pipeline.ledger import (
    DELIVERY,
    LOCK_ENTRY,
    FileLedger,
    Item,
    RunLedger,
    erased_entry,
    file_entry,
    new_run_id,
    rejected_entry,
    run_entry,
    timestamp,
)
from tests.unit.ledger.entries import DATASET, item, start

FIRST = {
    "file_name": "a.csv",
    "landing_key": "partners/x/a.csv",
    "sequencer": "02",
    "received_at": "2",
}
EARLIER = {
    "file_name": "b.csv",
    "landing_key": "partners/y/b.csv",
    "sequencer": "01",
    "received_at": "1",
}
EARLIEST = {
    "file_name": "c.csv",
    "landing_key": "partners/z/c.csv",
    "sequencer": "00",
    "received_at": "0",
}


def whole(table: Any, entry: str) -> Item:
    found: Item = table.get_item(Key={"dataset": DATASET, "entry": entry})["Item"]
    assert (found.pop("dataset"), found.pop("entry")) == (DATASET, entry)
    return found


class Recording:
    """A table that keeps what it is asked and passes it on."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self.asked: list[dict[str, Any]] = []

    def get_item(self, **arguments: Any) -> Any:
        self.asked.append(arguments)
        return self._table.get_item(**arguments)

    def query(self, **arguments: Any) -> Any:
        self.asked.append(arguments)
        return self._table.query(**arguments)


def test_a_run_begins_with_exactly_these_attributes(table: Any) -> None:
    RunLedger(table).start(
        DATASET,
        "r",
        trigger="schedule",
        execution_arn="arn",
        started_at="2026",
        contract_version="1.2.3",
        file_hashes=("a", "b"),
        mode="backfill",
    )
    assert whole(table, run_entry("r")) == {
        "run_id": "r", "status": "running", "mode": "backfill", "trigger": "schedule", "execution_arn": "arn",
        "started_at": "2026", "contract_version": "1.2.3", "file_hashes": ["a", "b"], "file_count": 2,
    }  # fmt: skip


def test_a_lock_says_who_holds_it_and_until_when(table: Any) -> None:
    runs = RunLedger(table)
    runs.take_lock(DATASET, run_id="r", execution_arn="arn", expires_at=10)
    assert whole(table, LOCK_ENTRY) == {"run_id": "r", "execution_arn": "arn", "expires_at": 10}
    runs.take_lock(
        DATASET, run_id="heir", execution_arn="other", expires_at=20, dead=runs.lock(DATASET)
    )
    assert whole(table, LOCK_ENTRY) == {
        "run_id": "heir",
        "execution_arn": "other",
        "expires_at": 20,
    }


def test_an_erased_subject_is_remembered_with_the_run_that_did_it(table: Any) -> None:
    RunLedger(table).remember_erased(DATASET, "token", run_id="r", moment="2026")
    assert whole(table, erased_entry("token")) == {"run_id": "r", "erased_at": "2026"}


def test_an_earlier_delivery_takes_the_place_and_what_gave_way_is_kept_in_order(table: Any) -> None:
    files = FileLedger(table)
    files.add({**item("a", "waiting"), **FIRST, "sha256": "a", "row_count": 7})
    second = files.precede(files.get(DATASET, file_entry("a")) or {}, EARLIER) or {}
    files.precede(second, EARLIEST)
    assert whole(table, file_entry("a")) == {
        **EARLIEST, "sha256": "a", "row_count": 7, "status": "waiting", "dataset_status": f"{DATASET}#waiting",
        "displaced": [FIRST, EARLIER],
    }  # fmt: skip


@pytest.mark.parametrize("changed", DELIVERY)
def test_nothing_gives_way_when_the_entry_has_changed_since_it_was_read(
    table: Any, changed: str
) -> None:
    files = FileLedger(table)
    files.add({**item("a", "waiting"), **FIRST, "sha256": "a"})
    before = whole(table, file_entry("a"))
    read = {"dataset": DATASET, "sha256": "a", **FIRST, changed: "as it was read"}
    assert files.precede(read, EARLIER) is None
    assert whole(table, file_entry("a")) == before


def test_a_file_that_a_run_has_taken_gives_way_to_no_delivery(table: Any) -> None:
    files = FileLedger(table)
    files.add({**item("a", "waiting"), **FIRST, "sha256": "a"})
    files.claim(DATASET, "a", "r")
    assert files.precede({"dataset": DATASET, "sha256": "a", **FIRST}, EARLIER) is None


def test_people_told_is_noted_beside_what_the_entry_says(table: Any) -> None:
    files = FileLedger(table)
    files.add(item("a", "rejected"))
    before = whole(table, file_entry("a"))
    files.mark_alerted(DATASET, file_entry("a"), "2026")
    assert whole(table, file_entry("a")) == {**before, "alerted_at": "2026"}


def test_a_file_set_aside_says_why_and_when_and_comes_back_as_it_was(table: Any) -> None:
    files = FileLedger(table)
    files.add(item("a", "waiting"))
    before = whole(table, file_entry("a"))
    files.claim(DATASET, "a", "r")
    aside = {"held": "claimed", "reason": "too bad", "moment": "2026"}
    assert files.set_aside(DATASET, "a", **aside, run_id="other") is False
    assert files.set_aside(DATASET, "a", **aside, run_id="r") is True
    assert files.set_aside(DATASET, "a", **aside, run_id="r") is True  # repeated after a crash
    assert whole(table, file_entry("a")) == {
        **before, "status": "set_aside", "dataset_status": f"{DATASET}#set_aside",
        "set_aside_reason": "too bad", "set_aside_at": "2026",
    }  # fmt: skip
    assert files.release(DATASET, "a") is True
    assert whole(table, file_entry("a")) == before
    assert files.release(DATASET, "a") is False


def test_closing_a_file_keeps_every_count_and_the_run(table: Any) -> None:
    files, counts = (
        FileLedger(table),
        {"rows_loaded": 7, "rows_quarantined": 2, "rows_deduplicated": 1},
    )
    files.add(item("a", "waiting"))
    files.claim(DATASET, "a", "r")
    files.close(DATASET, "a", "r", counts)
    assert whole(table, file_entry("a")) == {
        **counts, "received_at": "1", "run_id": "r", "status": "loaded", "dataset_status": f"{DATASET}#loaded",
        "loads": [{"run_id": "r", **counts}],
    }  # fmt: skip


def test_a_run_rolled_back_says_by_which_run_and_when_and_only_that_may_repeat_it(
    table: Any,
) -> None:
    runs = RunLedger(table)
    start(runs, "r")
    assert runs.mark_rolled_back(DATASET, "r", by_run="b", moment="2026") is False
    runs.finish(DATASET, "r", "succeeded", {"ended_at": "t"})
    before = whole(table, run_entry("r"))
    assert runs.mark_rolled_back(DATASET, "r", by_run="b", moment="2026") is True
    assert runs.mark_rolled_back(DATASET, "r", by_run="b", moment="2026") is True
    assert runs.mark_rolled_back(DATASET, "r", by_run="c", moment="2027") is False
    after = {"status": "rolled_back", "rolled_back_by": "b", "rolled_back_at": "2026"}
    assert whole(table, run_entry("r")) == {**before, **after}


def test_a_forgotten_run_leaves_the_others(table: Any) -> None:
    runs = RunLedger(table)
    start(runs, "1")
    start(runs, "2")
    runs.forget(DATASET, "1")
    assert [run["run_id"] for run in runs.since(DATASET, "")] == ["2"]


def test_what_decides_is_read_strongly_consistent(table: Any) -> None:
    """moto is always consistent, so that only the request can show it."""
    recording = Recording(table)
    files, runs = FileLedger(recording), RunLedger(recording)
    files.get(DATASET, "e")
    runs.lock(DATASET)
    runs.get(DATASET, "r")
    runs.since(DATASET, "r")
    runs.running_of(DATASET, "e")
    runs.erased_subjects(DATASET)
    list(runs.newest_first(DATASET))
    assert [request["ConsistentRead"] for request in recording.asked] == [True] * 7


def test_the_run_of_an_execution_is_looked_for_among_the_newest_fifty(table: Any) -> None:
    runs = RunLedger(table)
    start(runs, "00", "buried")
    for number in range(1, 51):
        start(runs, f"{number:02}", "other")
    assert runs.running_of(DATASET, "buried") is None
    runs.forget(DATASET, "50")
    assert (runs.running_of(DATASET, "buried") or {})["run_id"] == "00"
    assert (runs.running_of(DATASET, "other") or {})["run_id"] == "49"


def test_runs_are_read_newest_first_and_no_further_than_somebody_asks(table: Any) -> None:
    for number in range(51):
        start(RunLedger(table), f"{number:02}")
    RunLedger(table).remember_erased(DATASET, "token", run_id="r", moment="2026")
    recording = Recording(table)
    found = RunLedger(recording).newest_first(DATASET)
    assert [next(found)["run_id"] for _ in range(50)] == [
        f"{number:02}" for number in range(50, 0, -1)
    ]
    assert len(recording.asked) == 1
    assert [run["run_id"] for run in found] == ["00"]


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "UTC", "America/New_York"])
def test_moments_are_written_in_utc_wherever_the_clock_stands(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(2026, 11, 20, 23, 30, tzinfo=timezone(timedelta(hours=-2)))
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert timestamp(moment) == "2026-11-21T01:30:00.000000Z"
        assert new_run_id(moment).startswith("20261121T013000-")
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_run_is_a_load_when_nothing_else_is_said(table: Any) -> None:
    runs = RunLedger(table)
    runs.start(
        DATASET,
        "r",
        trigger="t",
        execution_arn="e",
        started_at="s",
        contract_version="1",
        file_hashes=(),
    )
    assert whole(table, run_entry("r"))["mode"] == "load"


def test_a_long_key_may_be_cut_within_a_character() -> None:
    assert rejected_entry("é" * 451 + "x", "01") == f"rejected#{'é' * 449}x#01"
