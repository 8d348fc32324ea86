"""Files that a backfill or replay takes from `loaded`, and files that are set aside: nothing slips to another state."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.ledger import HELD_STATUS, FileLedger, FileStatus, file_entry
from tests.unit.ledger.entries import DATASET, SmallPages, item


def state(files: FileLedger, sha256: str = "a") -> dict[str, Any]:
    return files.get(DATASET, file_entry(sha256)) or {}


def test_a_backfill_takes_loaded_files_and_a_load_does_not(table: Any) -> None:
    files = FileLedger(table)
    files.add(item("a", "loaded"))
    assert files.claim(DATASET, "a", "load") is None
    assert (files.claim(DATASET, "a", "backfill", held="loaded") or {})["run_id"] == "backfill"
    assert (
        files.claim(DATASET, "a", "backfill", held="loaded") is not None
    )  # the holder may ask again
    assert files.claim(DATASET, "a", "other", held="loaded") is None


def test_a_backfill_does_not_take_a_file_that_waits(table: Any) -> None:
    files = FileLedger(table)
    files.add(item("a", "waiting"))
    assert files.claim(DATASET, "a", "backfill", held="loaded") is None
    assert state(files)["status"] == "waiting"


@pytest.mark.parametrize(
    ("mode", "held"), HELD_STATUS.items()
)  # of entries from before loads were kept
def test_a_failed_run_gives_its_files_back_to_where_it_took_them_from(
    table: Any, mode: str, held: FileStatus
) -> None:
    files = FileLedger(table)
    files.add({**item("a", held), "rows_loaded": 7})
    files.claim(DATASET, "a", mode, held=held)
    assert files.give_back(DATASET, "a", "other", held=held) is False
    assert files.give_back(DATASET, "a", mode, held=held) is True
    found = state(files)
    assert (found["status"], found["dataset_status"], found["rows_loaded"]) == (
        held,
        f"{DATASET}#{held}",
        7,
    )
    assert "run_id" not in found
    assert files.give_back(DATASET, "a", mode, held=held) is False


def test_a_file_set_aside_is_taken_by_no_run_until_it_is_released(table: Any) -> None:
    files = FileLedger(table)
    files.add(item("a", "waiting"))
    for _ in range(2):  # also when repeated
        assert files.set_aside(DATASET, "a", held="waiting", reason="by hand", moment="now") is True
    found = state(files)
    assert (found["status"], found["set_aside_reason"], found["set_aside_at"]) == (
        "set_aside",
        "by hand",
        "now",
    )
    assert files.claim(DATASET, "a", "r") is None
    assert files.claim(DATASET, "a", "r", held="loaded") is None
    assert files.release(DATASET, "a") is True
    released = state(files)
    assert released["status"] == "waiting"
    assert not {"set_aside_reason", "set_aside_at"} & released.keys()
    assert files.release(DATASET, "a") is False


def test_a_file_that_a_run_holds_is_neither_set_aside_nor_released(table: Any) -> None:
    files = FileLedger(table)
    files.add(item("a", "waiting"))
    files.claim(DATASET, "a", "r")
    assert files.set_aside(DATASET, "a", held="waiting", reason="by hand", moment="now") is False
    assert files.release(DATASET, "a") is False
    assert (state(files)["status"], state(files)["run_id"]) == ("claimed", "r")


def test_a_waiting_file_is_not_set_aside_by_who_meant_a_claimed_one(table: Any) -> None:
    files = FileLedger(table)
    files.add(item("a", "waiting"))
    assert (
        files.set_aside(DATASET, "a", held="claimed", reason="too bad", moment="now", run_id="r")
        is False
    )
    assert state(files)["status"] == "waiting"


def test_all_files_of_a_status_come_over_all_pages_oldest_first(table: Any) -> None:
    files = FileLedger(table)
    for number in (3, 1, 5, 2, 4):
        files.add(item(f"file{number}", "loaded", received_at=str(number)))
    files.add(item("waits", "waiting", received_at="0"))
    files.add({**item("foreign", "loaded", received_at="0"), "dataset": "other"})
    found = FileLedger(SmallPages(table, 2)).with_status(DATASET, "loaded")
    assert [entry["entry"] for entry in found] == [
        file_entry(f"file{number}") for number in range(1, 6)
    ]
    assert list(files.with_status(DATASET, "set_aside")) == []
