"""`python -m dashboards`: check every dashboard of the repository against its contract."""

from __future__ import annotations

import sys
from pathlib import Path

from contracts import model
from dashboards.authoring import DASHBOARD_FILE, check_file

DATASETS = Path(__file__).resolve().parents[1] / "datasets"


def main() -> int:
    """Exit code 0 when every dashboard is valid; 1 with one line per mistake otherwise."""
    files = [DATASETS / dataset / DASHBOARD_FILE for dataset in model.datasets()]
    present = [file for file in files if file.is_file()]
    problems = [
        problem for file in present for problem in check_file(file, model.load(file.parent.name))[0]
    ]
    for problem in problems:
        print(problem, file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    raise SystemExit(main())
