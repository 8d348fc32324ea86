"""`make mutants`: each group in a copy below .slipway/mutation; figures and survivors at the end."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutation import prepare, report
from tests.mutation.groups import GROUPS

HERE = Path(__file__).parent
WORK = prepare.ROOT / ".slipway" / "mutation"


class NotJudged(Exception):
    """The tests of a group fail without any mutant, or cannot be run at all; the other groups can be judged."""


def main() -> None:
    """Judge the mutants of the groups that are named; `--all` instead of the samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[[], *GROUPS], help="default: every group")
    parser.add_argument(
        "--all", action="store_true", help="every mutant, also where a group has a sample"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        help="processes; default: one per processor",
    )
    asked = parser.parse_args()
    names = asked.groups or list(GROUPS)
    broken = False
    for name in names:
        began = time.monotonic()
        try:
            _judge(name, whole=asked.all, jobs=asked.jobs)
        except NotJudged as error:
            broken = True
            print(f"{name}: {error}", flush=True)
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    print(report.HEADING, *(line for name in names for line in report.lines(WORK / name)), sep="\n")
    for name in names:
        with contextlib.chdir(WORK / name):
            found = "\n".join(report.survivors(WORK / name))
        (WORK / f"{name}.diff").write_text(found, encoding="utf-8")
    print(f"what survived, as diffs: {WORK.relative_to(prepare.ROOT)}/*.diff")
    sys.exit(broken)


def _judge(name: str, *, whole: bool, jobs: int) -> None:
    group, folder = GROUPS[name], WORK / name
    prepare.tree(group, folder)
    _run("generate.py", folder)
    prepare.link(folder)
    sample = [f"--sample={group.sample}"] if group.sample and not whole else []
    parts = prepare.copies(folder, jobs)
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        running = [
            pool.submit(
                _run,
                "runner.py",
                part / "mutants",
                *sample,
                "--part",
                str(number),
                str(jobs),
                *group.tests,
            )
            for number, part in enumerate(parts)
        ]
        for run in running:
            run.result()
    report.join(parts, folder)
    for copy in parts[1:]:
        shutil.rmtree(copy)


def _run(script: str, folder: Path, *arguments: str) -> None:
    """Run a script of this folder in a mutated tree, which must come before the installed packages."""
    path = os.pathsep.join([str(folder), str(WORK / "site")])
    done = subprocess.run(
        [sys.executable, HERE / script, *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise NotJudged(
            f"{script} in {folder} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )


if __name__ == "__main__":
    main()
