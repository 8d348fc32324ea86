"""Each promise can fail: a condition is taken away from the code, and some schedule must find it.

The seeds are tried in order until one breaks the promise. Those that need thousands of seeds are deep.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lambdas.close_run import service as close_service
from lambdas.close_run.service import CloseRun
from lambdas.intake import registration, service
from lambdas.intake.registration import Registration
from pipeline import alerts, locking
from pipeline.ledger import FileLedger, RunLedger, items, loads
from tests.simulation.schedules import Schedule
from tests.simulation.world import BrokenPromise

MOST_SEEDS = 600
MOST_SEEDS_OF_RARE = 8000  # the rarest is found by 6946
Patch = pytest.MonkeyPatch
Mutant = Callable[[Patch], None]


def _loosened(condition: str, looser: str, *, to: str | None = None) -> Mutant:
    """Updates under `condition` (and to the status `to`) are made under `looser` instead."""
    real = items.update

    def update(table: Any, dataset: str, entry: str, **given: Any) -> Any:
        if given["condition"] == condition and to in (None, given["values"].get(":to")):
            used = f"{given['change']} {looser}"
            values = {
                name: value
                for name, value in given["values"].items()
                if name in used.replace(",", " ").split()
            }
            values |= {name: value for name, value in given["values"].items() if f"{name})" in used}
            given = {**given, "condition": looser, "values": values}
        return real(table, dataset, entry, **given)

    return lambda patch: patch.setattr(items, "update", update)


def _lock_for_everybody(patch: Patch) -> None:
    def take_lock(self: RunLedger, dataset: str, **given: Any) -> bool:
        given.pop("dead", None)
        self.table.put_item(Item={"dataset": dataset, "entry": "claim", **given})
        return True

    patch.setattr(RunLedger, "take_lock", take_lock)


def _lease_ignored(patch: Patch) -> None:
    real = locking.DatasetLock.take

    def take(self: locking.DatasetLock, dataset: str, execution_arn: str, **given: Any) -> str:
        hurried = locking.DatasetLock(
            files=self.files,
            runs=_Overdue(self.runs.table),
            lease_seconds=self.lease_seconds,
            now=self.now,
        )
        return real(hurried, dataset, execution_arn, **given)

    patch.setattr(locking.DatasetLock, "take", take)


class _Overdue(RunLedger):
    """Every lease looks as if it were over."""

    def lock(self, dataset: str) -> Any:
        lock = super().lock(dataset)
        return lock and {**lock, "expires_at": 0}


def _lock_freed_for_others(patch: Patch) -> None:
    def release_lock(self: RunLedger, dataset: str, _run_id: str, **_given: Any) -> bool:
        self.table.delete_item(Key={"dataset": dataset, "entry": "claim"})
        return True

    patch.setattr(RunLedger, "release_lock", release_lock)


def _lock_not_found_again(patch: Patch) -> None:
    """As it was until the simulation found it: a call that botocore repeats does not find its own lock."""
    real = items.put

    def put(table: Any, item: Any, condition: str, values: Any = None) -> bool:
        if condition.startswith("attribute_not_exists(entry) OR (run_id"):
            return real(table, item, "attribute_not_exists(entry)")
        return real(table, item, condition, values)

    patch.setattr(items, "put", put)


def _counted_before_the_lock_is_free(patch: Patch) -> None:
    real = CloseRun.close

    def close(self: CloseRun, *given: Any, **more: Any) -> dict[str, Any]:
        waiting = self.files.count_waiting(given[0])
        return {**real(self, *given, **more), "waiting": waiting}

    patch.setattr(CloseRun, "close", close)


def _nothing_counted(patch: Patch) -> None:
    real = CloseRun.close
    patch.setattr(
        CloseRun,
        "close",
        lambda self, *given, **more: {**real(self, *given, **more), "waiting": 0},
    )


def _failures_told_each_time(patch: Patch) -> None:
    real = alerts.Announcer.tell

    def tell(self: alerts.Announcer, name: str, **given: Any) -> bool:
        return real(self, f"{name}-{secrets.token_hex(4)}", **given)

    patch.setattr(alerts.Announcer, "tell", tell)


def _nothing_told(patch: Patch) -> None:
    patch.setattr(alerts.Announcer, "tell", lambda *_given, **_more: False)


def _duplicates_not_recorded(patch: Patch) -> None:
    patch.setattr(Registration, "_add_duplicate", lambda *_given: None)


def _rolled_back_stays_away(patch: Patch) -> None:
    patch.setattr(Registration, "_taken_back", lambda _self, item, *_given: item)


def _retracted_stays_away(patch: Patch) -> None:
    real = loads.taken_out_at
    patch.setattr(
        loads,
        "taken_out_at",
        lambda entry: None if entry["status"] == "retracted" else real(entry),
    )


def _retraction_not_closed(patch: Patch) -> None:
    patch.setattr(CloseRun, "_retract", lambda *_given: None)


def _retraction_outlives_its_rollback(patch: Patch) -> None:
    patch.setattr(loads, "retraction_by", lambda *_given: None)


def _one_name_for_all_deliveries(patch: Patch) -> None:
    for module in (registration, service):
        patch.setattr(module, "delivery_id", lambda item: item["sha256"])


def _duplicates_never_return(patch: Patch) -> None:
    patch.setattr(FileLedger, "let_return", lambda *_given: None)


def _duplicates_not_noted(patch: Patch) -> None:
    """The gate and CloseRun do not hear of them."""
    patch.setattr(FileLedger, "note_duplicate", lambda *_given, **_more: None)


def _returning_left_to_others(patch: Patch) -> None:
    patch.setattr(service.Intake, "_take_returned", lambda *_given: None)


def _rolled_back_loads_stand(patch: Patch) -> None:
    patch.setattr(loads, "stands", lambda _load: True)


def _read_as_it_was(patch: Patch) -> None:
    def get(table: Any, dataset: str, entry: str) -> Any:
        found = table.get_item(Key={"dataset": dataset, "entry": entry}).get("Item")
        return None if found is None else dict(found)

    patch.setattr(items, "get", get)


def _runs_left_open(patch: Patch) -> None:
    real = RunLedger.finish

    def finish(self: RunLedger, dataset: str, run_id: str, status: Any, attributes: Any) -> bool:
        return status == "failed" or real(self, dataset, run_id, status, attributes)

    patch.setattr(RunLedger, "finish", finish)


def _files_kept_by_failed_runs(patch: Patch) -> None:
    patch.setattr(FileLedger, "give_back", lambda *_given, **_more: False)


def _closed_by_whoever_comes(patch: Patch) -> None:
    """Both guards: the look at the run and its lock, and the condition of each file."""
    _loosened(HELD, "#status = :from", to="loaded")(patch)
    patch.setattr(
        close_service,
        "run_to_close",
        lambda runs, dataset, run_id: runs.get(dataset, run_id) | RUNNING,
    )


RUNNING = {"status": "running"}
HELD = "#status = :from AND run_id = :run"
CLAIM = "#status = :from OR (#status = :to AND run_id = :run)"
MUTANTS: dict[str, tuple[Mutant, str]] = {
    "whoever asks gets the lock": (_lock_for_everybody, "took the lock|is at work|lock was freed"),
    "a lease is over at once": (_lease_ignored, "whose lease is not over|is at work"),
    "whoever ends frees the lock of others": (
        _lock_freed_for_others,
        "the lock was freed|still holds|closed, while",
    ),
    "a repeated call does not find its lock": (_lock_not_found_again, "still holds the dataset"),
    "a file is claimed twice": (
        _loosened(CLAIM, "#status = :from OR #status = :to"),
        "is claimed by .* and by",
    ),
    "a file is closed by a run that was ended": (
        _closed_by_whoever_comes,
        "was closed over it|is loaded, and|closed, while",
    ),
    "a file is given back by another run": (
        _loosened(HELD, "#status = :from", to="waiting"),
        "was taken from",
    ),
    "a run ends twice": (_loosened("#status = :from", "attribute_exists(entry)"), "went from"),
    "failed runs keep their files": (_files_kept_by_failed_runs, "is claimed by"),
    "failed runs stay open": (_runs_left_open, "still running|is at work|never ended|went from"),
    "waiting files are not counted": (_nothing_counted, "nobody was told"),
    "files that came meanwhile are not counted": (
        _counted_before_the_lock_is_free,
        "nobody was told",
    ),
    "nobody is told": (_nothing_told, "nobody was told"),
    "people are told again": (_failures_told_each_time, "nobody was told|which did not happen"),
    "duplicates leave no trace": (_duplicates_not_recorded, "is nowhere in the ledger"),
    "a duplicate never returns": (_duplicates_never_return, "another content came last"),
    "a duplicate is not noted": (_duplicates_not_noted, "another content came last"),
    "nobody makes a file of what returns": (_returning_left_to_others, "to be loaded after all"),
    "what was rolled back is not taken again": (
        _rolled_back_stays_away,
        "stays (set_aside|retracted)",
    ),
    "the run of a second delivery has a used name": (
        _one_name_for_all_deliveries,
        "nobody was told",
    ),
    "a load that was rolled back counts": (_rolled_back_loads_stand, "loaded|set aside"),
    "what was retracted is not taken again": (_retracted_stays_away, "stays retracted"),
    "a retraction leaves its file to the run": (_retraction_not_closed, "is claimed by"),
    "a retraction outlives its rollback": (
        _retraction_outlives_its_rollback,
        "is retracted, and the table has rows",
    ),
    "reads may be old": (_read_as_it_was, "."),
}


# A second guard of the code, or a rare moment, has to come together with these before they are seen.
RARE = (
    "a file is claimed twice",
    "a file is closed by a run that was ended",
    "a file is given back by another run",
    "files that came meanwhile are not counted",
    "a retraction outlives its rollback",
)


@contextmanager
def _mutated(mutant: Mutant) -> Iterator[None]:
    with Patch.context() as patch:
        mutant(patch)
        yield


@pytest.mark.parametrize("name", [name for name in MUTANTS if name not in RARE])
def test_a_schedule_finds_what_is_wrong(name: str) -> None:
    _find(*MUTANTS[name], most_seeds=MOST_SEEDS)


@pytest.mark.deep
@pytest.mark.parametrize("name", RARE)
def test_a_schedule_finds_what_several_guards_hold_together(name: str) -> None:
    _find(*MUTANTS[name], most_seeds=MOST_SEEDS_OF_RARE)


def _find(mutant: Mutant, promise: str, *, most_seeds: int) -> None:
    """The first schedule that breaks a promise must break this one."""
    broken = (problem for seed in range(most_seeds) if (problem := _broken(mutant, seed)))
    first = next(broken, f"{most_seeds} schedules did not notice")
    assert re.search(promise, first), first


def _broken(mutant: Mutant, seed: int) -> str:
    """The promise that a schedule broke, or nothing."""
    try:
        with _mutated(mutant):
            Schedule(seed).play()
    except BrokenPromise as problem:
        return str(problem)
    return ""
