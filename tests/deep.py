"""What proves more than `make test` has time for, cut into slices, of which each CI run takes the next one.

Which one is next follows from the clock alone, so no state is kept: one slice further with each 45 minutes. CI that
never rests comes to all of them in turn. So does CI that runs once a day, 32 turns later each time: the number of
slices is odd.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests import timing
from tests.mutation.groups import GROUPS

ROOT = Path(__file__).parents[1]
TURN_MINUTES = 45  # what one CI run may take: `make test` and a slice
LONGEST_SLICE_MINUTES = 30  # so that `make test` has the other 15
PYTEST = ("python", "-m", "pytest", "-q", "-n", "2")
SPARK_FAULTS = ("tests/spark/test_faults_of_a_run.py", "tests/spark/test_faults_of_care.py")
KEEPING = "tests/unit/duckdb_jobs/test_keeping.py"
SECOND_OPINIONS = (  # of policies, by another simulator; of rows, by the other engine
    "tests/infrastructure/test_second_opinion.py",
    "tests/spark/test_two_engines.py",
    "tests/spark/test_one_definition.py",
)
MEANINGS = tuple(
    f"tests/spark/test_{name}.py" for name in ("modes", "loading", "keeping", "formats")
)
FAULT_PARTS = 8  # of the kills at every write of a job
SCHEDULE_PARTS = 2  # of the 100,000 simulated schedules
# Of the faults of the deployed pipeline, by engine; each part breaks the first ones by itself.
DEPLOYED_FAULT_PARTS = {"spark": 6, "duckdb": 2}


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A part of `make test-deep`: what is typed for it, and its estimated minutes on two quiet cores."""

    name: str
    minutes: int
    command: tuple[str, ...]  # `python` is the environment's
    environment: Mapping[str, str] = field(default_factory=dict)


def experiment(name: str, *, minutes: int, options: str = "") -> Slice:
    """An experiment of `make chaos` in its full form."""
    chosen = f"{name} {options}".strip()
    return Slice(
        name=f"chaos {chosen}", minutes=minutes, command=("make", "chaos", f"EXPERIMENT={chosen}")
    )


def killed_jobs(part: int) -> Slice:
    """A job killed at a share of its writes, before and after each."""
    share = f"{part}/{FAULT_PARTS}"
    files = (*SPARK_FAULTS, "tests/unit/duckdb_jobs/test_curating.py")
    return Slice(
        name=f"jobs killed at every write, {share}",
        minutes=12,
        command=(*PYTEST, *files),
        environment={"SLIPWAY_FAULTS": share},
    )


def rest_of(name: str, *paths: str, minutes: int, without: tuple[str, ...] = ()) -> Slice:
    """What is marked deep in suites or files of them."""
    ignored = (f"--ignore={path}" for path in without)
    command = (*PYTEST, "--dist", "loadfile", "-m", "deep", *paths, *ignored)
    return Slice(name=name, minutes=minutes, command=command)


def schedules(part: int) -> Slice:
    """A share of the 100,000 simulated schedules (docs/guarantees.md)."""
    share = f"{part}/{SCHEDULE_PARTS}"
    return Slice(
        name=f"simulated schedules, {share}",
        minutes=25,
        command=(*PYTEST, "-m", "deep", "tests/simulation"),
        environment={"SLIPWAY_SCHEDULES": share},
    )


def mutants(group: str) -> Slice:
    """One group of `make mutants`."""
    return Slice(name=f"mutants {group}", minutes=15, command=("make", "mutants", f"GROUP={group}"))


SLICES = (
    experiment("hostile", minutes=12),
    experiment("delivery", minutes=12),
    experiment("load", minutes=15),
    experiment("care", minutes=6),
    experiment("permissions", minutes=8),
    *(
        experiment("faults", minutes=15, options=f"--engine={engine} --part={n}/{parts}")
        for engine, parts in DEPLOYED_FAULT_PARTS.items()
        for n in range(1, parts + 1)
    ),
    *(killed_jobs(part) for part in range(1, FAULT_PARTS + 1)),
    rest_of(
        "second opinions of policies and of rows, and the marketplace as deployed",
        *SECOND_OPINIONS,
        KEEPING,
        "tests/end_to_end/test_marketplace.py",
        minutes=20,
    ),
    rest_of(
        "a database read and written back to, and EMR Serverless as deployed",
        "tests/unit/sources/database",
        "tests/unit/duckdb_jobs/write_back",
        "tests/end_to_end/test_emr_serverless.py",
        minutes=22,
    ),
    rest_of("modes, loads and table formats on Spark", *MEANINGS, minutes=14),
    rest_of(
        "the rest of the Spark suite, and Delta as deployed",
        "tests/spark",
        "tests/end_to_end/test_delta.py",
        minutes=20,
        without=(*SPARK_FAULTS, *SECOND_OPINIONS, *MEANINGS),
    ),
    *(schedules(part) for part in range(1, SCHEDULE_PARTS + 1)),
    *(mutants(group) for group in GROUPS),
    rest_of(
        "settings of production rehearsed, and features of forecasts by Spark as deployed",
        "tests/end_to_end/test_rehearsal.py",
        "tests/end_to_end/test_training.py",
        minutes=15,
    ),
    Slice(name="linters of the templates", minutes=5, command=("make", "linters")),
    Slice(
        name="statements by which services were let in",
        minutes=12,
        command=("python", "-m", "pytest", "-q", "tests/chaos"),
    ),
)


def next_slice(now: datetime) -> Slice:
    """The slice whose turn it is."""
    return SLICES[int(now.timestamp()) // (TURN_MINUTES * 60) % len(SLICES)]


def run(one: Slice) -> int:
    """Run a slice and say what it took; its exit code."""
    typed = [*(f"{name}={value}" for name, value in one.environment.items()), *one.command]
    print(
        f"slice {SLICES.index(one) + 1} of {len(SLICES)}: {one.name}\n  {' '.join(typed)}",
        flush=True,
    )
    os.environ.update(one.environment)
    python = str(ROOT / ".venv" / "bin" / "python")
    command = [python if word == "python" else word for word in one.command]
    reports = timing.REPORTS / "deep"
    if one.command[0] == "python":
        command.append(f"--junitxml={reports / 'slice.xml'}")
    began = time.monotonic()
    code = timing.timed(one.name, command, reports)
    if (minutes := (time.monotonic() - began) / 60) > one.minutes:
        print(
            f"{one.name} took {minutes:.0f} min, expected {one.minutes}: on two quiet cores, cut it in tests/deep.py"
        )
    return code


def main(arguments: list[str] | None = None) -> int:
    """0 when every slice that was asked for passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.deep", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every slice; takes hours")
    parser.add_argument("--next", action="store_true", help="the slice whose turn it is")
    parser.add_argument(
        "--at",
        type=datetime.fromisoformat,
        default=datetime.now(UTC),
        help="the moment that --next goes by, with its offset; now unless given",
    )
    parser.add_argument("--list", action="store_true", help="print the slices and run none")
    parser.add_argument("part", nargs="?", default="", help="the slices whose name contains this")
    asked = parser.parse_args(arguments)
    if not (asked.all or asked.next or asked.list or asked.part):
        parser.error("name a slice, or ask for --next, --list or --all")
    chosen = (
        [next_slice(asked.at)] if asked.next else [one for one in SLICES if asked.part in one.name]
    )
    if not chosen:
        parser.error(f"no slice is called {asked.part!r}; --list prints all names")
    if asked.list:
        print(*(f"{one.minutes:4} min  {one.name}" for one in chosen), sep="\n")
        return 0
    shutil.rmtree(timing.REPORTS / "deep", ignore_errors=True)
    failed = [one.name for one in chosen if run(one)]
    print(*timing.table(timing.REPORTS / "deep"), sep="\n")
    print(*(f"FAILED {name}" for name in failed), sep="\n")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
