"""No cut through datasets is torn, whatever they publish or roll back between any two looks at them.

Six datasets in random schedules, and two in every schedule of up to two changes before each of the first four looks.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

import pytest

from contracts.errors import PermanentError, RetryableError
from rows import cuts
from rows.cuts import Cut, Published, take_cut

SIX = ("users", "orders", "order_items", "payments", "products", "returns")
TWO = ("orders", "users")
BEFORE_A_LOOK = ((), ("orders",), ("users",), ("orders", "users"), ("users", "orders"))
RANDOM_SCHEDULES = 2000


@dataclass
class Catalog:
    """Published versions, which change before each look; `moments` is every state that there was."""

    names: tuple[str, ...]
    changes: Iterator[tuple[str, ...]]  # before each look: the datasets that publish or roll back
    state: dict[str, Published] = field(default_factory=dict)
    moments: list[dict[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = {name: Published(version=0, since_millis=0) for name in self.names}
        self._note()

    def look(self, name: str) -> Published:
        for changed in next(self.changes, ()):
            self._change(changed)
        return self.state[name]

    def _change(self, name: str) -> None:
        """A run publishes version 1, or a rollback brings version 0 back."""
        version = 1 - self.state[name].version
        self.state[name] = Published(version=version, since_millis=len(self.moments))
        self._note()

    def _note(self) -> None:
        self.moments.append({name: state.version for name, state in self.state.items()})


Take = Callable[[Mapping[str, str], Callable[[str], Published]], Cut]


def catalogs() -> Iterator[Catalog]:
    """One for each schedule."""
    for changes in product(BEFORE_A_LOOK, repeat=4):
        yield Catalog(TWO, iter(changes))
    for seed in range(RANDOM_SCHEDULES):
        yield Catalog(SIX, at_random(random.Random(seed), busyness=(0.02, 0.1, 0.3)[seed % 3]))


def at_random(chance: random.Random, busyness: float) -> Iterator[tuple[str, ...]]:
    """Changes without end, most of them none."""
    while True:
        names = []
        while chance.random() < busyness:
            names.append(chance.choice(SIX))
        yield tuple(names)


def torn(take: Take) -> tuple[int, int]:
    """How many cuts were taken, and how many of them there never were."""
    taken = found = 0
    for catalog in catalogs():
        try:
            cut = take({name: name for name in catalog.names}, catalog.look)
        except RetryableError:
            continue
        taken += 1
        found += {name: state.version for name, state in cut.items()} not in catalog.moments
    return taken, found


def one_look(inputs: Mapping[str, str], published: Callable[[str], Published]) -> Cut:
    """Mutant: what is published is believed at once."""
    return {name: published(place) for name, place in inputs.items()}


def versions_only(inputs: Mapping[str, str], published: Callable[[str], Published]) -> Cut:
    """Mutant: since when a version is published is not compared."""
    return take_cut(
        inputs, lambda place: Published(version=published(place).version, since_millis=0)
    )


def test_a_cut_is_what_was_published_at_one_moment() -> None:
    taken, found = torn(take_cut)
    assert found == 0
    assert taken > 2000


@pytest.mark.parametrize("mutant", [one_look, versions_only])
def test_the_schedules_find_a_cut_that_is_taken_carelessly(mutant: Take) -> None:
    assert torn(mutant)[1] > 0


def test_inputs_that_never_rest_are_no_cut_and_are_tried_a_few_times_only() -> None:
    looks: list[int] = []

    def restless(_: str) -> Published:
        looks.append(1)
        return Published(version=len(looks), since_millis=len(looks))

    with pytest.raises(RetryableError, match="orders, users were published again"):
        take_cut({"orders": "orders", "users": "users"}, restless)
    assert len(looks) == 2 * (1 + cuts.ROUNDS)


def test_an_input_that_was_never_published_is_named() -> None:
    def known(at: int) -> Published | None:
        return Published(version=1, since_millis=1) if at else None

    with pytest.raises(PermanentError, match="nothing was ever published of users;"):
        take_cut({"orders": 1, "users": 0}, known)
