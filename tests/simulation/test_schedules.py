"""Every promise of docs/guarantees.md holds in every schedule; a seed that fails says how to see its schedule."""

from __future__ import annotations

import os

import pytest

from tests.simulation.schedules import Schedule

QUICK = 400  # schedules in `make test`
BLOCK = 100
ALL = 100_000
DEEP_BLOCK = 1000


def _share() -> range:
    """First seeds of the blocks that SLIPWAY_SCHEDULES asks for, as 1/2; all of them without it."""
    part, parts = map(int, os.environ.get("SLIPWAY_SCHEDULES", "1/1").split("/"))
    size = ALL // parts
    return range((part - 1) * size, part * size, DEEP_BLOCK)


@pytest.mark.parametrize("first", range(0, QUICK, BLOCK))
def test_every_promise_holds_whatever_comes_in_which_order(first: int) -> None:
    for seed in range(first, first + BLOCK):
        Schedule(seed).play()


@pytest.mark.deep
@pytest.mark.parametrize("first", _share())
def test_every_promise_holds_in_a_hundred_thousand_schedules(first: int) -> None:
    for seed in range(first, first + DEEP_BLOCK):
        Schedule(seed).play()


@pytest.mark.parametrize("seed", [3, 11])
def test_a_seed_is_a_schedule_which_replays_exactly(seed: int) -> None:
    once, again = Schedule(seed), Schedule(seed)
    once.play()
    again.play()
    assert once.world.trace == again.world.trace
