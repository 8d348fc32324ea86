"""The internal database never sleeps under a run, and never stays awake without one for longer than a stated bound."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lambdas.rest_database import service
from lambdas.rest_database.service import RestDatabase
from pipeline import store_leases
from pipeline.store_leases import Leases, StoreLeases
from tests.simulation.stores import STATES, bound, played, raced
from tests.simulation.world import BrokenPromise

ROOT = Path(__file__).parents[2]
QUICK, SEARCHED, DEEP, BLOCK, ENDINGS = 150, 300, 20_000, 1000, 40
Patch = pytest.MonkeyPatch
Mutant = Callable[[Patch], None]


def held_promises(first: int, number: int) -> int:
    """How many times something was written in these schedules, and in as many races."""
    written = 0
    for seed in range(first, first + number):
        raced(seed)
        schedule = played(seed)
        assert schedule.longest_idle <= bound(schedule.most_dead_sweeps), seed
        written += schedule.written
    return written


def test_it_never_sleeps_under_a_run_and_never_stays_awake_without_one() -> None:
    assert held_promises(0, QUICK) > QUICK  # most runs get to write


@pytest.mark.parametrize("state", STATES)
def test_a_run_that_ends_in_any_state_takes_no_database_away_and_leaves_none_awake(
    state: str,
) -> None:
    ended = set()
    for seed in range(ENDINGS):
        schedule = played(seed, ends_in=state)
        assert schedule.longest_idle <= bound(schedule.most_dead_sweeps), seed
        ended |= schedule.ended_in
    assert ended == {state}


def test_those_are_the_states_that_last() -> None:
    states = json.loads((ROOT / "state_machines" / "write_back.asl.json").read_text())["States"]
    lasting = {name for name, state in states.items() if state["Type"] in ("Task", "Wait")}
    assert lasting == {*STATES, "PrepareDatabase"}  # where a run ends as it does in WriteBack


@pytest.mark.deep
@pytest.mark.parametrize("first", range(QUICK, DEEP, BLOCK))
def test_it_holds_in_twenty_thousand_schedules(first: int) -> None:
    held_promises(first, BLOCK)


def _leases_ignored(patch: Patch) -> None:
    patch.setattr(Leases, "held_by", lambda _self, _now: [])


def _closing_ignored(patch: Patch) -> None:
    patch.setattr(Leases, "is_closing", lambda _self, _now: False)


def _written_unconditionally(patch: Patch) -> None:
    def put(table: object, item: object, _condition: str, _values: object = None) -> bool:
        table.put_item(Item=dict(item))  # type: ignore[attr-defined, call-overload]
        return True

    patch.setattr(store_leases.items, "put", put)


def _closed_for_too_short(patch: Patch) -> None:
    patch.setattr(service, "CLOSING_SECONDS", 5)


def _looked_before_held(patch: Patch) -> None:
    real = StoreLeases.hold

    def hold(self: StoreLeases, owner: str, *, until: int) -> Leases:
        before = self.now()
        real(self, owner, until=until)
        return before

    patch.setattr(StoreLeases, "hold", hold)


def _lease_too_short(patch: Patch) -> None:
    patch.setattr(service, "LEASE_SECONDS", 300)


def _lease_for_ever(patch: Patch) -> None:
    patch.setattr(service, "LEASE_SECONDS", 10**9)


def _never_swept(patch: Patch) -> None:
    real = RestDatabase.sweep
    patch.setattr(
        RestDatabase,
        "sweep",
        lambda self: real(replace(self, clock=lambda: 0.0)),  # a clock that stands still
    )


@pytest.mark.parametrize(
    "mutant",
    [
        _leases_ignored,
        _closing_ignored,
        _written_unconditionally,
        _closed_for_too_short,
        _looked_before_held,
        _lease_too_short,
        _lease_for_ever,
        _never_swept,
    ],
)
def test_without_one_of_its_conditions_some_schedule_breaks_it(
    mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    with pytest.raises((BrokenPromise, AssertionError)):
        held_promises(0, SEARCHED)
