"""`python -m tests.simulation SEED` plays one schedule and prints it; `FIRST LAST` plays many and prints what fails."""

from __future__ import annotations

import sys
import time

from tests.simulation.schedules import Schedule
from tests.simulation.world import BrokenPromise


def main(arguments: list[str]) -> int:
    """1 when a promise was broken."""
    if len(arguments) == 1:
        return _show(int(arguments[0]))
    first, last = map(int, arguments)
    began, broken = time.process_time(), 0
    for seed in range(first, last):
        try:
            Schedule(seed).play()
        except BrokenPromise as problem:
            broken += 1
            print(problem)
    seconds = time.process_time() - began
    print(f"{last - first} schedules, {broken} broke a promise, {seconds:.1f} s of processor time")
    return int(bool(broken))


def _show(seed: int) -> int:
    schedule, problem = Schedule(seed), None
    try:
        schedule.play()
    except BrokenPromise as broken:
        problem = broken
    for moment, actor, text in schedule.world.trace:
        print(f"{moment:10.3f}  {actor:40}  {text}")
    print(problem or f"seed {seed}: every promise holds")
    return int(problem is not None)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
