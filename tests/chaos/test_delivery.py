"""The experiment `delivery` in its short form, in a pipeline of its own: it compares with a second one."""

from __future__ import annotations

from chaos import delivery
from chaos.world import World
from tests.chaos.telling import told


def test_repeated_and_shuffled_events_give_the_tables_of_single_delivery_in_order(world: World) -> None:
    outcome = delivery.run(world, short=True)
    assert told("delivery", outcome) == []
    assert outcome.figures["events delivered"] > outcome.figures["files"]
