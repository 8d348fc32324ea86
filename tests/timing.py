"""Minutes per suite and the slowest tests, so that a suite that grows is seen before it is too long.

`python -m tests.timing SUITE COMMAND ...` runs a command and notes its minutes; without arguments it prints the table.
pytest's own reports (JUnit XML, beside the notes) say which tests were slow.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

REPORTS = Path(__file__).parents[1] / ".slipway" / "reports"
NOTES = "minutes.jsonl"
SLOWEST = 10


def main(arguments: list[str]) -> int:
    """The exit code of the command, or 0 after printing the table."""
    if not arguments:
        print(*table(REPORTS), sep="\n")
        return 0
    suite, *command = arguments
    return timed(suite, command, REPORTS)


def timed(suite: str, command: list[str], reports: Path) -> int:
    """Run a command, note its seconds under the suite, and return its exit code."""
    reports.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    code = subprocess.run(command, check=False).returncode
    note = {"suite": suite, "seconds": round(time.monotonic() - began, 1), "ended": time.time()}
    with (reports / NOTES).open("a", encoding="utf-8") as notes:
        notes.write(json.dumps(note) + "\n")
    return code


def table(reports: Path) -> Iterator[str]:
    """Lines: minutes of each suite in the order in which they ended, from first to last, the slowest tests.

    Suites that need one processor run beside each other, so that all of them take less than their sum.
    """
    notes = [json.loads(line) for line in (reports / NOTES).read_text("utf-8").splitlines()]
    minutes: dict[str, float] = defaultdict(float)
    for note in notes:
        minutes[note["suite"]] += note["seconds"] / 60
    first = min(note["ended"] - note["seconds"] for note in notes)
    together = (max(note["ended"] for note in notes) - first) / 60
    for suite, spent in [*minutes.items(), ("together", together)]:
        yield f"{spent:7.1f} min  {suite}"
    yield f"the {SLOWEST} slowest tests:"
    for seconds, name in sorted(_tests(reports), reverse=True)[:SLOWEST]:
        yield f"{seconds:7.1f} s    {name}"


def _tests(reports: Path) -> Iterator[tuple[float, str]]:
    """Seconds and name of each test, its fixtures included."""
    for report in reports.glob("*.xml"):
        for case in ElementTree.parse(report).iter("testcase"):
            yield float(case.get("time", "0")), f"{case.get('classname')}::{case.get('name')}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
