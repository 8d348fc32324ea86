"""Rollback and maintenance through the second state machine: the tables are those before the run, row for row, and
the warehouse follows. The function that ends the rollback is killed once, as it frees the lock.

What an operator would type is typed here. The full form then releases the file that was set aside, and has its rows
back.
"""

from __future__ import annotations

from chaos import fault_points, serving
from chaos.batches import SmallFile, batch
from chaos.fault_points import Point
from chaos.outcome import Outcome, differences, left_open
from chaos.world import DATASET, World
from slipway import __main__ as command_line

FIRST_NUMBER = 40_000  # of the orders, apart from the other experiments'
RELEASE = "ReleaseDataset"


def run(world: World, *, short: bool) -> Outcome:
    """Load a file over what is there, roll its run back, maintain the tables."""
    earlier, later = batch("care", count=2, waves=2, first=FIRST_NUMBER)
    before = world.tables()
    if not any(before.values()):  # a rollback needs something to go back to
        _load(world, earlier)
        before = world.tables()
    _load(world, later)
    after = world.tables()
    entry = next(item for item in world.file_entries() if item["landing_key"] == later.key)
    problems = [] if differences(before, after) else ["the second file changed nothing"]
    problems += _rolled_back(world, entry["run_id"])
    problems += differences(before, world.tables()) + serving.unlike_lake(world)
    problems += _typed("maintain", "--dataset", DATASET)
    problems += differences(before, world.tables()) + serving.unlike_lake(world)
    if not short:
        problems += _typed("files", "release", entry["sha256"])
        world.wait_for(world.start_run())
        problems += differences(after, world.tables()) + serving.unlike_lake(world)
    modes = [item["mode"] for item in world.run_entries() if item["entry"].startswith("run#")]
    return Outcome(
        figures={mode: modes.count(mode) for mode in sorted(set(modes))},
        problems=problems + left_open(world),
    )


def _load(world: World, file: SmallFile) -> None:
    world.put(file.key, file.body)
    world.wait_until_quiet()


def _rolled_back(world: World, run_id: str) -> list[str]:
    """What is wrong after a rollback whose last function is killed: its retry must end it as if nothing had been."""
    role = fault_points.roles(world)[RELEASE]
    world.cloud.control(
        Point(task=RELEASE, role=role, action="dynamodb:DeleteItem", call=1).command
    )
    problems = _typed("runs", "rollback", run_id, "--yes")
    return problems + [
        f"{crash} was never reached" for crash in world.cloud.control("no-crash")["not_struck"]
    ]


def _typed(*command: str) -> list[str]:
    code = command_line.main(list(command))
    return [] if code == 0 else [f"`slipway {' '.join(command)}` ended with {code}"]
