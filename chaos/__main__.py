"""`python -m chaos <experiment> [--short]`: run one experiment on a fresh embedded AWS, print what was measured.

Exit code 1 when anything was lost, doubled, left open or silently wrong.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import get_args

from chaos import care, delivery, faults, hostile, load, permissions
from chaos.outcome import Outcome
from chaos.world import started
from pipeline.engines import Engine

Experiment = Callable[..., Outcome]
EXPERIMENTS: dict[str, Experiment] = {
    "care": care.run,
    "delivery": delivery.run,
    "faults": faults.run,
    "hostile": hostile.run,
    "load": load.run,
    "permissions": permissions.run,
}
SHOWN_PROBLEMS = 50


def main(arguments: list[str] | None = None) -> int:
    """0 when every experiment asked for ended without a problem."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("experiment", choices=[*EXPERIMENTS, "all"])
    parser.add_argument("--short", action="store_true", help="the form that CI runs")
    parser.add_argument(
        "--part", type=_part, help="K/N: of the faults every N-th, from the K-th on"
    )
    parser.add_argument(
        "--engine",
        choices=get_args(Engine),
        help="whose jobs the full form of faults breaks; spark unless given",
    )
    options = parser.parse_args(arguments)
    chosen_faults = {name: getattr(options, name) for name in ("part", "engine")}
    given = {name: value for name, value in chosen_faults.items() if value}
    if given and options.experiment != "faults":
        parser.error("only faults have parts and engines")
    chosen = list(EXPERIMENTS) if options.experiment == "all" else [options.experiment]
    failed = 0
    for name in chosen:
        began = time.monotonic()
        with started() as world:
            outcome = EXPERIMENTS[name](world, short=options.short, **given)
        failed += bool(report(name, outcome, time.monotonic() - began))
    return int(failed > 0)


def _part(text: str) -> faults.Part:
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise argparse.ArgumentTypeError(
            f"found {text!r}; expected K/N with K from 1 to N, such as 1/2"
        )
    return faults.Part(number=int(number), of=int(of))


def report(name: str, outcome: Outcome, seconds: float) -> int:
    """Print figures and problems; the number of problems."""
    print(f"\n{name}: {len(outcome.problems)} problems, {seconds:.0f} s with start and deployment")
    for figure, value in outcome.figures.items():
        print(f"  {figure}: {value}")
    for problem in outcome.problems[:SHOWN_PROBLEMS]:
        print(f"  PROBLEM {problem}")
    return len(outcome.problems)


if __name__ == "__main__":
    raise SystemExit(main())
