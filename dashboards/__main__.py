"""`python -m dashboards`: check every dashboard of the repository against its contract or mart."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from contracts import marts, model
from contracts.authoring.problems import Problem
from dashboards.authoring import DASHBOARD_FILE, Owner, check_file, name_of

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Exit code 0 when every dashboard is valid; 1 with one line per mistake otherwise."""
    problems = [
        *_problems(ROOT / "datasets", map(model.load, model.datasets())),
        *_problems(ROOT / "marts", map(marts.load, marts.names())),
    ]
    for problem in problems:
        print(problem, file=sys.stderr)
    return int(bool(problems))


def _problems(root: Path, owners: Iterable[Owner]) -> Iterator[Problem]:
    for owner in owners:
        file = root / name_of(owner) / DASHBOARD_FILE
        if file.is_file():
            yield from check_file(file, owner)[0]


if __name__ == "__main__":
    raise SystemExit(main())
