"""The loads of a file: each run that closed over it, which of them stands, what a rollback or a failure restores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from pipeline.ledger import FileLedger, Item, file_entry
from pipeline.ledger.loads import MOST_LOADS, kept, standing
from tests.unit.ledger.entries import DATASET, item

CARE, MOMENT = "care", "2026"
ENTRY = file_entry("a")


def counts(loaded: int) -> dict[str, int]:
    return {"rows_loaded": loaded, "rows_quarantined": 10 - loaded, "rows_deduplicated": 0}


def load(run_id: str, loaded: int, **more: str) -> Item:
    return {"run_id": run_id, **counts(loaded), **more}


def undone(run_id: str, loaded: int) -> Item:
    return load(run_id, loaded, rolled_back_by=CARE)


@dataclass(frozen=True)
class File:
    """File a in the ledger."""

    table: Any

    @property
    def files(self) -> FileLedger:
        return FileLedger(self.table)

    def now(self) -> Item:
        found = self.files.get(DATASET, ENTRY) or {}
        return {
            name: value
            for name, value in found.items()
            if name not in ("dataset", "entry", "sha256")
        }

    def close(self, run_id: str, loaded: int, held: Any = "loaded") -> None:
        assert self.files.claim(DATASET, "a", run_id, held=held) is not None
        assert self.files.close(DATASET, "a", run_id, counts(loaded))

    def undo(self, run_id: str, mode: str) -> Item | None:
        known = self.files.get(DATASET, ENTRY) or {}
        return self.files.undo(known, {"run_id": run_id, "mode": mode}, by_run=CARE, moment=MOMENT)

    def put(self, **attributes: Any) -> None:
        self.files.add({**item("a", "loaded"), "sha256": "a", **attributes})


@pytest.fixture
def file(table: Any) -> File:
    FileLedger(table).add({**item("a", "waiting"), "sha256": "a"})
    return File(table)


def loaded(run_id: str, rows: int, loads: Sequence[Item]) -> Item:
    """The whole entry of a file that is loaded."""
    state = {"received_at": "1", "status": "loaded", "dataset_status": f"{DATASET}#loaded"}
    return {**state, "run_id": run_id, **counts(rows), "loads": list(loads)}


def aside(run_id: str, loads: Sequence[Item]) -> Item:
    """The whole entry of a file whose only load was rolled back."""
    state = {"received_at": "1", "status": "set_aside", "dataset_status": f"{DATASET}#set_aside"}
    return {
        **state,
        "set_aside_at": MOMENT,
        "set_aside_reason": f"run {run_id} was rolled back by {CARE}",
        "loads": list(loads),
    }


def test_each_close_is_kept_once_and_the_newest_stands(file: File) -> None:
    file.close("1", 9, held="waiting")
    file.close("2", 8)
    assert file.files.close(DATASET, "a", "2", counts(8))  # repeated after a crash
    assert file.now() == loaded("2", 8, [load("1", 9), load("2", 8)])
    assert file.files.close(DATASET, "a", "1", counts(9)) is None  # its time is over
    assert file.now() == loaded("2", 8, [load("1", 9), load("2", 8)])


def test_while_a_run_holds_the_file_it_has_the_counts_of_the_load_that_stands(file: File) -> None:
    file.close("1", 9, held="waiting")
    file.files.claim(DATASET, "a", "2", held="loaded")
    held = {"status": "claimed", "dataset_status": f"{DATASET}#claimed", "run_id": "2"}
    assert file.now() == {**loaded("1", 9, [load("1", 9)]), **held}


@pytest.mark.parametrize("mode", ["backfill", "replay"])
def test_a_failed_backfill_or_replay_leaves_the_entry_as_it_was(file: File, mode: str) -> None:
    file.close("1", 9, held="waiting")
    file.close("2", 8)
    file.undo("2", mode)
    before = file.now()
    assert before["run_id"] == "1"
    file.files.claim(DATASET, "a", "3", held="loaded")
    assert file.files.give_back(DATASET, "a", "other", held="loaded") is False
    assert file.files.give_back(DATASET, "a", "3", held="loaded") is True
    assert file.files.give_back(DATASET, "a", "3", held="loaded") is False
    assert file.now() == before


class Watched:
    """A table that notes how it is asked."""

    def __init__(self, table: Any) -> None:
        self.table, self.meta = table, table.meta
        self.consistent: list[bool] = []
        self.updates = 0

    def get_item(self, **arguments: Any) -> Any:
        self.consistent.append(arguments["ConsistentRead"])
        return self.table.get_item(**arguments)

    def update_item(self, **arguments: Any) -> Any:
        self.updates += 1
        return self.table.update_item(**arguments)


@pytest.mark.parametrize(("held", "consistent"), [("loaded", [True]), ("waiting", [])])
def test_who_gives_back_reads_the_loads_of_a_loaded_file_only_strongly_consistent(
    file: File, held: Any, consistent: list[bool]
) -> None:
    file.close("1", 9, held="waiting")
    file.files.claim(DATASET, "a", "2", held="loaded")
    watched = Watched(file.table)
    FileLedger(watched).give_back(DATASET, "a", "2", held=held)
    assert (watched.consistent, file.now().get("run_id")) == (
        consistent,
        "1" if consistent else None,
    )


def test_to_close_is_one_write(file: File) -> None:
    file.files.claim(DATASET, "a", "1")
    watched = Watched(file.table)
    assert FileLedger(watched).close(DATASET, "a", "1", counts(9))
    assert watched.updates == 1


def test_an_entry_from_before_loads_were_kept_is_closed_again(table: Any) -> None:
    file = File(table)
    file.put(run_id="1", **counts(9))
    before = file.now()
    assert file.files.close(DATASET, "a", "1", counts(9))
    assert file.now() == before


@pytest.mark.parametrize("mode", ["backfill", "replay"])
def test_a_backfill_rolled_back_gives_run_and_counts_of_the_load_before_however_often(
    file: File, mode: str
) -> None:
    file.close("1", 9, held="waiting")
    file.close("2", 8)
    expected = loaded("1", 9, [load("1", 9), undone("2", 8)])
    for _ in range(2):
        assert (file.undo("2", mode) or {}).get("run_id") == "1"
        assert file.now() == expected
    known, watched = file.files.get(DATASET, ENTRY) or {}, Watched(file.table)
    FileLedger(watched).undo(known, {"run_id": "2", "mode": mode}, by_run=CARE, moment=MOMENT)
    assert watched.updates == 0  # an earlier attempt did it


def test_several_loads_are_undone_newest_first_down_to_no_load_at_all(file: File) -> None:
    file.close("1", 9, held="waiting")
    file.close("2", 8)
    file.close("3", 7)
    file.undo("3", "replay")
    assert file.now() == loaded("2", 8, [load("1", 9), load("2", 8), undone("3", 7)])
    file.undo("2", "backfill")
    assert file.now() == loaded("1", 9, [load("1", 9), undone("2", 8), undone("3", 7)])
    file.undo("1", "load")
    assert file.now() == aside("1", [undone("1", 9), undone("2", 8), undone("3", 7)])


def test_a_file_set_aside_by_a_rollback_is_released_without_counts_and_loaded_again(
    file: File,
) -> None:
    file.close("1", 9, held="waiting")
    file.undo("1", "load")
    file.files.release(DATASET, "a")
    waiting = {"received_at": "1", "status": "waiting", "dataset_status": f"{DATASET}#waiting"}
    assert file.now() == {**waiting, "loads": [undone("1", 9)]}
    file.files.claim(DATASET, "a", "2")
    file.files.give_back(DATASET, "a", "2")
    assert file.now() == {**waiting, "loads": [undone("1", 9)]}
    file.close("3", 6, held="waiting")
    assert file.now() == loaded("3", 6, [undone("1", 9), load("3", 6)])


def test_a_run_that_never_closed_over_a_file_takes_nothing_from_it(file: File) -> None:
    """It meant to load the file once, failed, and was resumed without it."""
    file.close("2", 8, held="waiting")
    before = file.now()
    for mode in ("load", "backfill"):
        assert (file.undo("1", mode) or {})["run_id"] == "2"
        assert file.now() == before


@pytest.mark.parametrize("meanwhile", ["closed", "claimed", "set aside"])
def test_nothing_is_undone_in_an_entry_that_changed_since_it_was_read(
    file: File, meanwhile: str
) -> None:
    file.close("1", 9, held="waiting")
    known = file.files.get(DATASET, ENTRY) or {}
    if meanwhile == "set aside":
        file.undo("1", "load")
    else:
        file.files.claim(DATASET, "a", "2", held="loaded")
    if meanwhile == "closed":
        file.files.close(DATASET, "a", "2", counts(8))
    before = file.now()
    for mode in ("load", "backfill"):
        undo = {"run_id": "1", "mode": mode}
        assert file.files.undo(known, undo, by_run=CARE, moment=MOMENT) is None
        assert file.now() == before


def test_a_load_before_loads_were_kept_is_not_invented(table: Any) -> None:
    """The file was loaded by run 1, which nothing tells; run 2 is the first whose load is kept."""
    file = File(table)
    file.put(run_id="1", **counts(9))
    file.close("2", 8)
    assert file.now() == loaded("2", 8, [load("2", 8)])
    for _ in range(2):
        assert "run_id" not in (file.undo("2", "backfill") or {"run_id": "?"})
    expected = loaded("?", 8, [undone("2", 8)])
    del expected["run_id"]
    assert file.now() == expected
    file.undo("1", "load")
    assert file.now() == aside("1", [undone("2", 8)])


def test_the_last_load_of_an_entry_without_loads_is_undone_with_its_counts_kept_in_them(
    table: Any,
) -> None:
    file = File(table)
    file.put(run_id="2", **counts(8), row_count=10)
    assert "run_id" not in (file.undo("2", "backfill") or {"run_id": "?"})
    expected = {**loaded("?", 8, [undone("2", 8)]), "row_count": 10}
    del expected["run_id"]
    assert file.now() == expected


@pytest.mark.parametrize(
    "run_id", ["1", "a backfill that was rolled back when counts were left as they were"]
)
def test_a_plain_load_of_an_entry_without_loads_is_set_aside_whichever_run_it_names(
    table: Any, run_id: str
) -> None:
    file = File(table)
    file.put(run_id=run_id, **counts(9))
    file.undo("1", "load")
    assert file.now() == aside("1", [undone("1", 9)] if run_id == "1" else [])


def test_a_backfill_takes_nothing_from_an_entry_without_loads_that_another_run_closed(
    table: Any,
) -> None:
    file = File(table)
    file.put(run_id="3", **counts(9))
    before = file.now()
    file.undo("2", "backfill")
    assert file.now() == before


def test_of_a_load_that_names_few_counts_those_come_back(table: Any) -> None:
    file = File(table)
    file.put(run_id="1", loads=[{"run_id": "1", "rows_loaded": 9}, load("2", 8)], **counts(8))
    file.undo("2", "backfill")
    assert file.now()["loads"] == [{"run_id": "1", "rows_loaded": 9}, undone("2", 8)]
    assert (file.now()["rows_loaded"], file.now()["run_id"]) == (9, "1")


def test_a_resumed_run_that_closes_again_has_one_load_of_its_last_close(file: File) -> None:
    file.close("1", 9, held="waiting")
    file.close("2", 8)
    file.close("2", 7)
    assert file.now() == loaded("2", 7, [load("1", 9), load("2", 7)])


def test_a_close_that_crashed_before_the_loads_were_shortened_is_healed_by_the_repeated_one(
    file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.close("1", 9, held="waiting")
    file.close("2", 8)
    with monkeypatch.context() as crash:
        crash.setattr(FileLedger, "_shorten", lambda *_: None)
        file.close("2", 7)
        file.files.close(DATASET, "a", "2", counts(7))  # adds nothing, whatever is shortened
    assert [each["run_id"] for each in file.now()["loads"]] == ["1", "2", "2"]
    file.files.close(DATASET, "a", "2", counts(7))
    assert file.now() == loaded("2", 7, [load("1", 9), load("2", 7)])


def test_an_entry_keeps_only_so_many_loads(table: Any) -> None:
    file = File(table)
    every = [load(f"{number:03}", 9) for number in range(MOST_LOADS)]
    file.put(run_id="099", **counts(9), loads=every)
    file.close("100", 8)
    assert file.now() == loaded("100", 8, [*every[1:], load("100", 8)])


@pytest.mark.parametrize(
    ("undone_at", "gone"),
    [((), 0), ((3,), 3), ((5, 7), 5)],
    ids=["the oldest", "the undone", "the oldest undone"],
)
def test_of_too_many_loads_one_that_was_rolled_back_goes_first(
    undone_at: tuple[int, ...], gone: int
) -> None:
    every = [
        undone(str(number), 9) if number in undone_at else load(str(number), 9)
        for number in range(MOST_LOADS)
    ]
    newest = load("newest", 8)
    assert kept(every) == every
    assert kept([*every, newest]) == [*every[:gone], *every[gone + 1 :], newest]


def test_of_no_loads_none_stands_and_none_is_kept() -> None:
    assert (standing([]), standing([undone("1", 9)]), kept([])) == (None, None, [])
